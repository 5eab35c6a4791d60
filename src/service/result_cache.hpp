#pragma once

#include <optional>
#include <string>

#include "service/job_request.hpp"
#include "service/policy.hpp"
#include "service/verdict.hpp"
#include "skill_verifier/service/service.hpp"

/// Verdicts that are given again instead of being found again.
namespace skill_verifier::service {

/// SHA-256 of everything that must be equal for an earlier verdict to be this job's as well: of the comparable core
/// (TRUST.md §1) what is known before anything runs, and the profiles of the checks. Without the archive: the
/// tree in it counts. Errors: those of attest::build_statement.
Result<std::string> cache_key(const std::string& skill_id, const JobRequest& request, const Plan& plan,
                              const std::optional<sandbox::Image>& image, const sandbox::Profile& profile,
                              const ServiceOptions& options);

/// Whether a verdict says something about the skill that would be so again. A time limit or a kill may be the doing of
/// a busy machine, a check in the sandbox that was not made says nothing, what was fetched from a network may be other
/// bytes tomorrow, output that was cut or is no text cannot be compared with its digest later, and a service that can
/// get a quote must not go on with a result that has none.
bool is_repeatable(const Plan& plan, const Evidence& evidence, bool has_quote, bool wants_quote);

/// Checks a stored outcome before it is given again: the statement is about `tree_digest` and hashes to the result's
/// hash, the result says what the statement does (service/result_agreement.hpp), and the quote, where there is or must
/// be one, speaks for that hash. CPU of milliseconds, no I/O. Errors:
/// internal `cached_result_invalid` saying what does not hold.
Result<void> check_cached(const store::Job& job, const std::string& tree_digest, bool wants_quote,
                          bool wants_real_quote);

/// Whether its checks in the sandbox, if any were run there, ran in this image of the toolbox.
bool ran_in(const store::Job& job, const std::optional<sandbox::Image>& toolbox);

/// Whether it is a `failed` one that is older than those are repeated.
bool failed_too_long_ago(const store::Job& job, core::Time now, const ServiceOptions& options);

/// The outcome for a job that repeats `original`, whose result carries its own verdict and time. `now` is when the new
/// job ends.
store::JobOutcome repeated_outcome(const store::Job& original, core::Time now);

}  // namespace skill_verifier::service
