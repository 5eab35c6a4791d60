#include "dcap/iso_time.hpp"

#include <chrono>

namespace skill_verifier::dcap {
namespace {

constexpr std::string_view kForm = "0000-00-00T00:00:00Z";

bool has_form(std::string_view text) {
  if (text.size() != kForm.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool fits = kForm[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == kForm[i];
    if (!fits) return false;
  }
  return true;
}

int number(std::string_view digits) {
  int value = 0;
  for (const char c : digits)
    value = value * 10 + (c - '0');
  return value;
}

void put(std::string& out, std::size_t at, std::size_t count, int value) {
  for (; count > 0; --count, value /= 10)
    out[at + count - 1] = static_cast<char>('0' + value % 10);
}

}  // namespace

std::optional<std::int64_t> parse_time(std::string_view text) {
  if (!has_form(text)) return std::nullopt;
  const int hour = number(text.substr(11, 2)), minute = number(text.substr(14, 2)), second = number(text.substr(17, 2));
  const std::chrono::year_month_day date{std::chrono::year(number(text.substr(0, 4))),
                                         std::chrono::month(static_cast<unsigned>(number(text.substr(5, 2)))),
                                         std::chrono::day(static_cast<unsigned>(number(text.substr(8, 2))))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const std::chrono::seconds since_1970 = std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
                                          std::chrono::minutes(minute) + std::chrono::seconds(second);
  return since_1970.count();
}

std::string format_time(std::int64_t seconds) {
  constexpr std::int64_t kYear0 = -62167219200;
  constexpr std::int64_t kYear10000 = 253402300800;
  if (seconds < kYear0 || seconds >= kYear10000) return std::to_string(seconds);
  const std::chrono::sys_seconds instant{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(instant);
  const std::chrono::year_month_day date(day);
  const auto clock = static_cast<int>((instant - day).count());
  std::string out(kForm);
  put(out, 0, 4, static_cast<int>(date.year()));
  put(out, 5, 2, static_cast<int>(static_cast<unsigned>(date.month())));
  put(out, 8, 2, static_cast<int>(static_cast<unsigned>(date.day())));
  put(out, 11, 2, clock / 3600);
  put(out, 14, 2, clock / 60 % 60);
  put(out, 17, 2, clock % 60);
  return out;
}

}  // namespace skill_verifier::dcap
