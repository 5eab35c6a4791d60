#include "sandbox/pool_size.hpp"

#include <algorithm>

namespace skill_verifier::sandbox {
namespace {

using core::Duration;

/// A measurement counts an eighth: one slow start must not double a pool.
constexpr int kSmoothing = 8;
constexpr Duration kShortestRefill = std::chrono::milliseconds(50);
constexpr Duration kLongestRefill = std::chrono::seconds(30);
constexpr Duration kFirstPause = std::chrono::seconds(1);
constexpr Duration kLongestPause = std::chrono::seconds(60);

std::size_t held(const PoolLine& line) {
  return line.ready + line.starting;
}

std::size_t needed(const PoolLine& line) {
  return std::max(line.wanted, line.claims);
}

bool below_low_water(const PoolLine& line) {
  return held(line) < std::max<std::size_t>(1, needed(line) / 2);
}

bool lacks(const PoolLine& line) {
  return line.may_fill && held(line) < needed(line);
}

std::size_t sum(std::span<const PoolLine> lines, std::size_t (*of)(const PoolLine&)) {
  std::size_t total = 0;
  for (const auto& line : lines)
    total += of(line);
  return total;
}

/// Emptier lines first, then those used last.
bool more_urgent(const PoolLine& a, const PoolLine& b) {
  const auto left = held(a) * needed(b);
  const auto right = held(b) * needed(a);
  return left != right ? left < right : a.last_used > b.last_used;
}

}  // namespace

void Demand::arrived(PoolTime now) {
  recurs_ = recurs_ || last_arrival().has_value();
  while (!recent_.empty() && recent_.front() <= now - refill_)
    recent_.pop_front();
  if (recent_.size() == kMaxWatched) recent_.pop_front();
  recent_.push_back(now);
  while (!peaks_.empty() && peaks_.back().arrivals <= recent_.size())
    peaks_.pop_back();
  peaks_.push_back({now, recent_.size()});
}

void Demand::refilled(Duration took) {
  took = std::clamp(took, kShortestRefill, kLongestRefill);
  refill_ += (took - refill_) / kSmoothing;
}

std::size_t Demand::wanted(PoolTime now, Duration memory) {
  while (!peaks_.empty() && peaks_.front().at <= now - memory)
    peaks_.pop_front();
  if (peaks_.empty()) recurs_ = false;
  if (peaks_.empty() || (!first_counts_ && !recurs_)) return 0;
  return peaks_.front().arrivals;
}

std::optional<PoolTime> Demand::last_arrival() const {
  if (peaks_.empty()) return std::nullopt;
  return peaks_.back().at;
}

std::optional<std::size_t> next_fill(std::span<const PoolLine> lines, const PoolSituation& situation) {
  const auto starting = sum(lines, [](const PoolLine& line) { return line.starting; });
  if (starting >= (situation.busy ? 1 : situation.fills_at_once)) return std::nullopt;
  if (sum(lines, held) >= situation.budget) return std::nullopt;
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!lacks(lines[i]) || (situation.busy && !below_low_water(lines[i]))) continue;
    if (!best || more_urgent(lines[i], lines[*best])) best = i;
  }
  return best;
}

std::optional<std::size_t> next_victim(std::span<const PoolLine> lines, const PoolSituation& situation) {
  if (situation.budget == 0 || sum(lines, held) < situation.budget) return std::nullopt;
  const auto in_need = [](const PoolLine& line) { return lacks(line) && held(line) == 0; };
  const auto poorest = std::ranges::find_if(lines, in_need);
  if (poorest == lines.end()) return std::nullopt;
  std::optional<std::size_t> victim;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& line = lines[i];
    if (line.ready <= line.least || line.last_used >= poorest->last_used) continue;
    if (!victim || line.last_used < lines[*victim].last_used) victim = i;
  }
  return victim;
}

Duration pause_after_failures(int failures) {
  Duration pause = kFirstPause;
  for (int i = 1; i < failures && pause < kLongestPause; ++i)
    pause *= 2;
  return failures <= 0 ? Duration::zero() : std::min(pause, kLongestPause);
}

}  // namespace skill_verifier::sandbox
