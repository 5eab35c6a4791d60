#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "skill/manifest/tree.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::skill::manifest {
namespace {

constexpr core::JsonLimits kLimits{.depth = kMaxDepth, .bytes = 1u << 20};

class Converter {
 public:
  /// False when there are too many nodes.
  bool convert(core::Json& json, Node& node) {
    if (++nodes_ > kMaxNodes) return false;
    if (json.is_object()) return convert_object(json, node);
    if (json.is_array()) {
      node.kind = Kind::sequence;
      for (auto& item : json) {
        if (!convert(item, node.items.emplace_back())) return false;
      }
      return true;
    }
    if (json.is_null()) return true;
    node.kind = Kind::scalar;
    node.inexact = json.is_number_float();
    node.text = json.is_string() ? std::move(json.get_ref<std::string&>()) : json.dump();
    return true;
  }

 private:
  bool convert_object(core::Json& json, Node& node) {
    node.kind = Kind::mapping;
    for (auto& [name, value] : json.items()) {
      ++nodes_;
      node.members.push_back({name, {}, {}});
      if (!convert(value, node.members.back().value)) return false;
    }
    return true;
  }

  std::size_t nodes_ = 0;
};

}  // namespace

Parsed<Node> parse_json_tree(std::string_view json, std::string_view file) {
  auto parsed = core::parse_json(json, kLimits);
  if (!parsed) return diagnose("json_invalid", parsed.error().message, file);
  if (!parsed->is_object()) return diagnose("json_invalid", "the JSON text is not an object", file);
  Node node;
  if (!Converter().convert(*parsed, node)) {
    return diagnose("yaml_too_many_nodes", fmt::format("more than {} values", kMaxNodes), file);
  }
  return node;
}

std::optional<std::vector<std::string>> json_string_list(std::string_view text) {
  if (!trim(text).starts_with('[')) return std::nullopt;
  auto parsed = core::parse_json(text, kLimits);
  if (!parsed || !parsed->is_array()) return std::nullopt;
  std::vector<std::string> list;
  for (auto& item : *parsed) {
    if (!item.is_string()) return std::nullopt;
    list.push_back(std::move(item.get_ref<std::string&>()));
  }
  return list;
}

std::string strip_trailing_commas(std::string_view json) {
  std::string result;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string && c == '\\' && i + 1 < json.size()) {
      result.append(json.substr(i++, 2));
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (c == ',' && !in_string) {
      const auto next = json.find_first_not_of(" \t\r\n", i + 1);
      if (next != std::string_view::npos && (json[next] == ']' || json[next] == '}')) continue;
    }
    result.push_back(c);
  }
  return result;
}

}  // namespace skill_verifier::skill::manifest
