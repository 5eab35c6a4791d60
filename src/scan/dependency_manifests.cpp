#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "scan/dependency_files.hpp"
#include "scan/toml.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::scan {
namespace {

bool matches(std::string_view text, const RE2& pattern) {
  return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

/// `git+https://…#<commit>` and pip's `…@<commit>`: a full hash does not move.
bool names_commit(std::string_view address) {
  static const RE2 commit(R"(.*[#@][0-9a-f]{40}(?:[#&?].*)?)");
  return matches(address, commit);
}

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

Dependency npm_dependency(const std::string& name, std::string wanted) {
  static const RE2 exact(R"((?:npm:[^@]*.[^@]*@)?[=v]?(\d+\.\d+\.\d+(?:[-+][\w.+-]*)?))");
  static const RE2 inside(R"((?:file|link|workspace|portal):.*)");
  Dependency found{.name = name, .wanted = std::move(wanted)};
  found.local = matches(found.wanted, inside);
  found.pinned = found.local || names_commit(found.wanted) || RE2::FullMatch(found.wanted, exact, &found.version);
  return found;
}

/// PEP 508: `name[extras] specifier ; marker` or `name[extras] @ address`; nothing where there is no name.
std::optional<Dependency> python_dependency(std::string_view requirement) {
  static const RE2 form(R"(([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(@)?\s*(.*))");
  static const RE2 exact(R"(===?\s*([^*,\s]+))");
  std::string name, at, rest;
  if (!RE2::FullMatch(re2::StringPiece(requirement.data(), requirement.size()), form, &name, &at, &rest))
    return std::nullopt;
  Dependency found{.name = python_name(name)};
  if (!at.empty()) {
    found.wanted = trim(rest.substr(0, rest.find(" ;")));
    found.local = found.wanted.starts_with("file:");
    found.pinned = found.local || names_commit(found.wanted) || found.wanted.find("#sha256=") != std::string::npos;
    return found;
  }
  std::string_view specifier = trim(std::string_view(rest).substr(0, rest.find(';')));
  if (specifier.starts_with('(') && specifier.ends_with(')'))
    specifier = trim(specifier.substr(1, specifier.size() - 2));
  found.wanted = specifier;
  found.pinned = RE2::FullMatch(found.wanted, exact, &found.version);
  return found;
}

/// Lines with their continuations, without comments.
std::vector<std::string> logical_lines(std::string_view text) {
  std::vector<std::string> lines;
  std::string open;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    std::string_view line = trim(text.substr(at, end - at));
    at = end + 1;
    if (line.starts_with('#')) continue;
    if (const auto comment = line.find(" #"); comment != std::string_view::npos) line = trim(line.substr(0, comment));
    const bool more = line.ends_with('\\');
    if (more) line.remove_suffix(1);
    open += line;
    open += ' ';
    if (more) continue;
    if (!trim(open).empty()) lines.emplace_back(trim(open));
    open.clear();
  }
  if (!trim(open).empty()) lines.emplace_back(trim(open));
  return lines;
}

std::string text_of(const toml::node* node) {
  return node == nullptr ? std::string() : node->value_or(std::string());
}

void add_requirements(const toml::node* list, DependencyManifest& out) {
  if (list == nullptr || !list->is_array()) return;
  for (const toml::node& item : *list->as_array()) {
    if (auto found = python_dependency(item.value_or(std::string()))) out.dependencies.push_back(std::move(*found));
  }
}

void add_lists(const toml::node* groups, DependencyManifest& out) {
  if (groups == nullptr || !groups->is_table()) return;
  for (const auto& [name, list] : *groups->as_table())
    add_requirements(&list, out);
}

/// In Poetry a bare version is that version; an address is pinned by a commit.
Dependency poetry_dependency(std::string_view name, const toml::node& value) {
  static const RE2 exact(R"((?:==?=?\s*)?(\d[\w.+-]*))");
  Dependency found{.name = python_name(name)};
  if (const toml::table* table = value.as_table()) {
    found.wanted = text_of(table->get("version"));
    if (found.wanted.empty()) found.wanted = text_of(table->get("git")) + text_of(table->get("url"));
    found.local = table->contains("path");
    const std::string revision = text_of(table->get("rev"));
    found.pinned = found.local || names_commit("@" + revision);
  } else {
    found.wanted = value.value_or(std::string());
  }
  if (!found.pinned) found.pinned = RE2::FullMatch(found.wanted, exact, &found.version);
  return found;
}

void add_poetry(const toml::node* table, DependencyManifest& out) {
  if (table == nullptr || !table->is_table()) return;
  for (const auto& [name, value] : *table->as_table()) {
    if (name.str() != "python") out.dependencies.push_back(poetry_dependency(name.str(), value));
  }
}

}  // namespace

std::string python_name(std::string_view name) {
  std::string result;
  for (const char c : name) {
    const bool dash = c == '-' || c == '_' || c == '.';
    if (dash && result.ends_with('-')) continue;
    result.push_back(dash ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  return result;
}

Result<DependencyManifest> read_package_json(std::string_view text) {
  SKILL_VERIFIER_TRY(const core::Json json, core::parse_json(text));
  DependencyManifest manifest;
  for (const char* section : {"dependencies", "devDependencies", "optionalDependencies"}) {
    const auto list = json.is_object() ? json.find(section) : json.end();
    if (list == json.end()) continue;
    if (!list->is_object())
      return Error{Errc::invalid_argument, "json_invalid", std::string(section) + " is no object"};
    for (const auto& [name, wanted] : list->items())
      manifest.dependencies.push_back(npm_dependency(name, wanted.is_string() ? wanted.get<std::string>() : ""));
  }
  return manifest;
}

DependencyManifest read_requirements(std::string_view text) {
  DependencyManifest manifest;
  manifest.hashed = true;
  for (const std::string& line : logical_lines(text)) {
    if (line.starts_with('-') || line.starts_with('.') || line.starts_with('/')) continue;  // options, local paths
    const auto options = line.find(" --");
    const bool hashed = line.find("--hash=") != std::string::npos;
    const std::string requirement(trim(std::string_view(line).substr(0, options)));
    std::optional<Dependency> found;
    if (requirement.find("://") < requirement.find_first_of(" @[=<>!~;")) {
      found = Dependency{.name = requirement, .wanted = requirement, .pinned = names_commit(requirement)};
    } else {
      found = python_dependency(requirement);
    }
    if (!found) continue;
    manifest.hashed = manifest.hashed && (hashed || found->local);
    manifest.dependencies.push_back(std::move(*found));
  }
  if (manifest.dependencies.empty()) manifest.hashed = false;
  return manifest;
}

Result<DependencyManifest> read_pyproject(std::string_view text) {
  SKILL_VERIFIER_TRY(const toml::table root, parse_toml(text));
  DependencyManifest manifest;
  add_requirements(root.at_path("project.dependencies").node(), manifest);
  add_lists(root.at_path("project.optional-dependencies").node(), manifest);
  add_lists(root.get("dependency-groups"), manifest);
  add_poetry(root.at_path("tool.poetry.dependencies").node(), manifest);
  add_poetry(root.at_path("tool.poetry.dev-dependencies").node(), manifest);
  if (const toml::node* groups = root.at_path("tool.poetry.group").node(); groups != nullptr && groups->is_table()) {
    for (const auto& [name, group] : *groups->as_table())
      if (group.is_table()) add_poetry(group.as_table()->get("dependencies"), manifest);
  }
  return manifest;
}

}  // namespace skill_verifier::scan
