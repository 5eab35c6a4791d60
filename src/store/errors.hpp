#pragma once

#include <string>

#include "skill_verifier/store/job_store.hpp"

/// What both stores say and do alike.
namespace skill_verifier::store {

Error job_not_found(const std::string& id);
Error job_exists(const std::string& id);
Error key_used();
Error delivery_not_found(const std::string& id);
Error delivery_pending(const std::string& id);
Error job_not_final(const std::string& id, JobState state);

/// `job.completed`, `job.failed` or `job.cancelled`.
std::string_view event_of(JobState state);
inline constexpr std::string_view kStarted = "job.started";
/// Deliveries that Outbox::due gives at most.
inline constexpr std::size_t kMostDue = 256;

/// The job as it is right after insert, whatever the caller left in the other fields.
Job as_inserted(Job job);
/// The job as it is right after insert_final.
Job as_inserted(Job job, const JobOutcome& outcome);
/// Of a SHA-256 in hex, which no job's id has.
inline constexpr std::size_t kDigestDigits = 64;
/// What becomes of a job whose pack is gone.
JobOutcome package_lost();

}  // namespace skill_verifier::store
