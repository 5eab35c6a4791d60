#include "service/result_cache.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "service/journal.hpp"
#include "service/result_agreement.hpp"
#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/dcap/quote.hpp"

namespace skill_verifier::service {
namespace {

using core::Json;

/// What the checks are that a verdict includes, and what becomes of it when they flag the skill.
std::string checks_of(const ServiceOptions& options) {
  std::string text;
  if (options.checks)
    text = fmt::format("{} {}", options.checks->digest(), options.flagged_fails ? "fails" : "reports");
  if (options.sandbox_checks)
    text += fmt::format(" {} {} {}", options.sandbox_checks->digest(), options.toolbox,
                        options.sandbox_checks_limit.count());
  return text;
}

Error invalid(const store::Job& job, std::string_view why) {
  return {Errc::internal, "cached_result_invalid", fmt::format("the stored result of job {} {}", job.id, why)};
}

std::string text_at(const Json& json, const char* pointer) {
  const Json::json_pointer at(pointer);
  return json.contains(at) && json[at].is_string() ? json[at].get<std::string>() : std::string();
}

bool is_about(const Json& statement, const std::string& tree_digest) {
  if (!statement.contains("subject") || !statement["subject"].is_array()) return false;
  return std::ranges::any_of(statement["subject"], [&tree_digest](const Json& subject) {
    return text_at(subject, "/digest/dirHash1") == tree_digest;
  });
}

/// A result holds it byte for byte, so that it can be compared with the statement's digest.
bool stands_whole(const sandbox::Output& output) {
  return !output.truncated && core::is_utf8(output.head);
}

Result<void> check_quote(const store::Job& job, const std::string& quote_hex, const std::string& hash) {
  const auto bytes = core::parse_hex(quote_hex);
  if (!bytes) return invalid(job, "has a quote that is not hex");
  const auto quote = dcap::parse_quote(*bytes);
  if (!quote) return invalid(job, "has a quote that is not readable: " + quote.error().message);
  if (!std::ranges::equal(quote->td.report_data, attest::report_data(attest::kResultTag, hash)))
    return invalid(job, "has a quote for something else than its statement");
  return {};
}

}  // namespace

Result<std::string> cache_key(const std::string& skill_id, const JobRequest& request, const Plan& plan,
                              const std::optional<sandbox::Image>& image, const sandbox::Profile& profile,
                              const ServiceOptions& options) {
  Evidence evidence;
  evidence.image = image;
  auto input = statement_input(skill_id, request, plan, evidence, Judgement{}, 1, profile, options);
  input.archive_sha256.reset();
  input.nonce.reset();
  SKILL_VERIFIER_TRY(const std::string statement, attest::build_statement(input));
  SKILL_VERIFIER_TRY(const std::string core, attest::comparable_core(statement));
  return core::sha256_hex(checks_of(options) + "\n" + core);
}

bool is_repeatable(const Plan& plan, const Evidence& evidence, bool has_quote, bool wants_quote) {
  if (wants_quote && !has_quote) return false;
  if (evidence.sandbox_checks && !evidence.sandbox_checks->repeatable) return false;
  if (!plan.test) return true;
  const auto& run = evidence.run;
  if (run && !(stands_whole(run->out) && stands_whole(run->err))) return false;
  return !plan.test_bridge && !(plan.deps && plan.deps_bridge) && run && run->outcome == sandbox::Outcome::exited &&
         !run->memory_killed;
}

Result<void> check_cached(const store::Job& job, const std::string& tree_digest, bool wants_quote,
                          bool wants_real_quote) {
  const auto result = core::parse_json(job.result);
  const auto statement = core::parse_json(job.statement);
  if (job.state != store::JobState::completed || !result || !statement) return invalid(job, "is not readable");
  if (!is_about(*statement, tree_digest)) return invalid(job, "is about another package");
  const std::string hash = attest::result_hash(job.statement);
  if (text_at(*result, "/attestation/resultHash") != hash)
    return invalid(job, "has a hash that is not its statement's");
  if (const auto member = disagreement(*result, *statement))
    return invalid(job, fmt::format("says in '{}' what its statement does not", *member));
  const std::string quote = text_at(*result, "/attestation/quote");
  if (wants_quote && quote.empty()) return invalid(job, "has no quote");
  if (wants_real_quote && text_at(*result, "/attestation/teeType") != attest::kTeeIntelTdx)
    return invalid(job, "has a quote that was not verified as real");
  return quote.empty() ? Result<void>() : check_quote(job, quote, hash);
}

bool ran_in(const store::Job& job, const std::optional<sandbox::Image>& toolbox) {
  const auto result = core::parse_json(job.result);
  const std::string id = result ? text_at(*result, "/result/checks/sandbox/imageId") : std::string();
  return id.empty() || (toolbox && toolbox->id == id);
}

bool failed_too_long_ago(const store::Job& job, core::Time now, const ServiceOptions& options) {
  const auto result = core::parse_json(job.result);
  const bool failed = result && result->value("verdict", "") == "failed";
  return failed && job.completed_at < now - options.cache_failed_max_age;
}

store::JobOutcome repeated_outcome(const store::Job& original, core::Time now) {
  store::JobOutcome outcome;
  outcome.state = store::JobState::completed;
  outcome.completed_at = now;
  outcome.result = original.result;
  outcome.statement = original.statement;
  outcome.result_hash = attest::result_hash(original.statement);
  if (const auto result = core::parse_json(original.result)) {
    outcome.verdict = text_at(*result, "/verdict");
    outcome.collateral = text_at(*result, "/collateral/sha256");
  }
  outcome.log = fmt::format("== cached: the verdict of job {}, which ended at {}\n", original.id,
                            core::to_rfc3339(original.completed_at.value_or(now)));
  Journal journal;
  journal.add(store::JobState::completed, 0, now, outcome.log.size());
  outcome.journal = journal.to_json();
  return outcome;
}

}  // namespace skill_verifier::service
