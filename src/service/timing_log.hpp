#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "skill_verifier/service/job_timing.hpp"

namespace skill_verifier::service {

/// The timings of the last jobs of this life: figures for people, not worth a write to the disk.
class TimingLog {
 public:
  static constexpr std::size_t kMost = 4096;

  void keep(const std::string& id, const JobTiming& timing) {
    if (!timings_.insert_or_assign(id, timing).second) return;
    order_.push_back(id);
    if (order_.size() <= kMost) return;
    timings_.erase(order_.front());
    order_.pop_front();
  }
  std::optional<JobTiming> find(const std::string& id) const {
    const auto found = timings_.find(id);
    return found == timings_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::unordered_map<std::string, JobTiming> timings_;
  std::deque<std::string> order_;
};

}  // namespace skill_verifier::service
