#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skill_verifier::dcap {

/// Seconds since 1970 of `YYYY-MM-DDTHH:MM:SSZ`, nothing for any other form or an instant that the calendar lacks.
std::optional<std::int64_t> parse_time(std::string_view text);
/// The same form; for years outside of 0 to 9999 the number of seconds.
std::string format_time(std::int64_t seconds);

}  // namespace skill_verifier::dcap
