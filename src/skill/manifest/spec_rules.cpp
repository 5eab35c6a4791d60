#include "skill/manifest/spec_rules.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace skill_verifier::skill::manifest {
namespace {

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool is_spec_name(std::string_view name) {
  const auto permitted = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, permitted) && !name.starts_with('-') &&
         !name.ends_with('-') && name.find("--") == std::string_view::npos;
}

/// A dot-separated run of identifiers; numeric ones without leading zeros when `strict_numbers`.
bool are_identifiers(std::string_view text, bool strict_numbers) {
  while (true) {
    const auto end = text.find('.');
    const auto part = text.substr(0, end);
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    const auto permitted = [&](char c) {
      return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
    };
    if (part.empty() || !std::ranges::all_of(part, permitted)) return false;
    if (strict_numbers && part.size() > 1 && part.front() == '0' && std::ranges::all_of(part, digit)) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

bool is_semver(std::string_view text) {
  const auto plus = text.find('+');
  if (plus != std::string_view::npos && !are_identifiers(text.substr(plus + 1), false)) return false;
  text = text.substr(0, plus);
  const auto dash = text.find('-');
  if (dash != std::string_view::npos && !are_identifiers(text.substr(dash + 1), true)) return false;
  text = text.substr(0, dash);
  const bool numbers = std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  return numbers && std::ranges::count(text, '.') == 2 && are_identifiers(text, true);
}

const Node* find_flow(const Node& node) {
  if (node.flow) return &node;
  for (const auto& item : node.items) {
    if (const Node* found = find_flow(item)) return found;
  }
  for (const auto& member : node.members) {
    if (const Node* found = find_flow(member.value)) return found;
  }
  return nullptr;
}

class Checker {
 public:
  Checker(const Manifest& manifest, Diagnostics& warnings) : manifest_(manifest), warnings_(warnings) {}

  void check_identity(const Node& root) {
    const auto at = [&](std::string_view name) {
      const Node* node = root.find(name);
      return node ? node->at : Position{};
    };
    if (!is_spec_name(manifest_.name)) {
      warn("name_invalid",
           fmt::format("the name {} is not 1 to 64 of a-z, 0-9 and single dashes between them", shown(manifest_.name)),
           at("name"));
    }
    if (!manifest_.description || trim(*manifest_.description).empty()) {
      warn("description_missing", "there is no description, which the specification requires", at("description"));
    } else if (const auto length = code_points(*manifest_.description); length > 1024) {
      warn("description_too_long",
           fmt::format("the description has {} characters, the specification permits 1024", length), at("description"));
    }
    if (manifest_.version && !is_semver(*manifest_.version)) {
      warn("version_not_semver", fmt::format("the version {} is not of the form 1.2.3", shown(*manifest_.version)),
           at("version"));
    }
  }

  void check_validator_rules(const Node& root) {
    constexpr std::array<std::string_view, 6> kFields{"name",     "description",   "license",
                                                      "metadata", "allowed-tools", "compatibility"};
    for (const auto& member : root.members) {
      if (std::ranges::find(kFields, member.name) != kFields.end()) continue;
      warn("spec_unknown_field", fmt::format("the top-level field {} is not in the specification", shown(member.name)),
           member.at);
    }
    if (const Node* flow = find_flow(root)) {
      warn("spec_flow_style",
           "lists and mappings in brackets are refused by the reference validator; use indented lines", flow->at);
    }
    if (const Node* compatibility = root.find("compatibility"); compatibility && compatibility->kind != Kind::null) {
      if (compatibility->kind != Kind::scalar || code_points(compatibility->text) > 500) {
        warn("compatibility_invalid", "compatibility is not a text of at most 500 characters", compatibility->at);
      }
    }
    check_metadata(root);
  }

 private:
  void check_metadata(const Node& root) {
    const Node* metadata = root.find("metadata");
    if (!metadata || metadata->kind == Kind::null) return;
    const auto nested = [](const Member& member) { return member.value.kind != Kind::scalar; };
    const auto found = std::ranges::find_if(metadata->members, nested);
    if (metadata->kind == Kind::mapping && found == metadata->members.end()) return;
    warn("spec_metadata_value", "the specification permits only text as values of metadata",
         found == metadata->members.end() ? metadata->at : found->at);
  }
  void warn(std::string code, std::string message, Position at) {
    warnings_.push_back(diagnose(std::move(code), std::move(message), manifest_.file, at));
  }

  const Manifest& manifest_;
  Diagnostics& warnings_;
};

}  // namespace

void check_spec(const Node& root, const Manifest& manifest, Profile profile, Diagnostics& warnings) {
  Checker checker(manifest, warnings);
  checker.check_identity(root);
  if (profile == Profile::spec) checker.check_validator_rules(root);
}

}  // namespace skill_verifier::skill::manifest
