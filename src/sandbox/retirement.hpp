#pragma once

#include <chrono>
#include <cstddef>
#include <deque>

#include "sandbox/activity.hpp"
#include "sandbox/containers.hpp"
#include "sandbox/live_container.hpp"
#include "skill_verifier/core/async.hpp"

namespace skill_verifier::sandbox {

/// Containers whose command has ended by itself. Taking one apart costs as much processor time as a short job, so it
/// waits until no job runs, but never for long and never for many: its session stays open and init asleep until then.
class Retirement {
 public:
  static constexpr std::size_t kMost = 16;
  static constexpr core::Duration kLongest = std::chrono::seconds(2);

  Retirement(core::asio::any_io_executor executor, Containers& containers, Activity& activity);

  /// The session is open.
  void add(LiveContainer live);
  /// How many wait.
  std::size_t size() const { return waiting_.size(); }
  /// Takes everything apart at once. Nothing runs any more when it returns, and what is added later goes at once.
  awaitable<void> close();

 private:
  struct Retired {
    LiveContainer live;
    std::chrono::steady_clock::time_point until;
  };

  bool due() const;
  awaitable<void> work();
  awaitable<void> take_apart(LiveContainer live);

  Containers& containers_;
  Activity& activity_;
  std::deque<Retired> waiting_;
  std::size_t under_way_ = 0;
  bool working_ = false;
  bool closing_ = false;
  core::TaskGroup tasks_;
};

}  // namespace skill_verifier::sandbox
