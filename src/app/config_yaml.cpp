#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "app/config.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::app {
namespace {

constexpr std::size_t kMaxConfigBytes = 1u << 20;
constexpr int kMaxDepth = 8;

Error invalid(std::string_view file, const YAML::Mark& mark, std::string_view what) {
  return Error{Errc::invalid_argument, "config_invalid", fmt::format("{}:{}: {}", file, mark.line + 1, what)};
}

const Key* find_key(const std::string& name) {
  for (const Key& key : config_keys())
    if (key.name == name) return &key;
  return nullptr;
}

class Flattener {
 public:
  Flattener(std::string_view file, std::vector<Setting>& out) : file_(file), out_(out) {}

  Result<void> visit(const YAML::Node& node, const std::string& path, int depth) {
    if (depth > kMaxDepth) return invalid(file_, node.Mark(), "nested too deep");
    const Key* key = find_key(path);
    if (node.IsMap() && !(key && key->shape == Key::Shape::map)) return visit_map(node, path, depth);
    return visit_leaf(node, path);
  }

 private:
  Result<void> visit_map(const YAML::Node& node, const std::string& path, int depth) {
    std::vector<std::string> seen;
    for (const auto& member : node) {
      if (!member.first.IsScalar()) return invalid(file_, member.first.Mark(), "a key must be a plain word");
      const std::string& name = member.first.Scalar();
      if (std::find(seen.begin(), seen.end(), name) != seen.end())
        return invalid(file_, member.first.Mark(), fmt::format("key '{}' stands twice", core::shorten(name)));
      seen.push_back(name);
      SKILL_VERIFIER_TRY_VOID(visit(member.second, path.empty() ? name : path + "." + name, depth + 1));
    }
    return {};
  }

  Result<void> visit_leaf(const YAML::Node& node, const std::string& path) {
    Setting setting{path, {}, fmt::format("{}:{}", file_, node.Mark().line + 1), node.IsSequence(), node.IsMap()};
    if (node.IsSequence()) {
      for (const auto& element : node) {
        if (!element.IsScalar()) return invalid(file_, element.Mark(), path + " must hold plain texts");
        setting.values.push_back(element.Scalar());
      }
    } else if (node.IsMap()) {
      for (const auto& member : node) {
        if (!member.first.IsScalar() || !member.second.IsScalar())
          return invalid(file_, member.first.Mark(), path + " must map plain texts to plain texts");
        setting.values.push_back(member.first.Scalar() + "=" + member.second.Scalar());
      }
    } else if (node.IsScalar()) {
      setting.values.push_back(node.Scalar());
    } else {
      return {};  // `key:` with nothing behind it leaves the default
    }
    out_.push_back(std::move(setting));
    return {};
  }

  std::string_view file_;
  std::vector<Setting>& out_;
};

}  // namespace

Result<std::vector<Setting>> read_settings(std::string_view yaml, std::string_view file) {
  if (yaml.size() > kMaxConfigBytes)
    return Error{Errc::too_large, "config_invalid", fmt::format("{} is over {} bytes", file, kMaxConfigBytes)};
  std::vector<Setting> settings;
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    if (root.IsNull()) return settings;
    if (!root.IsMap()) return invalid(file, root.Mark(), "the file must be a mapping of keys to values");
    SKILL_VERIFIER_TRY_VOID(Flattener(file, settings).visit(root, "", 0));
  } catch (const YAML::Exception& error) {
    return invalid(file, error.mark, error.msg);
  }
  return settings;
}

}  // namespace skill_verifier::app
