#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

#include "skill_verifier/core/clock.hpp"

/// How times and numbers stand in columns: milliseconds since 1970, and integers that are signed.
namespace skill_verifier::store {

using core::Time;

inline std::int64_t to_column(Time time) {
  return time.time_since_epoch().count();
}

inline Time to_time(std::int64_t column) {
  return Time(std::chrono::milliseconds(column));
}

inline std::optional<Time> to_time(std::optional<std::int64_t> column) {
  return column ? std::optional(to_time(*column)) : std::nullopt;
}

/// What is too large for a column, like what is absent, is the largest that there is: no row is beyond it.
inline std::int64_t to_column(std::optional<std::uint64_t> number) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  if (!number || *number > static_cast<std::uint64_t>(kMost)) return kMost;
  return static_cast<std::int64_t>(*number);
}

}  // namespace skill_verifier::store
