#include "store/errors.hpp"

#include <fmt/core.h>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::store {

Error job_not_found(const std::string& id) {
  return {Errc::not_found, "job_not_found", fmt::format("there is no job '{}'", core::shorten(id))};
}

Error job_exists(const std::string& id) {
  return {Errc::conflict, "job_exists", fmt::format("there is a job '{}' already", core::shorten(id))};
}

Error key_used() {
  return {Errc::conflict, "idempotency_key_used", "the idempotency key stands for another job"};
}

Error delivery_not_found(const std::string& id) {
  return {Errc::not_found, "delivery_not_found", fmt::format("there is no delivery '{}'", core::shorten(id))};
}

Error delivery_pending(const std::string& id) {
  return {Errc::conflict, "delivery_pending", fmt::format("delivery {} is still being tried", core::shorten(id))};
}

std::string_view event_of(JobState state) {
  switch (state) {
    case JobState::completed:
      return "job.completed";
    case JobState::cancelled:
      return "job.cancelled";
    default:
      return "job.failed";
  }
}

Error job_not_final(const std::string& id, JobState state) {
  return {Errc::conflict, "job_state_conflict",
          fmt::format("job {} is {} and cannot be removed", core::shorten(id), to_string(state)), "cancel it first"};
}

Job as_inserted(Job job) {
  job.state = JobState::pending;
  job.attempt = 0;
  job.started_at.reset();
  job.completed_at.reset();
  job.has_pack = true;
  job.result.clear();
  job.statement.clear();
  job.error.clear();
  return job;
}

Job as_inserted(Job job, const JobOutcome& outcome) {
  job = as_inserted(std::move(job));
  job.has_pack = false;
  job.state = outcome.state;
  job.completed_at = outcome.completed_at;
  job.result = outcome.result;
  job.statement = outcome.statement;
  job.error = outcome.error;
  return job;
}

JobOutcome package_lost() {
  JobOutcome outcome;
  outcome.state = JobState::failed;
  outcome.completed_at = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  outcome.error =
      R"({"code":"package_lost","message":"the package of this job is no longer in the store","hint":"submit it again"})";
  return outcome;
}

}  // namespace skill_verifier::store
