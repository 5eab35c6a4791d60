#pragma once

#include <span>
#include <string_view>

namespace skill_verifier::core {

/// The entry of `known` (not empty) that takes the fewest edits to become `name`, the first of several: for "did you
/// mean". Only the first 128 bytes of `name` are looked at, so its cost is bounded whoever wrote it.
std::string_view nearest(std::string_view name, std::span<const std::string_view> known);

}  // namespace skill_verifier::core
