#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "skill_verifier/core/json.hpp"

namespace skill_verifier::attest {

/// The member of that name, or null where `object` is no object or has none.
inline const core::Json* find_member(const core::Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

/// The text of that member, or nothing where it is absent or not a string.
inline std::optional<std::string> text_member(const core::Json& object, const char* name) {
  const auto* const member = find_member(object, name);
  if (member == nullptr || !member->is_string()) return std::nullopt;
  return member->get<std::string>();
}

}  // namespace skill_verifier::attest
