#include "dcap/window.hpp"

#include <fmt/core.h>

#include "dcap/calendar.hpp"

namespace skill_verifier::dcap {

Checked<void> check_window(std::string_view prefix, std::string_view what, const CollateralWindow& window,
                           std::int64_t now) {
  if (now < window.begin)
    return Refusal{
        fmt::format("{}_NOT_YET_VALID", prefix),
        fmt::format("{} holds from {}, the time is {}", what, format_instant(window.begin), format_instant(now))};
  if (now > window.end)
    return Refusal{fmt::format("{}_EXPIRED", prefix), fmt::format("{} held until {}, the time is {}", what,
                                                                  format_instant(window.end), format_instant(now))};
  return {};
}

}  // namespace skill_verifier::dcap
