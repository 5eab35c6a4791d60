#pragma once

#include <chrono>

#include "skill_verifier/service/job_timing.hpp"

namespace skill_verifier::service {

/// Splits the time of one job into its stages.
class Stopwatch {
 public:
  using Clock = std::chrono::steady_clock;

  JobTiming timing;

  /// What has passed since the last call goes to this stage.
  void lap(JobTiming::Time JobTiming::* stage) { timing.*stage += since_last(); }
  /// What has passed since the last call was counted elsewhere.
  void skip() { since_last(); }
  void stop() { timing.total = std::chrono::duration_cast<JobTiming::Time>(Clock::now() - begun_); }

 private:
  JobTiming::Time since_last() {
    const auto now = Clock::now();
    const auto passed = now - last_;
    last_ = now;
    return std::chrono::duration_cast<JobTiming::Time>(passed);
  }

  Clock::time_point begun_ = Clock::now();
  Clock::time_point last_ = begun_;
};

}  // namespace skill_verifier::service
