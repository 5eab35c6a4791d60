#include <yaml-cpp/yaml.h>

#include <array>
#include <nlohmann/json.hpp>

#include "scan/dependency_files.hpp"
#include "scan/toml.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::scan {
namespace {

constexpr std::size_t kMaxYaml = 2u << 20;
constexpr std::array<const char*, 3> kSections{"dependencies", "devDependencies", "optionalDependencies"};

std::string text_of(const core::Json& json, const char* name) {
  const auto found = json.is_object() ? json.find(name) : json.end();
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const core::Json* object_of(const core::Json& json, const char* name) {
  const auto found = json.is_object() ? json.find(name) : json.end();
  return found != json.end() && found->is_object() ? &*found : nullptr;
}

std::string scalar(const YAML::Node& node) {
  return node && node.IsScalar() ? node.Scalar() : std::string();
}

/// `1.2.3(peer@4)` and `1.2.3_peer@4` are the version 1.2.3.
std::string without_peers(const std::string& version) {
  return version.substr(0, version.find_first_of("(_"));
}

/// A section maps a name to {specifier, version}, or in older files to the version alone.
void add_pnpm_section(const YAML::Node& section, Lock& lock) {
  if (!section || !section.IsMap()) return;
  for (const auto& member : section) {
    const std::string name = scalar(member.first);
    const bool pair = member.second.IsMap();
    lock.versions.emplace(name, without_peers(scalar(pair ? member.second["version"] : member.second)));
    if (pair && member.second["specifier"]) lock.wanted->emplace(name, scalar(member.second["specifier"]));
  }
}

Result<Lock> pnpm_lock(const YAML::Node& root) {
  if (!root.IsMap()) return Error{Errc::invalid_argument, "yaml_invalid", "no mapping"};
  Lock lock;
  lock.wanted.emplace();
  const YAML::Node importer = root["importers"] && root["importers"].IsMap() ? root["importers"]["."] : root;
  if (importer && importer.IsMap()) {
    for (const char* section : kSections)
      add_pnpm_section(importer[section], lock);
    if (const YAML::Node specifiers = importer["specifiers"]; specifiers && specifiers.IsMap()) {
      for (const auto& member : specifiers)
        lock.wanted->emplace(scalar(member.first), scalar(member.second));
    }
  }
  return lock;
}

}  // namespace

Result<Lock> read_package_lock(std::string_view text) {
  SKILL_VERIFIER_TRY(const core::Json json, core::parse_json(text));
  Lock lock;
  if (const core::Json* packages = object_of(json, "packages")) {
    constexpr std::string_view folder = "node_modules/";
    for (const auto& [path, entry] : packages->items()) {
      if (path.starts_with(folder)) lock.versions.emplace(path.substr(folder.size()), text_of(entry, "version"));
    }
    if (const core::Json* root = object_of(*packages, "")) {
      lock.wanted.emplace();
      for (const char* section : kSections) {
        if (const core::Json* list = object_of(*root, section)) {
          for (const auto& [name, wanted] : list->items())
            lock.wanted->emplace(name, wanted.is_string() ? wanted.get<std::string>() : std::string());
        }
      }
    }
    return lock;
  }
  const core::Json* list = object_of(json, "dependencies");
  if (list == nullptr && !json.contains("lockfileVersion"))
    return Error{Errc::invalid_argument, "json_invalid", "no lock file: it has neither packages nor dependencies"};
  if (list != nullptr) {
    for (const auto& [name, entry] : list->items())
      lock.versions.emplace(name, text_of(entry, "version"));
  }
  return lock;
}

Lock read_yarn_lock(std::string_view text) {
  Lock lock;
  lock.entries.emplace();
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == ' ' || line.front() == '#' || !line.ends_with(':')) continue;
    line.remove_suffix(1);
    // "a@^1.0.0", "a@^1.1.0": or, in later versions, "a@npm:^1.0.0, a@npm:^1.1.0":
    std::string entry;
    for (const char c : line) {
      if (c == ',')
        lock.entries->insert(std::exchange(entry, {}));
      else if (c != '"' && !(c == ' ' && entry.empty()))
        entry.push_back(c);
    }
    lock.entries->insert(std::move(entry));
  }
  return lock;
}

Result<Lock> read_pnpm_lock(std::string_view text) {
  if (text.size() > kMaxYaml) return Error{Errc::too_large, "yaml_too_large", "more than 2 MiB"};
  try {
    return pnpm_lock(YAML::Load(std::string(text)));
  } catch (const YAML::Exception& error) {
    return Error{Errc::invalid_argument, "yaml_invalid", error.what()};
  }
}

Result<Lock> read_python_lock(std::string_view text) {
  SKILL_VERIFIER_TRY(const toml::table root, parse_toml(text));
  Lock lock;
  const toml::node* packages = root.get("package");
  if (packages == nullptr || !packages->is_array()) return lock;
  for (const toml::node& item : *packages->as_array()) {
    const toml::table* package = item.as_table();
    if (package == nullptr) continue;
    const std::string name = python_name((*package)["name"].value_or(std::string()));
    lock.versions.emplace(name, (*package)["version"].value_or(std::string()));
  }
  return lock;
}

}  // namespace skill_verifier::scan
