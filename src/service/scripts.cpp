#include "service/scripts.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "skill_verifier/core/json.hpp"

namespace skill_verifier::service {
namespace {

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  const auto word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

/// The name of the program that a first line names; empty where it names none.
std::string_view named_program(std::string_view text) {
  if (!text.starts_with("#!")) return {};
  std::string_view line =
      text.substr(2, text.find_first_of("\r\n") == std::string_view::npos ? std::string_view::npos
                                                                          : text.find_first_of("\r\n") - 2);
  auto program = name_of(next_word(line));
  if (program != "env") return program;
  do
    program = name_of(next_word(line));
  while (program.starts_with('-') || program.find('=') != std::string_view::npos);
  return program;
}

std::string interpreter_of(std::string_view program) {
  if (program == "dash" || program == "ash") return "sh";
  if (program == "nodejs") return "node";
  if (program == "python" || (program.starts_with("python3") && program.size() > 7)) return "python3";
  return std::string(program);
}

/// A file named .sh may use what only bash understands: where no first line says so, bash takes more of both.
std::string by_name(std::string_view path) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kNames{{{".sh", "bash"},
                                                                                  {".bash", "bash"},
                                                                                  {".py", "python3"},
                                                                                  {".js", "node"},
                                                                                  {".mjs", "node"},
                                                                                  {".cjs", "node"},
                                                                                  {".pl", "perl"},
                                                                                  {".pm", "perl"},
                                                                                  {".rb", "ruby"},
                                                                                  {".zsh", "zsh"}}};
  const auto name = name_of(path);
  const auto known = std::ranges::find_if(
      kNames, [&](const auto& one) { return name.size() > one.first.size() && name.ends_with(one.first); });
  return known == kNames.end() ? std::string() : std::string(known->second);
}

bool is_foreign(std::string_view path) {
  return path.starts_with("node_modules/") || path.find("/node_modules/") != std::string_view::npos;
}

bool is_separator(char byte) {
  constexpr std::string_view kSeparators = " \t\r\n'\"`()[]<>|;&,";
  return kSeparators.find(byte) != std::string_view::npos;
}

void add_words(std::string_view text, std::vector<std::string_view>& words) {
  while (!text.empty()) {
    const auto begin = std::ranges::find_if_not(text, is_separator);
    text.remove_prefix(static_cast<std::size_t>(begin - text.begin()));
    const auto end = static_cast<std::size_t>(std::ranges::find_if(text, is_separator) - text.begin());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

/// Code spans and targets of links in a line that is no code.
void add_inline(std::string_view line, std::vector<std::string_view>& words) {
  for (std::size_t at = 0; at < line.size();) {
    const char opening = line[at];
    const bool span = opening == '`';
    const bool target = opening == ']' && at + 1 < line.size() && line[at + 1] == '(';
    const auto begin = at + (target ? 2 : 1);
    if (!span && !target) {
      ++at;
      continue;
    }
    const auto end = line.find(span ? '`' : ')', begin);
    if (end == std::string_view::npos) return;
    add_words(line.substr(begin, end - begin), words);
    at = end + 1;
  }
}

void add_bins(const skill::FileView& files, std::set<std::string, std::less<>>& named) {
  if (std::ranges::find(files.paths, "package.json") == files.paths.end()) return;
  const auto text = files.read("package.json");
  if (!text) return;
  const auto package = core::parse_json(*text);
  if (!package || !package->is_object() || !package->contains("bin")) return;
  const auto add = [&](const core::Json& target) {
    if (!target.is_string()) return;
    const auto& path = target.get_ref<const std::string&>();
    named.emplace(path.starts_with("./") ? path.substr(2) : path);
  };
  const auto& bin = package->at("bin");
  if (bin.is_object())
    for (const auto& target : bin)
      add(target);
  else
    add(bin);
}

}  // namespace

std::vector<Script> find_scripts(const skill::FileView& files) {
  std::vector<Script> scripts;
  for (const auto& path : files.paths) {
    if (is_foreign(path)) continue;
    const auto name = by_name(path);
    const bool plain = name_of(path).find('.') == std::string_view::npos;
    // What neither its name nor its first line calls a script is not read.
    if (name.empty() && !plain) continue;
    const auto text = files.read(path);
    if (!text) continue;
    const auto program = named_program(*text);
    auto interpreter = program.empty() ? name : interpreter_of(program);
    if (!interpreter.empty()) scripts.push_back({path, std::move(interpreter)});
  }
  std::ranges::sort(scripts, {}, &Script::path);
  return scripts;
}

std::vector<std::string_view> code_words(std::string_view markdown) {
  std::vector<std::string_view> words;
  char fence = 0;
  while (!markdown.empty()) {
    const auto end = std::min(markdown.find('\n'), markdown.size());
    const auto line = markdown.substr(0, end);
    markdown.remove_prefix(std::min(end + 1, markdown.size()));
    const auto text = line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
    const bool marks = text.starts_with("```") || text.starts_with("~~~");
    if (marks && (fence == 0 || fence == text[0])) {
      fence = fence == 0 ? text[0] : '\0';
    } else if (fence != 0) {
      add_words(line, words);
    } else {
      add_inline(line, words);
    }
  }
  return words;
}

std::vector<Script> find_entries(const skill::FileView& files, const skill::Manifest& manifest,
                                 const std::vector<Script>& scripts) {
  std::set<std::string, std::less<>> named;
  if (manifest.entrypoint)
    named.emplace(manifest.entrypoint->starts_with("./") ? manifest.entrypoint->substr(2) : *manifest.entrypoint);
  add_bins(files, named);
  std::set<std::string_view> paths;
  std::size_t longest = 0;
  for (const auto& script : scripts) {
    paths.insert(script.path);
    longest = std::max(longest, script.path.size());
  }
  const auto text = files.read(manifest.file);
  const auto words = text ? code_words(*text) : std::vector<std::string_view>();
  for (std::string_view word : words) {
    // A word may end with a script's path, as `{baseDir}/run.sh` does. What stands further in front cannot matter.
    if (word.size() > longest + 1) word.remove_prefix(word.size() - longest - 1);
    if (paths.contains(word)) named.emplace(word);
    for (auto slash = word.find('/'); slash != std::string_view::npos; slash = word.find('/', slash + 1))
      if (const auto rest = word.substr(slash + 1); paths.contains(rest)) named.emplace(rest);
  }
  std::vector<Script> entries;
  std::ranges::copy_if(scripts, std::back_inserter(entries),
                       [&](const Script& script) { return named.contains(script.path); });
  return entries;
}

}  // namespace skill_verifier::service
