#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skill_verifier::dcap {

struct CivilTime {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

/// Nothing for a date or time that does not exist.
std::optional<std::int64_t> seconds_since_1970(const CivilTime& time);
/// One to nine decimal digits and nothing else.
std::optional<int> parse_digits(std::string_view text);
/// `2025-06-19T10:32:27Z` and no other form.
std::optional<std::int64_t> parse_instant(std::string_view text);
std::string format_instant(std::int64_t seconds);

}  // namespace skill_verifier::dcap
