#include "scan/frontmatter.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::scan {
namespace {

/// Names of a list, or of a text with commas or blanks between them.
std::vector<std::string> names_of(const YAML::Node& node) {
  std::vector<std::string> names;
  if (node.IsSequence()) {
    for (const auto& item : node)
      if (item.IsScalar()) names.push_back(item.Scalar());
    return names;
  }
  if (!node.IsScalar()) return names;
  std::string name;
  for (const char c : node.Scalar() + ",") {
    if (c != ',' && c != ' ' && c != '\n') {
      name.push_back(c);
    } else if (!name.empty()) {
      names.push_back(std::move(name));
      name.clear();
    }
  }
  return names;
}

class Reader {
 public:
  explicit Reader(FrontmatterFacts& facts) : facts_(facts) {}

  void root(const YAML::Node& root) {
    for (const auto& member : root) {
      const std::string key = member.first.Scalar();
      const bool word =
          std::ranges::all_of(key, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
      if (!word)
        drop(member.first, "the field `" + core::shorten(key, 40) + "`: only letters, digits, _ and - are kept");
    }
    const YAML::Node metadata = root["metadata"];
    if (!metadata || !metadata.IsMap()) return;
    if (const YAML::Node allow = metadata["skill-verifier-allow"]) facts_.allows = names_of(allow);
    if (const YAML::Node other = metadata["moltbot"])
      drop(other, "metadata.moltbot: ClawHub reads metadata.openclaw and its older names clawdbot and clawdis");
    for (const char* name : {"openclaw", "clawdbot", "clawdis"}) {
      if (const YAML::Node block = metadata[name]; block && block.IsMap()) install(block["install"]);
    }
  }

 private:
  void install(const YAML::Node& list) {
    constexpr std::array<std::string_view, 4> kinds{"brew", "node", "go", "uv"};
    if (!list || !list.IsSequence()) return;
    for (const auto& item : list) {
      if (!item.IsMap() || !item["kind"] || !item["kind"].IsScalar()) continue;
      const std::string kind = item["kind"].Scalar();
      if (std::ranges::find(kinds, kind) == kinds.end())
        drop(item["kind"],
             "an installer of kind `" + core::shorten(kind, 40) + "`: only brew, node, go and uv are known");
    }
  }
  void drop(const YAML::Node& node, std::string what) {
    // The frontmatter begins on the line after the dashes.
    facts_.dropped_by_clawhub.emplace_back(node.Mark().line + 2, std::move(what));
  }

  FrontmatterFacts& facts_;
};

}  // namespace

FrontmatterFacts read_frontmatter(std::string_view skill_md) {
  FrontmatterFacts facts;
  if (skill_md.starts_with("\xEF\xBB\xBF")) skill_md.remove_prefix(3);
  const auto first = skill_md.find('\n');
  const auto end = skill_md.find("\n---", 3);
  if (!skill_md.starts_with("---") || first == std::string_view::npos || end == std::string_view::npos || end < first)
    return facts;
  try {
    const YAML::Node root = YAML::Load(std::string(skill_md.substr(first + 1, end - first)));
    if (root.IsMap()) Reader(facts).root(root);
  } catch (const YAML::Exception&) {
    // The manifest reader has accepted this text, by rules that are not those of this library: there is nothing to add.
  }
  return facts;
}

}  // namespace skill_verifier::scan
