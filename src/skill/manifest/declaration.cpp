#include "skill/manifest/declaration.hpp"

#include <fmt/core.h>

#include <array>
#include <utility>

namespace skill_verifier::skill::manifest {
namespace {

constexpr std::string_view kPrefix = "skill-verifier.";
constexpr std::string_view kFlatKeys = "runtime, test_deps, test_command, test_timeout, test_env, test_network";
constexpr std::string_view kTestKeys = "command, timeout, environment, network";

std::string where(const Origin& origin, Position at) {
  std::string text = origin.place;
  if (at.line > 0) text += fmt::format(" (line {})", at.line);
  return text;
}

}  // namespace

std::optional<Declaration::Field> Declaration::flat_field(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Field>, 6> kFields{{{"runtime", Field::runtime},
                                                                       {"test_deps", Field::deps},
                                                                       {"test_command", Field::command},
                                                                       {"test_timeout", Field::timeout},
                                                                       {"test_env", Field::environment},
                                                                       {"test_network", Field::network}}};
  for (const auto& [key, field] : kFields) {
    if (key == name) return field;
  }
  return std::nullopt;
}

std::optional<Declaration::Field> Declaration::test_field(std::string_view name) {
  if (name == "command") return Field::command;
  if (name == "timeout") return Field::timeout;
  if (name == "environment") return Field::environment;
  if (name == "network") return Field::network;
  return std::nullopt;
}

void Declaration::warn(std::string code, std::string message, std::string_view file, Position at) {
  warnings_.push_back(diagnose(std::move(code), std::move(message), file, at));
}

bool Declaration::unknown(const Member& member, const Origin& origin, std::string_view known) {
  refusal_ = diagnose("unknown_field", fmt::format("{} is not a field here; known are {}", origin.place, known),
                      origin.file, member.at);
  return false;
}

template <class T>
bool Declaration::offer(std::optional<Found<T>>& slot, Parsed<T> value, const Node& node, const Origin& origin) {
  if (!value) {
    refusal_ = std::move(value).error();
    return false;
  }
  if (!slot) {
    slot = Found<T>{std::move(*value), origin, node.at};
    return true;
  }
  if (slot->value == *value) return true;
  refusal_ = diagnose("manifest_conflict",
                      fmt::format("{} is {}, but {} is {}; keep one of them", where(slot->origin, slot->at),
                                  describe(slot->value), where(origin, node.at), describe(*value)),
                      origin.file, node.at);
  return false;
}

bool Declaration::take(Field field, const Node& node, const Origin& origin, bool shared) {
  if (node.kind == Kind::null) {
    warn("field_null", fmt::format("{} has no value and is left out", origin.place), origin.file, node.at);
    return true;
  }
  switch (field) {
    case Field::runtime: {
      auto runtime = read_runtime(node, origin);
      if (!runtime && shared) {
        foreign_runtime_ = std::move(runtime).error();
        return true;
      }
      return offer(runtime_, std::move(runtime), node, origin);
    }
    case Field::deps:
      return offer(deps_, read_command(node, origin), node, origin);
    case Field::command:
      return offer(command_, read_command(node, origin), node, origin);
    case Field::timeout:
      return offer(timeout_, read_timeout(node, origin), node, origin);
    case Field::environment:
      return offer(environment_, read_environment(node, origin), node, origin);
    case Field::network:
      return offer(network_, read_network(node, origin), node, origin);
  }
  return true;
}

bool Declaration::read_test(const Node& test, const std::string& prefix, std::string_view file) {
  if (test.kind == Kind::null) {
    warn("field_null", fmt::format("{} has no value and is left out", prefix), file, test.at);
    return true;
  }
  if (test.kind != Kind::mapping) {
    refusal_ = wrong_type(test, {prefix, std::string(file)}, "a mapping with `command`");
    return false;
  }
  for (const auto& member : test.members) {
    const Origin origin{prefix + "." + member.name, std::string(file)};
    const auto field = test_field(member.name);
    if (!field) return unknown(member, origin, kTestKeys);
    if (!take(*field, member.value, origin)) return false;
  }
  return true;
}

bool Declaration::read_block(const Node& block, const std::string& prefix, std::string_view file, bool version) {
  for (const auto& member : block.members) {
    const Origin origin{prefix + member.name, std::string(file)};
    if (member.name == "test") {
      if (!read_test(member.value, origin.place, file)) return false;
    } else if (version && member.name == "version") {
      if (member.value.kind == Kind::null) continue;
      if (!offer(version_, read_text(member.value, origin, "version_unusable", 128), member.value, origin))
        return false;
    } else if (const auto field = flat_field(member.name)) {
      if (!take(*field, member.value, origin)) return false;
    } else {
      return unknown(member, origin, fmt::format("{}{}, test", version ? "version, " : "", kFlatKeys));
    }
  }
  return true;
}

bool Declaration::read_sidecar(const Node& root, std::string_view file) {
  return read_block(root, std::string(file) + " ", file, true);
}

bool Declaration::read_metadata(const Node& metadata, std::string_view file) {
  for (const auto& member : metadata.members) {
    const bool prefixed = member.name.starts_with(kPrefix);
    const auto field = flat_field(prefixed ? std::string_view(member.name).substr(kPrefix.size()) : member.name);
    const Origin origin{"metadata." + member.name, std::string(file)};
    if (field) {
      if (member.value.kind == Kind::sequence || member.value.kind == Kind::mapping) {
        warn("spec_invalid", origin.place + " is not text, which clients with text-only metadata refuse", file,
             member.at);
      }
      if (!take(*field, member.value, origin, !prefixed)) return false;
    } else if (prefixed) {
      return unknown(member, origin, kFlatKeys);
    } else if (member.name == "test") {
      warn("misplaced_field", "metadata.test is not read; write metadata.test_command, or metadata.skill-verifier.test",
           file, member.at);
    }
  }
  const Node* nested = metadata.find("skill-verifier");
  if (!nested || nested->kind == Kind::null) return true;
  if (nested->kind != Kind::mapping) {
    refusal_ = wrong_type(*nested, {"metadata.skill-verifier", std::string(file)}, "a mapping");
    return false;
  }
  return read_block(*nested, "metadata.skill-verifier.", file, false);
}

bool Declaration::read_top_level(const Node& root, std::string_view file) {
  const auto outside_spec = [&](const Member& member, std::string_view instead) {
    warn("spec_invalid",
         fmt::format("top-level {} is not in the Agent Skills specification; write {} instead", shown(member.name),
                     instead),
         file, member.at);
  };
  // PLAN form first: it stands above the single fields in precedence.
  for (const auto& member : root.members) {
    if (member.name != "test") continue;
    outside_spec(member, "metadata.test_command");
    if (!read_test(member.value, "test", file)) return false;
  }
  for (const auto& member : root.members) {
    if (member.name == "skill-verifier") {
      warn("misplaced_field", "top-level `skill-verifier` is not read; put it beneath metadata", file, member.at);
    }
    const auto field = flat_field(member.name);
    if (!field) continue;
    outside_spec(member, "metadata." + member.name);
    if (!take(*field, member.value, {member.name, std::string(file)}, true)) return false;
  }
  return true;
}

TestDeclaration Declaration::result() const {
  TestDeclaration test;
  if (runtime_) test.runtime = runtime_->value;
  if (deps_) test.deps = deps_->value;
  if (timeout_) test.timeout = timeout_->value;
  if (environment_) test.env = environment_->value;
  if (network_) test.network = network_->value;
  if (command_) {
    test.command = command_->value;
    test.source = command_->origin.place;
  }
  return test;
}

}  // namespace skill_verifier::skill::manifest
