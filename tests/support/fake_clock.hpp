#pragma once

#include <atomic>

#include "skill_verifier/core/clock.hpp"

namespace skill_verifier::test {

/// A clock that stands still until the test moves it. May be read from any thread.
class FakeClock final : public core::Clock {
 public:
  explicit FakeClock(core::Time start = core::Time(std::chrono::milliseconds(1'769'776'496'789))) { set(start); }

  core::Time now() const override { return core::Time(std::chrono::milliseconds(milliseconds_.load())); }
  void set(core::Time time) { milliseconds_.store(time.time_since_epoch().count()); }
  void advance(std::chrono::milliseconds by) { milliseconds_.fetch_add(by.count()); }

 private:
  std::atomic<std::chrono::milliseconds::rep> milliseconds_{0};
};

}  // namespace skill_verifier::test
