#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::core {

/// Wall-clock time as it is stored and shown: UTC, milliseconds.
using Time = std::chrono::sys_time<std::chrono::milliseconds>;

/// `2026-01-30T12:34:56.789Z`.
std::string to_rfc3339(Time time);
/// RFC 3339 with `Z` or an offset, fraction optional. Errors: invalid_argument.
Result<Time> parse_rfc3339(std::string_view text);

/// Where the time comes from; tests have one that they turn by hand.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time now() const override;
};

}  // namespace skill_verifier::core
