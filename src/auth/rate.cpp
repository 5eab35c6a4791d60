#include "skill_verifier/auth/rate.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::auth {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

struct Unit {
  char letter;
  seconds period;
};
constexpr std::array<Unit, 4> kUnits = {
    {{'s', seconds(1)}, {'m', seconds(60)}, {'h', seconds(3600)}, {'d', seconds(86'400)}}};
constexpr std::uint32_t kMostCount = 1'000'000'000;

}  // namespace

Result<Rate> parse_rate(std::string_view text) {
  if (text == "off") return Rate{};
  Rate rate;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate.count);
  const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  const auto unit = std::ranges::find_if(
      kUnits, [&rest](const Unit& known) { return rest.size() == 2 && rest[0] == '/' && rest[1] == known.letter; });
  if (error != std::errc() || unit == kUnits.end() || rate.count == 0 || rate.count > kMostCount)
    return Error{Errc::invalid_argument, "rate_invalid",
                 fmt::format("'{}' is no rate: 10/s, 600/m, 5000/h, 100000/d or off, of 1 to {}",
                             core::shorten(text, 60), kMostCount)};
  rate.period = unit->period;
  return rate;
}

std::string to_string(const Rate& rate) {
  if (!rate.limits()) return "off";
  const auto unit = std::ranges::find_if(kUnits, [&rate](const Unit& known) { return known.period == rate.period; });
  if (unit == kUnits.end()) return fmt::format("{}/{}s", rate.count, rate.period.count());
  return fmt::format("{}/{}", rate.count, unit->letter);
}

seconds Allowance::retry_after() const {
  if (allowed) return seconds(0);
  return std::max(seconds(1), std::chrono::ceil<seconds>(wait));
}

Allowance TokenBucket::take(const Rate& rate, SteadyTime now) {
  Allowance answer;
  answer.rate = rate;
  if (!rate.limits()) return answer;
  const nanoseconds period = rate.period;
  const nanoseconds one = std::max(nanoseconds(1), period / rate.count);
  // A bucket that was filled at a slower rate is not held to that.
  full_at_ = std::clamp(full_at_, now, now + period);
  const nanoseconds missing = full_at_ - now;
  answer.allowed = missing + one <= period;
  if (answer.allowed) full_at_ += one;
  const nanoseconds left = period - (full_at_ - now);
  answer.remaining = static_cast<std::uint32_t>(std::min<nanoseconds::rep>(left / one, rate.count));
  answer.reset = std::chrono::ceil<seconds>(full_at_ - now);
  if (left < one) answer.wait = std::chrono::ceil<std::chrono::milliseconds>(one - left);
  return answer;
}

Allowance RateTable::take(const std::string& client, const Rate& rate, SteadyTime now) {
  if (!rate.limits()) return {};
  const auto found = index_.find(client);
  if (found != index_.end()) {
    rows_.splice(rows_.begin(), rows_, found->second);
  } else {
    if (!rows_.empty() && rows_.size() >= most_) {
      index_.erase(rows_.back().client);
      rows_.pop_back();
    }
    rows_.push_front(Row{client, {}});
    index_.emplace(rows_.front().client, rows_.begin());
  }
  return rows_.front().bucket.take(rate, now);
}

}  // namespace skill_verifier::auth
