#include "attest/check/check_document.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "attest/check/check_static.hpp"
#include "attest/check/statement_facts.hpp"
#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/core/clock.hpp"

namespace skill_verifier::attest {
namespace {

std::string_view name_of(std::optional<bool> passed) {
  if (!passed) return "null";
  return *passed ? "true" : "false";
}

/// TRUST.md §1: WARNED is untested (no run, `passed` null), or passed with warnings. Where policy made a skill FAILED
/// because static checks flagged it, `passed` is still what its own test said.
std::optional<bool> passed_of(const StatementFacts& facts) {
  if (facts.result == "PASSED") return true;
  if (facts.result == "FAILED") {
    const bool by_policy = facts.checks && facts.checks->flagged;
    if (by_policy && !facts.has_run) return std::nullopt;
    return by_policy && facts.outcome == "exited" && facts.exit_code == 0;
  }
  return facts.has_run ? std::optional<bool>(true) : std::nullopt;
}

/// Ids of a profile's checks have a group and a name; names of a skill's own tests have none.
std::size_t count_checks(const std::vector<std::string>& tests, std::string_view group) {
  return static_cast<std::size_t>(
      std::ranges::count_if(tests, [&](const std::string& test) { return test.starts_with(group); }));
}

std::string told(const StatementFacts::Checks& checks, const StatementFacts& facts) {
  const std::string group = group_of(checks.profile);
  std::string text =
      fmt::format("{}: {} failed, {} warned, {} passed, {} skipped{}", checks.profile,
                  count_checks(facts.failed_tests, group), count_checks(facts.warned_tests, group),
                  count_checks(facts.passed_tests, group), checks.skipped.size(), checks.flagged ? ", FLAGGED" : "");
  for (std::size_t i = 0; i < checks.allowed.size(); ++i)
    text += (i == 0 ? "; allowed by author: " : ", ") + core::shorten(checks.allowed[i]);
  return text;
}

void tell(const StatementFacts& facts, const Evidence& evidence, CheckReport& report) {
  report.says.emplace_back("result", facts.result + (facts.has_run ? "" : " (no test was run)"));
  report.says.emplace_back("skill", facts.skill_id);
  report.says.emplace_back("tree", "dirHash1 " + facts.tree_digest);
  if (facts.archive_sha256) report.says.emplace_back("archive", "sha256 " + *facts.archive_sha256);
  if (!facts.image_reference.empty()) {
    report.says.emplace_back("image", fmt::format("{} sha256:{}", facts.image_reference, facts.image_sha256));
  }
  report.says.emplace_back("verifier", fmt::format("{} sha256 {}", facts.verifier, facts.verifier_sha256));
  if (facts.checks) report.says.emplace_back("checks", told(*facts.checks, facts));
  if (facts.nonce) report.says.emplace_back("nonce", *facts.nonce);
  report.says.emplace_back("unsigned", fmt::format("jobId {}, timestamp {}", core::shorten(evidence.job_id),
                                                   core::shorten(evidence.timestamp)));
}

void check_members(const Evidence& evidence, const Expectations& expected, const StatementFacts& facts, Rows& rows) {
  if (!core::parse_rfc3339(evidence.timestamp)) {
    return rows.fail("document", "its timestamp is not a time", "", core::shorten(evidence.timestamp));
  }
  if (expected.job_id && *expected.job_id != evidence.job_id) {
    return rows.fail("document", "it is another job's", *expected.job_id, core::shorten(evidence.job_id));
  }
  if (evidence.skill_id != facts.skill_id) {
    return rows.fail("document", "its skillId is not the statement's", facts.skill_id,
                     core::shorten(evidence.skill_id));
  }
  const auto passed = passed_of(facts);
  if (evidence.passed != passed) {
    return rows.fail("document", fmt::format("its 'passed' is not what the statement's {} means", facts.result),
                     std::string(name_of(passed)), std::string(name_of(evidence.passed)));
  }
  rows.pass("document", fmt::format("skillId and passed are the statement's: {}, {}", core::shorten(facts.skill_id),
                                    name_of(passed)));
}

void check_nonce(const StatementFacts& facts, const Expectations& expected, Rows& rows) {
  if (!expected.nonce) {
    return rows.skip("nonce", facts.nonce ? "the statement has one; give --nonce to compare it" : "the job had none");
  }
  if (!facts.nonce) return rows.fail("nonce", "the statement has none", *expected.nonce);
  rows.compare("nonce", *expected.nonce, *facts.nonce, "it is in the statement", "the statement has another one");
}

void check_subject(const StatementFacts& facts, const Expectations& expected, Rows& rows) {
  if (!expected.package) return rows.skip("subject", "give --package to compare the skill in hand with the one tested");
  const auto& package = *expected.package;
  const bool other_archive =
      package.archive_sha256 && facts.archive_sha256 && *package.archive_sha256 != *facts.archive_sha256;
  rows.compare(
      "subject", facts.tree_digest, package.tree_digest,
      other_archive ? "the files are the same (the archive around them is another one)" : "the files are the same",
      "the files in hand are not the ones that were tested");
}

}  // namespace

std::string check_job_document(const Evidence& evidence, const Expectations& expected, CheckReport& report,
                               Rows& rows) {
  const auto& statement = *evidence.signed_text;
  const auto hash = result_hash(statement);
  const auto facts = read_statement(statement);
  if (!facts) {
    rows.fail("statement", facts.error().message);
    rows.skip("document", "the statement cannot be read");
    return hash;
  }
  rows.compare("statement", evidence.claimed_hash, hash, "SHA-256 of the statement is the resultHash",
               "SHA-256 of the statement is not the resultHash");
  tell(*facts, evidence, report);
  check_members(evidence, expected, *facts, rows);
  check_nonce(*facts, expected, rows);
  check_subject(*facts, expected, rows);
  check_static_checks(*facts, expected, rows);
  return hash;
}

void check_tee_type(const Evidence& evidence, bool simulated, Rows& rows) {
  const bool quoted = evidence.quote.has_value();
  const std::string_view verifier = quoted ? "dstack-sdk" : "none";
  if (evidence.verifier != verifier) {
    return rows.fail("document", quoted ? "it has a quote" : "it has no quote", std::string(verifier),
                     core::shorten(evidence.verifier));
  }
  // A service that could not judge its own quote says nothing of it.
  if (quoted && !evidence.tee_type) return;
  const std::string_view type = !quoted ? "null" : simulated ? "simulated" : "intel-tdx";
  const std::string claimed = evidence.tee_type.value_or("null");
  if (claimed != type) {
    rows.fail("document", "its teeType is not what the quote's certificates say", std::string(type),
              core::shorten(claimed));
  }
}

}  // namespace skill_verifier::attest
