#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/form.hpp"
#include "http/problem.hpp"
#include "skill_verifier/service/service.hpp"

/// The JSON texts that clients see and send: members in the predecessor's order, ours after them.
namespace skill_verifier::http {

/// 202 of POST /verify.
std::string submitted_json(const store::Job& job, bool engine_away);
/// GET /verify/{jobId}.
std::string job_json(const store::Job& job);
/// The same with a member `timing` at the end: milliseconds per stage, or null when nothing is known of it any more.
std::string timed_job_json(const store::Job& job, const std::optional<service::JobTiming>& timing);
/// GET /verify/{jobId}/attestation. Errors: internal `result_unreadable`.
Result<std::string> attestation_json(const store::Job& job,
                                     const std::optional<attest::Appraisal>& appraisal = std::nullopt);
/// GET /attestation.
std::string service_attestation_json(const service::ServiceAttestation& attestation);
/// GET /jobs.
std::string jobs_json(const std::vector<store::JobSummary>& jobs, std::uint64_t total,
                      std::optional<std::uint64_t> next_cursor);
/// Whether jobs are taken in and can be judged now.
bool is_ready(const service::Health& health);
/// GET /ready: that, with the reason by dependency.
std::string ready_json(const service::Health& health);
/// GET /health.
std::string health_json(const service::Health& health, core::Time now, std::string_view version);
/// DELETE /verify/{jobId}.
std::string deleted_json();
/// RFC 9457 problem details with the predecessor's `error`.
std::string problem_json(const Problem& problem, std::string_view path, std::string_view request_id);

/// The JSON body of POST /verify. Errors: those of core::parse_json, invalid_argument `member_invalid`,
/// `member_unknown`.
Result<SubmissionForm> parse_submission(std::string_view text);
/// The JSON body of POST /verify/batch: each element as it can be read. Errors: those of core::parse_json,
/// invalid_argument `member_invalid`, `member_unknown`, `batch_size_invalid`.
Result<std::vector<Result<SubmissionForm>>> parse_batch(std::string_view text);
/// The JSON body of POST /verdicts: 1 to 100 job ids or digests (64 hex digits, `sha256:` or `dirHash1:` before them
/// or not) as JobStore::verdicts wants them. Errors: those of core::parse_json, invalid_argument `member_invalid`,
/// `member_unknown`, `batch_size_invalid`, `subject_invalid`.
Result<std::vector<std::string>> parse_subjects(std::string_view text);

/// What became of one submission of a batch.
struct BatchItem {
  std::optional<store::Job> job;
  std::optional<Problem> problem;  ///< why there is no job
};
inline constexpr std::size_t kMaxBatch = 100;
/// POST /verify/batch.
std::string batch_json(const std::vector<BatchItem>& items);
/// POST /verdicts; `subjects` as parse_subjects gave them.
std::string verdicts_json(const std::vector<std::string>& subjects,
                          const std::vector<std::optional<store::VerdictRow>>& rows);
/// One of them: the data of an event `verdict`.
std::string verdict_json(const store::VerdictRow& row);
/// The data of an event `state`.
std::string state_json(const std::string& job_id, const service::StateMark& mark);
/// The data of an event `log`.
std::string log_json(std::uint64_t offset, const std::string& text);

/// `ok`, `degraded` (jobs are accepted but cannot run), `draining` or `failing`.
std::string_view health_status(const service::Health& health);

}  // namespace skill_verifier::http
