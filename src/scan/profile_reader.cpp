#include "scan/profile_reader.hpp"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <initializer_list>
#include <stdexcept>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::scan {
namespace {

using Vocabulary = std::map<std::string, std::string>;

[[noreturn]] void refuse(const YAML::Node& node, std::string_view why) {
  throw std::runtime_error(fmt::format("line {}: {}", node.Mark().line + 1, why));
}

void only_keys(const YAML::Node& map, std::initializer_list<std::string_view> known) {
  if (!map.IsMap()) refuse(map, "a mapping is expected");
  for (const auto& member : map) {
    const auto key = member.first.as<std::string>();
    if (std::ranges::find(known, key) == known.end()) refuse(member.first, "unknown key " + key);
  }
}

std::string required(const YAML::Node& map, const std::string& key) {
  const YAML::Node value = map[key];
  if (!value || !value.IsScalar() || value.Scalar().empty()) refuse(map, "there is no " + key);
  return value.Scalar();
}

std::vector<std::string> strings(const YAML::Node& node) {
  std::vector<std::string> list;
  if (node.IsScalar()) return {node.Scalar()};
  for (const auto& item : node)
    list.push_back(item.as<std::string>());
  return list;
}

/// A pattern is a text, or a list of which any may match; `{{name}}` stands for a pattern of the vocabulary.
std::string expand(const YAML::Node& node, const Vocabulary& vocabulary) {
  std::string joined;
  for (const std::string& part : strings(node))
    joined += (joined.empty() ? "(?:" : "|") + part;
  joined += ")";
  std::string out;
  for (std::size_t at = 0; at < joined.size();) {
    const auto open = joined.find("{{", at);
    if (open == std::string::npos) return out + joined.substr(at);
    const auto close = joined.find("}}", open);
    if (close == std::string::npos) refuse(node, "unclosed {{");
    const auto known = vocabulary.find(joined.substr(open + 2, close - open - 2));
    if (known == vocabulary.end()) refuse(node, "no such word: " + joined.substr(open, close - open + 2));
    out += joined.substr(at, open - at) + known->second;
    at = close + 2;
  }
  return out;
}

View parse_view(const YAML::Node& node) {
  const auto text = node.as<std::string>();
  if (text == "text") return View::text;
  if (text == "command") return View::command;
  if (text == "url") return View::url;
  refuse(node, "a view is text, command or url");
}

std::uint8_t parse_where(const YAML::Node& node) {
  static const std::map<std::string, Where> names{{"prose", Where::prose},
                                                  {"hidden", Where::hidden},
                                                  {"frontmatter", Where::frontmatter},
                                                  {"code", Where::code},
                                                  {"script", Where::script}};
  std::uint8_t bits = 0;
  for (const std::string& name : strings(node)) {
    const auto known = names.find(name);
    if (known == names.end()) refuse(node, "no such place: " + name);
    bits = static_cast<std::uint8_t>(bits | static_cast<std::uint8_t>(known->second));
  }
  return bits;
}

class Reader {
 public:
  Reader(std::span<const ProfileFile> files, detail::Rules& rules) : files_(files), rules_(rules) {}

  void run() {
    const YAML::Node root = YAML::Load(files_.front().text);
    only_keys(root, {"name", "version", "lists", "vocabulary", "deterrent", "checks"});
    prefix_ = required(root, "name");
    rules_.name = prefix_ + "-v" + required(root, "version");
    for (const auto& member : root["lists"])
      rules_.lists[member.first.as<std::string>()] = strings(member.second);
    // In order: a word may use those above it.
    for (const auto& member : root["vocabulary"])
      vocabulary_[member.first.as<std::string>()] = expand(member.second, vocabulary_);
    rules_.deterrent = compile(root["deterrent"]);
    for (const auto& check : root["checks"]) {
      if (check.IsScalar()) {
        rule(check.as<std::string>());
      } else {
        only_keys(check, {"id", "severity", "title", "reason", "remedy", "owasp"});
        add_check(check);
      }
    }
    for (std::size_t i = 0; i < rules_.patterns.size(); ++i) {
      Pattern& pattern = rules_.patterns[i];
      const std::string wide = uncounted(pattern.regex);
      if (wide != pattern.regex) pattern.exact = std::make_unique<LazyRegex>(pattern.regex);
      if (auto added = rules_.set_of(pattern).add(wide, static_cast<int>(i)); !added)
        throw std::runtime_error(added.error().message);
    }
    for (std::size_t view = 0; view < kViews; ++view) {
      rules_.begins[view].compile();
      rules_.others[view].compile();
    }
    for (std::size_t i = 0; i < rules_.patterns.size(); ++i) {
      Pattern& pattern = rules_.patterns[i];
      pattern.wide = &rules_.set_of(pattern).regex(static_cast<int>(i));
    }
  }

 private:
  std::unique_ptr<RE2> compile(const YAML::Node& node) const {
    if (!node) return nullptr;
    auto regex = std::make_unique<RE2>(expand(node, vocabulary_), pattern_options());
    if (!regex->ok()) refuse(node, regex->error());
    return regex;
  }

  Check& add_check(const YAML::Node& node) {
    Check check;
    check.id = prefix_ + "/" + required(node, "id");
    const auto severity = parse_severity(required(node, "severity"));
    if (!severity) refuse(node, severity.error().message);
    check.severity = *severity;
    check.title = required(node, "title");
    check.reason = required(node, "reason");
    check.remedy = required(node, "remedy");
    check.owasp = required(node, "owasp");
    if (std::ranges::find(rules_.checks, check.id, &Check::id) != rules_.checks.end())
      refuse(node, "a second check " + check.id);
    rules_.checks.push_back(std::move(check));
    return rules_.checks.back();
  }

  void rule(const std::string& path) {
    const auto file = std::ranges::find(files_, path, &ProfileFile::path);
    if (file == files_.end()) throw std::runtime_error("there is no file " + path);
    try {
      const YAML::Node node = YAML::Load(file->text);
      only_keys(node,
                {"id", "severity", "title", "reason", "remedy", "owasp", "softens", "match", "sample", "examples"});
      Check& check = add_check(node);
      check.rule = true;
      if (const YAML::Node sample = node["sample"]) {
        only_keys(sample, {"malicious", "unlabelled"});
        check.sample_malicious = sample["malicious"].as<int>();
        check.sample_unlabelled = sample["unlabelled"].as<int>();
      }
      examples(node["examples"], check);
      Rule rule{.check = rules_.checks.size() - 1, .any = {}, .softens = node["softens"].as<bool>(true)};
      for (const auto& alternative : node["match"])
        rule.any.push_back(read_alternative(alternative));
      if (rule.any.empty()) refuse(node, "there is no match");
      rules_.rules.push_back(std::move(rule));
    } catch (const std::exception& error) {
      throw std::runtime_error(path + ": " + error.what());
    }
  }

  /// `<<>>` breaks up what other scanners of this repository would take for a leaked secret.
  static std::string example_text(std::string text) {
    for (auto at = text.find("<<>>"); at != std::string::npos; at = text.find("<<>>"))
      text.erase(at, 4);
    return text;
  }

  static void examples(const YAML::Node& node, Check& check) {
    only_keys(node, {"hit", "miss"});
    for (const bool hit : {true, false}) {
      for (const auto& item : node[hit ? "hit" : "miss"]) {
        if (item.IsScalar()) {
          check.examples.push_back({"SKILL.md", example_text(item.Scalar()), hit});
        } else {
          only_keys(item, {"file", "text"});
          check.examples.push_back({required(item, "file"), example_text(required(item, "text")), hit});
        }
      }
    }
  }

  Alternative read_alternative(const YAML::Node& node) {
    Alternative alternative;
    if (const YAML::Node all = node["all"]) {
      only_keys(node, {"all", "of", "least", "scope", "lines"});
      for (const auto& item : all)
        alternative.patterns.push_back(read_pattern(item));
      if (alternative.patterns.empty()) refuse(all, "all is empty");
      for (const auto& item : node["of"])
        alternative.signs.push_back(read_pattern(item));
      alternative.least = node["least"].as<std::size_t>(0);
      if (alternative.least > alternative.signs.size() || (alternative.least == 0 && !alternative.signs.empty()))
        refuse(node, "least is 1 to the number of entries in of");
      const auto scope = node["scope"].as<std::string>("block");
      if (scope != "block" && scope != "section" && scope != "file") refuse(node, "no such scope: " + scope);
      alternative.scope = scope == "block" ? Scope::block : scope == "section" ? Scope::section : Scope::file;
      alternative.lines = node["lines"].as<int>(0);
    } else {
      alternative.patterns.push_back(read_pattern(node));
    }
    rules_.patterns[alternative.patterns.front()].begins = true;
    return alternative;
  }

  std::size_t read_pattern(const YAML::Node& node) {
    only_keys(node, {"view", "in", "pattern", "unless", "host"});
    Pattern pattern;
    pattern.view = parse_view(node["view"]);
    if (node["in"]) pattern.where = parse_where(node["in"]);
    pattern.regex = expand(node["pattern"], vocabulary_);
    if (node["unless"]) pattern.unless = std::make_unique<LazyRegex>(expand(node["unless"], vocabulary_));
    if (const YAML::Node host = node["host"]) {
      const auto kind = host.as<std::string>();
      if (kind != "stranger" && kind != "unrelated" && kind != "throwaway")
        refuse(host, "a host is stranger, unrelated or throwaway");
      pattern.host = kind == "stranger" ? Host::stranger : kind == "unrelated" ? Host::unrelated : Host::throwaway;
    }
    rules_.patterns.push_back(std::move(pattern));
    return rules_.patterns.size() - 1;
  }

  std::span<const ProfileFile> files_;
  detail::Rules& rules_;
  std::string prefix_;
  Vocabulary vocabulary_;
};

}  // namespace

void read_profile(std::span<const ProfileFile> files, detail::Rules& rules) {
  Reader(files, rules).run();
}

void compile_all(const detail::Rules& rules) {
  for (const Pattern& pattern : rules.patterns) {
    for (const LazyRegex* regex : {pattern.exact.get(), pattern.unless.get()}) {
      if (regex == nullptr || regex->get().ok()) continue;
      throw std::runtime_error("the pattern " + core::shorten(regex->get().pattern()) + ": " + regex->get().error());
    }
  }
}

}  // namespace skill_verifier::scan
