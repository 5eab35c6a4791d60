#include "skill_verifier/core/clock.hpp"

#include <fmt/format.h>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::core {
namespace {

using namespace std::chrono;

/// Reads exactly `digits` decimal digits from the front of `text`; -1 when they are not there.
int take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return -1;
  int number = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    number = number * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string to_rfc3339(Time time) {
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

Result<Time> parse_rfc3339(std::string_view text) {
  const std::string_view whole = text;
  const auto invalid = [&] {
    return Error{Errc::invalid_argument, "time_invalid",
                 fmt::format("'{}' is no RFC 3339 time like 2026-01-30T12:34:56Z", shorten(whole, 40))};
  };
  const int y = take_number(text, 4);
  if (!take(text, "-")) return invalid();
  const int mo = take_number(text, 2);
  if (!take(text, "-")) return invalid();
  const int d = take_number(text, 2);
  if (!take(text, "Tt ")) return invalid();
  const int h = take_number(text, 2);
  if (!take(text, ":")) return invalid();
  const int mi = take_number(text, 2);
  if (!take(text, ":")) return invalid();
  const int s = take_number(text, 2);
  if (y < 0 || mo < 1 || d < 1 || h < 0 || h > 23 || mi < 0 || mi > 59 || s < 0 || s > 60) return invalid();
  const year_month_day date(year{y}, month{static_cast<unsigned>(mo)}, day{static_cast<unsigned>(d)});
  if (!date.ok()) return invalid();

  int millis = 0;
  if (take(text, ".")) {
    std::size_t digits = 0;
    for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1), ++digits)
      if (digits < 3) millis = millis * 10 + (text[0] - '0');
    if (digits == 0) return invalid();
    for (; digits < 3; ++digits)
      millis *= 10;
  }
  minutes offset{0};
  if (!take(text, "Zz")) {
    const bool negative = text.starts_with('-');
    if (!take(text, "+-")) return invalid();
    const int oh = take_number(text, 2);
    if (!take(text, ":")) return invalid();
    const int om = take_number(text, 2);
    if (oh < 0 || oh > 23 || om < 0 || om > 59) return invalid();
    offset = hours{oh} + minutes{om};
    if (negative) offset = -offset;
  }
  if (!text.empty()) return invalid();
  return Time{sys_days{date} + hours{h} + minutes{mi} + seconds{s} + milliseconds{millis} - offset};
}

Time SystemClock::now() const {
  return time_point_cast<milliseconds>(system_clock::now());
}

}  // namespace skill_verifier::core
