#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include "skill_verifier/core/async.hpp"

/// What decides about the warm pool, without doing any of it: pure, one thread, every time is handed in.
namespace skill_verifier::sandbox {

using PoolTime = std::chrono::steady_clock::time_point;

/// How many waiting containers one runtime could have used lately: the most jobs that arrived for it within the time
/// that replacing a container takes. Remembers at most kMaxWatched arrivals.
class Demand {
 public:
  static constexpr std::size_t kMaxWatched = 1024;
  /// Assumed before the first container was made.
  static constexpr core::Duration kFirstGuess = std::chrono::milliseconds(300);

  /// `first_counts`: whether a runtime that was used once is expected to be used again.
  explicit Demand(bool first_counts) : first_counts_(first_counts) {}

  void arrived(PoolTime now);
  /// A container was made within `took`, its wait for its turn included.
  void refilled(core::Duration took);
  /// Of what arrived within `memory` before now; 0 after that.
  std::size_t wanted(PoolTime now, core::Duration memory);
  std::optional<PoolTime> last_arrival() const;
  core::Duration refill_time() const { return refill_; }

 private:
  struct Peak {
    PoolTime at;
    std::size_t arrivals;
  };

  bool first_counts_;
  core::Duration refill_ = kFirstGuess;
  std::deque<PoolTime> recent_;  ///< arrivals within one refill time
  std::deque<Peak> peaks_;       ///< falling in number: a later and higher one makes the earlier ones meaningless
  bool recurs_ = false;
};

/// One runtime as the filler sees it.
struct PoolLine {
  std::size_t wanted = 0;  ///< within the configured minimum and maximum
  std::size_t least = 0;   ///< the configured minimum
  std::size_t ready = 0;
  std::size_t starting = 0;
  std::size_t claims = 0;  ///< jobs that wait for a container of this line
  bool may_fill = true;    ///< false while failures are waited out
  PoolTime last_used{};
};

struct PoolSituation {
  bool busy = false;              ///< jobs run, or did a moment ago
  std::size_t budget = 0;         ///< most containers of all lines together, ready and starting
  std::size_t fills_at_once = 1;  ///< when nothing runs; while jobs run it is one
};

/// Where to start the next container, or nowhere. While jobs run only a line that is less than half full gets one.
std::optional<std::size_t> next_fill(std::span<const PoolLine> lines, const PoolSituation& situation);

/// Which line gives a waiting container up for another line that has none at all although the budget is used up: the
/// longest unused one that is over its minimum. Nothing when there is no such need or no such line.
std::optional<std::size_t> next_victim(std::span<const PoolLine> lines, const PoolSituation& situation);

/// How long a line waits after so many failures in a row: a second, doubled each time, at most a minute.
core::Duration pause_after_failures(int failures);

}  // namespace skill_verifier::sandbox
