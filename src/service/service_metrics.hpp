#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "service/verdict.hpp"
#include "skill_verifier/core/metrics.hpp"
#include "skill_verifier/service/service.hpp"

namespace skill_verifier::service {

/// What the service counts of its jobs. One thread.
class ServiceMetrics {
 public:
  void accepted() { ++accepted_; }
  void refused() { ++refused_; }
  void judged(Verdict verdict) { ++verdicts_[static_cast<std::size_t>(verdict)]; }
  void ended(store::JobState state, const JobTiming& timing);
  /// One command that ran to its end in a sandbox.
  void ran(sandbox::Outcome outcome) { ++outcomes_[static_cast<std::size_t>(outcome)]; }
  /// An attempt that the infrastructure spoilt.
  void spoilt(const Error& fault);

  void write(core::MetricsText& out) const;
  /// The pools by runtime. Counters only grow, also when the image that they were of is given up.
  void write_pools(core::MetricsText& out, const std::vector<sandbox::PoolState>& pools);

 private:
  /// Stable codes of our own; the bound is for the case that one day something else gets here.
  static constexpr std::size_t kMostCodes = 64;
  struct Stage {
    const char* name;
    JobTiming::Time JobTiming::* time;
    core::Histogram histogram;
  };
  struct PoolCounters {
    std::uint64_t warm = 0, cold = 0, lost = 0;
    double waited = 0;
  };
  struct PoolNow {
    std::uint64_t ready = 0, starting = 0, in_use = 0;
    PoolCounters total;
  };
  using PoolKey = std::pair<std::string, bool>;  ///< runtime, whether test_deps made the image

  void count_pool(const sandbox::PoolState& pool);

  std::uint64_t accepted_ = 0;
  std::uint64_t refused_ = 0;
  std::array<std::uint64_t, 3> verdicts_{};
  std::array<std::uint64_t, 4> outcomes_{};
  std::map<store::JobState, std::uint64_t> ended_;
  std::map<std::string, std::uint64_t, std::less<>> faults_;
  std::array<Stage, 15> stages_ = {{{"intake", &JobTiming::intake, {}},
                                    {"stored", &JobTiming::stored, {}},
                                    {"queued", &JobTiming::queued, {}},
                                    {"begun", &JobTiming::begun, {}},
                                    {"checks", &JobTiming::checks, {}},
                                    {"image", &JobTiming::image, {}},
                                    {"deps", &JobTiming::deps, {}},
                                    {"container", &JobTiming::container, {}},
                                    {"package", &JobTiming::package, {}},
                                    {"command", &JobTiming::command, {}},
                                    {"examined", &JobTiming::examined, {}},
                                    {"judged", &JobTiming::judged, {}},
                                    {"quote", &JobTiming::quote, {}},
                                    {"finished", &JobTiming::finished, {}},
                                    {"total", &JobTiming::total, {}}}};
  std::map<PoolKey, PoolNow> pools_;
  std::map<std::pair<PoolKey, std::string>, PoolCounters> seen_;  ///< by image, at the last look
};

}  // namespace skill_verifier::service
