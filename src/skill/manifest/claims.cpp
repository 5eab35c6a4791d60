#include "skill/manifest/claims.hpp"

#include <algorithm>
#include <array>

namespace skill_verifier::skill::manifest {
namespace {

/// A list of texts, or one text with commas.
std::optional<std::vector<std::string>> read_names(const Node& node) {
  std::vector<std::string> names;
  if (node.kind == Kind::null) return names;
  if (node.kind == Kind::scalar) {
    std::string_view rest = node.text;
    while (!rest.empty()) {
      const auto end = rest.find(',');
      if (const auto name = trim(rest.substr(0, end)); !name.empty()) names.emplace_back(name);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    return names;
  }
  if (node.kind != Kind::sequence) return std::nullopt;
  for (const auto& item : node.items) {
    if (item.kind != Kind::scalar) return std::nullopt;
    names.push_back(item.text);
  }
  return names;
}

void add_missing(std::vector<std::string>& known, const std::vector<std::string>& more) {
  for (const auto& name : more) {
    if (std::ranges::find(known, name) == known.end()) known.push_back(name);
  }
}

/// False when some part of it is not what it should be.
bool read_requires(const Node& block, Manifest& manifest) {
  const Node* needs = block.find("requires");
  if (!needs || needs->kind == Kind::null) return true;
  if (needs->kind != Kind::mapping) return false;
  bool good = true;
  for (const auto& member : needs->members) {
    if (member.name != "bins" && member.name != "anyBins" && member.name != "env") continue;
    const auto names = read_names(member.value);
    if (!names) {
      good = false;
    } else if (member.name == "anyBins") {
      const bool known = std::ranges::find(manifest.any_bins, *names) != manifest.any_bins.end();
      if (!names->empty() && !known) manifest.any_bins.push_back(*names);
    } else {
      add_missing(member.name == "bins" ? manifest.required_bins : manifest.required_env, *names);
    }
  }
  return good;
}

}  // namespace

void read_claims(const Node& metadata, Manifest& manifest, Diagnostics& warnings) {
  constexpr std::array<std::string_view, 4> kNamespaces{"openclaw", "clawdbot", "clawdis", "moltbot"};
  for (const auto& member : metadata.members) {
    if (std::ranges::find(kNamespaces, member.name) == kNamespaces.end() || member.value.kind == Kind::null) continue;
    bool good = false;
    if (member.value.kind == Kind::mapping) {
      good = read_requires(member.value, manifest);
    } else if (member.value.kind == Kind::scalar) {
      const auto block = parse_json_tree(strip_trailing_commas(member.value.text), manifest.file);
      good = block && read_requires(*block, manifest);
    }
    if (good) continue;
    warnings.push_back(diagnose(
        "claims_unreadable", "metadata." + member.name + ".requires is not understood in part; that part is left out",
        manifest.file, member.at));
  }
}

}  // namespace skill_verifier::skill::manifest
