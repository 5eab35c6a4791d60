#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/job_request.hpp"
#include "service/policy.hpp"
#include "service/sandbox_rows.hpp"
#include "skill_verifier/attest/quoter.hpp"
#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"
#include "skill_verifier/scan/record.hpp"
#include "skill_verifier/scan/test_report.hpp"

/// What the evidence of one attempt means. Pure: everything here is decided from values.
namespace skill_verifier::service {

/// What was seen. Empty when the skill declares no test: then nothing was run.
struct Evidence {
  std::optional<sandbox::Image> image;
  std::optional<sandbox::PrepareResult> prepared;
  std::optional<sandbox::RunResult> run;        ///< of test_command; absent when test_deps failed
  std::optional<scan::Report> checks;           ///< the static ones; absent: not made
  std::optional<SandboxReport> sandbox_checks;  ///< absent: not made
  scan::TestReport reported;                    ///< what `run` said of single tests
};

enum class Verdict { passed, failed, untested };
std::string_view to_string(Verdict verdict);

struct Judgement {
  Verdict verdict = Verdict::untested;
  std::optional<bool> tests_passed;         ///< what the declared test says, whatever the checks say; absent: untested
  std::string phase;                        ///< `test_command` or `test_deps`: whose run decided; empty: nothing ran
  std::optional<sandbox::RunResult> run;    ///< the one that decided
  std::vector<skill::Diagnostic> warnings;  ///< of manifest, policy and run
  /// Passed, but something stands between the pass and what the manifest declared: the statement says WARNED. Codes:
  /// `output_truncated`, `memory_killed`, `timeout_capped`, `network_denied`, `frontmatter_recovered`,
  /// `test_discovered`, `checks_failed`, `checks_flagged`, `checks_sandbox_failed`, `reported_failures`. Other warnings
  /// are about style and
  /// leave a pass alone.
  bool weakened = false;
};

/// Whether a warning with this code takes something from a pass: see Judgement::weakened.
bool weakens(std::string_view code);
/// The command exited by itself with 0.
bool succeeded(const sandbox::RunResult& run);
/// test_deps succeeded and left an image to run the test from.
bool deps_succeeded(const sandbox::PrepareResult& prepared);

/// passed = the test command exited by itself with 0. A failing test_deps is a finding about the skill as well. Static
/// checks that failed are a warning beside it (`checks_failed`, `checks_flagged`), or by policy make it failed.
Judgement judge(const JobRequest& request, const Plan& plan, const Evidence& evidence);

/// Everything that TRUST.md §1 puts into the statement.
attest::StatementInput statement_input(const std::string& skill_id, const JobRequest& request, const Plan& plan,
                                       const Evidence& evidence, const Judgement& judgement, int attempt,
                                       const sandbox::Profile& profile, const ServiceOptions& options);

struct ResultInput {
  const std::string& skill_id;
  const JobRequest& request;
  const Evidence& evidence;
  const Judgement& judgement;
  core::Time now;
  std::chrono::milliseconds duration;
  int attempt;
  const std::string& result_hash;
  const std::optional<attest::Quote>& quote;
  const std::string& note;               ///< why there is no quote
  const std::string& collateral_sha256;  ///< empty: none was kept
};
/// store::Job::result: the predecessor's members in its order, then ours.
std::string result_json(const ResultInput& input);

/// store::Job::error: {code, message, hint}.
std::string error_json(const Error& error);

}  // namespace skill_verifier::service
