#include "service/verdict.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>

#include "service/reported_tests.hpp"
#include "service/sandbox_record.hpp"
#include "skill_verifier/attest/document.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::service {
namespace {

using core::OrderedJson;

constexpr std::array<std::string_view, 10> kWeakening{
    "output_truncated", "memory_killed", "timeout_capped", "network_denied",        "frontmatter_recovered",
    "test_discovered",  "checks_failed", "checks_flagged", "checks_sandbox_failed", "reported_failures"};
constexpr std::string_view kTest = "test_command";
constexpr std::string_view kDeps = "test_deps";

/// Adds a warning unless the manifest's reader gave one with this code already.
void warn(Judgement& judgement, const JobRequest& request, std::string code, std::string message) {
  const auto known = [&](const skill::Diagnostic& warning) { return warning.code == code; };
  if (std::ranges::any_of(judgement.warnings, known)) return;
  skill::Diagnostic made;
  made.code = std::move(code);
  made.message = std::move(message);
  made.file = request.manifest.file;
  judgement.warnings.push_back(std::move(made));
}

void add_check_warning(Judgement& judgement, const JobRequest& request, const scan::Report& checks) {
  if (checks.failed == 0) return;
  const auto counted = fmt::format("{} rows of the static checks failed", checks.failed);
  if (checks.flagged)
    warn(judgement, request, "checks_flagged", counted + ", critical ones among them");
  else
    warn(judgement, request, "checks_failed", counted);
}

void add_sandbox_warning(Judgement& judgement, const JobRequest& request, const SandboxReport& checks) {
  const auto failed = checks.count(scan::Outcome::failed);
  if (failed > 0)
    warn(judgement, request, "checks_sandbox_failed",
         fmt::format("{} rows of the checks in the sandbox failed", failed));
}

void add_warnings(Judgement& judgement, const JobRequest& request, const Evidence& evidence) {
  const auto& manifest = request.manifest;
  if (manifest.frontmatter_recovered)
    warn(judgement, request, "frontmatter_recovered", "the front matter is no valid YAML and was read line by line");
  if (manifest.test.command && !manifest.test.declared)
    warn(judgement, request, "test_discovered",
         fmt::format("the manifest declares no test, {} was used", core::shorten(manifest.test.source)));
  if (!judgement.run) return;
  if (judgement.run->out.truncated || judgement.run->err.truncated)
    warn(judgement, request, "output_truncated", "the command wrote more than is kept, the middle was left out");
  if (const auto failed = failures(evidence.reported); failed > 0 && judgement.tests_passed == true)
    warn(judgement, request, "reported_failures",
         fmt::format("the command exited with 0, but {} tests of its own report failed", failed));
  if (judgement.run->memory_killed)
    warn(judgement, request, "memory_killed", "a process of the skill was killed because it used too much memory");
}

attest::StatementInput::Verdict to_statement(const Judgement& judgement) {
  using Said = attest::StatementInput::Verdict;
  if (judgement.verdict == Verdict::failed) return Said::failed;
  return judgement.verdict == Verdict::untested || judgement.weakened ? Said::warned : Said::passed;
}

std::string network(bool bridge) {
  return bridge ? "bridge" : "none";
}

attest::Annotations manifest_annotations(const JobRequest& request, const Plan& plan) {
  const auto& test = request.manifest.test;
  attest::Annotations made;
  made["declared"] = test.declared;
  made["runtime"] = test.runtime;
  if (!test.source.empty()) made["source"] = test.source;
  if (test.command) made["test_command"] = test.command->argv;
  if (test.deps) made["test_deps"] = test.deps->argv;
  if (plan.test) made["timeout_ms"] = std::int64_t{plan.test->timeout.count()};
  std::vector<std::string> env;
  env.reserve(test.env.size());
  for (const auto& [name, value] : test.env)
    env.push_back(name + "=" + value);
  if (!env.empty()) made["env"] = std::move(env);
  return made;
}

/// The whole wall, for the digest in the statement: equal digests mean equal limits, init and system call filter.
attest::Annotations limits_document(const Plan& plan, const sandbox::Profile& profile, const sandbox::Limits& limits) {
  const auto number = [](auto value) { return static_cast<std::int64_t>(value); };
  attest::Annotations made;
  made["memoryBytes"] = number(limits.memory_bytes);
  made["nanoCpus"] = number(limits.nano_cpus);
  made["pids"] = number(limits.pids);
  made["skillBytes"] = number(limits.skill_bytes);
  made["tmpBytes"] = number(limits.tmp_bytes);
  made["inodes"] = number(limits.inodes);
  made["openFiles"] = number(limits.open_files);
  made["fileBytes"] = number(limits.file_bytes);
  made["outputBytes"] = number(limits.output_bytes);
  made["runtime"] = profile.runtime;
  made["initSha256"] = profile.init_sha256;
  made["seccompSha256"] = profile.seccomp_sha256;
  made["network"] = network(plan.test_bridge);
  if (plan.deps) {
    made["depsNetwork"] = network(plan.deps_bridge);
    made["depsTimeoutMs"] = std::int64_t{plan.deps->timeout.count()};
  }
  return made;
}

attest::Annotations shown_limits(const Plan& plan, const sandbox::Profile& profile, const sandbox::Limits& limits) {
  attest::Annotations made;
  made["runtime"] = profile.runtime;
  made["network"] = network(plan.test_bridge);
  if (plan.deps) made["depsNetwork"] = network(plan.deps_bridge);
  made["memoryMiB"] = static_cast<std::int64_t>(limits.memory_bytes >> 20);
  made["pids"] = std::int64_t{limits.pids};
  made["initSha256"] = profile.init_sha256;
  made["seccompSha256"] = profile.seccomp_sha256;
  return made;
}

attest::StatementInput::Run statement_run(const sandbox::RunResult& run, int attempt) {
  attest::StatementInput::Run made;
  made.attempt = attempt;
  made.exit_code = run.exit_code;
  made.outcome = sandbox::to_string(run.outcome);
  made.stdout_bytes = run.out.total;
  made.stderr_bytes = run.err.total;
  made.truncated = run.out.truncated || run.err.truncated;
  made.output_sha256 = attest::output_digest(run.out.kept(), run.err.kept());
  return made;
}

/// A pass with warnings about how the test ran is a warned test; what the checks found is in rows of their own.
void add_tests(attest::StatementInput& made, const Judgement& judgement) {
  if (!judgement.tests_passed) return;
  const auto about_run = [](const skill::Diagnostic& warning) {
    return !warning.code.starts_with("checks_") && weakens(warning.code);
  };
  const bool warned = std::ranges::any_of(judgement.warnings, about_run);
  auto& tests = !*judgement.tests_passed ? made.failed_tests : warned ? made.warned_tests : made.passed_tests;
  tests.push_back(judgement.phase);
}

void add_checks(attest::StatementInput& made, scan::Summary summary) {
  const auto append = [](std::vector<std::string>& tests, std::vector<std::string>& ids) {
    std::ranges::move(ids, std::back_inserter(tests));
  };
  append(made.passed_tests, summary.passed);
  append(made.warned_tests, summary.warned);
  append(made.failed_tests, summary.failed);
  attest::StatementInput::Checks checks;
  checks.profile = std::move(summary.profile);
  checks.profile_sha256 = std::move(summary.digest);
  checks.rows_sha256 = std::move(summary.rows_sha256);
  checks.flagged = summary.flagged;
  checks.allowed = std::move(summary.allowed);
  checks.skipped = std::move(summary.skipped);
  made.checks = std::move(checks);
}

OrderedJson checks_json(const scan::Report& report) {
  OrderedJson json;
  json["profile"] = report.profile;
  json["digest"] = report.profile_digest;
  json["passed"] = report.passed;
  json["warned"] = report.warned;
  json["failed"] = report.failed;
  json["skipped"] = report.skipped;
  json["flagged"] = report.flagged;
  return json;
}

OrderedJson or_null(const std::optional<std::string>& text) {
  return text ? OrderedJson(*text) : OrderedJson(nullptr);
}

std::int64_t milliseconds(std::chrono::microseconds duration) {
  return std::chrono::round<std::chrono::milliseconds>(duration).count();
}

OrderedJson run_json(const Judgement& judgement, const Evidence& evidence) {
  OrderedJson json;
  const auto& run = judgement.run;
  json["passed"] = judgement.tests_passed ? OrderedJson(*judgement.tests_passed) : OrderedJson(nullptr);
  json["exitCode"] = run && run->exit_code ? OrderedJson(*run->exit_code) : OrderedJson(nullptr);
  json["stdout"] = run ? run->out.text() : "";
  json["stderr"] = run ? run->err.text() : "";
  json["duration"] = run ? milliseconds(run->duration) : 0;
  if (evidence.checks) json["checks"] = checks_json(*evidence.checks);
  if (evidence.sandbox_checks) json["checks"]["sandbox"] = sandbox_checks_json(*evidence.sandbox_checks);
  return json;
}

OrderedJson image_json(const Evidence& evidence) {
  if (!evidence.image) return nullptr;
  OrderedJson json;
  json["reference"] = evidence.image->reference;
  json["id"] = evidence.image->id;
  json["preparedId"] = evidence.prepared ? or_null(evidence.prepared->image_id) : OrderedJson(nullptr);
  return json;
}

OrderedJson warnings_json(const std::vector<skill::Diagnostic>& warnings) {
  OrderedJson array = OrderedJson::array();
  for (const auto& warning : warnings) {
    OrderedJson json;
    json["code"] = warning.code;
    json["message"] = warning.message;
    if (!warning.file.empty()) json["file"] = warning.file;
    if (warning.at.line > 0) json["line"] = warning.at.line;
    if (warning.at.column > 0) json["column"] = warning.at.column;
    array.push_back(std::move(json));
  }
  return array;
}

OrderedJson notes_json(const std::vector<skill::PackageNote>& notes) {
  OrderedJson array = OrderedJson::array();
  for (const auto& note : notes) {
    OrderedJson json;
    json["code"] = note.code;
    json["path"] = note.path;
    json["message"] = note.message;
    array.push_back(std::move(json));
  }
  return array;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
      return "passed";
    case Verdict::failed:
      return "failed";
    case Verdict::untested:
      return "untested";
  }
  return "failed";
}

bool weakens(std::string_view code) {
  return std::ranges::find(kWeakening, code) != kWeakening.end();
}

bool succeeded(const sandbox::RunResult& run) {
  return run.outcome == sandbox::Outcome::exited && run.exit_code == 0;
}

bool deps_succeeded(const sandbox::PrepareResult& prepared) {
  return prepared.image_id.has_value() && (prepared.cached || succeeded(prepared.run));
}

Judgement judge(const JobRequest& request, const Plan& plan, const Evidence& evidence) {
  Judgement judgement;
  judgement.warnings = request.warnings;
  judgement.warnings.insert(judgement.warnings.end(), plan.warnings.begin(), plan.warnings.end());
  if (evidence.prepared && !deps_succeeded(*evidence.prepared)) {
    judgement.verdict = Verdict::failed;
    judgement.phase = kDeps;
    judgement.run = evidence.prepared->run;
  } else if (evidence.run) {
    judgement.verdict = succeeded(*evidence.run) ? Verdict::passed : Verdict::failed;
    judgement.phase = kTest;
    judgement.run = evidence.run;
  }
  if (judgement.verdict != Verdict::untested) judgement.tests_passed = judgement.verdict == Verdict::passed;
  add_warnings(judgement, request, evidence);
  if (evidence.checks) add_check_warning(judgement, request, *evidence.checks);
  if (evidence.sandbox_checks) add_sandbox_warning(judgement, request, *evidence.sandbox_checks);
  if (plan.flagged_fails && evidence.checks && evidence.checks->flagged) judgement.verdict = Verdict::failed;
  judgement.weakened =
      judgement.verdict == Verdict::passed &&
      std::ranges::any_of(judgement.warnings, [](const skill::Diagnostic& one) { return weakens(one.code); });
  return judgement;
}

attest::StatementInput statement_input(const std::string& skill_id, const JobRequest& request, const Plan& plan,
                                       const Evidence& evidence, const Judgement& judgement, int attempt,
                                       const sandbox::Profile& profile, const ServiceOptions& options) {
  attest::StatementInput made;
  made.skill_id = skill_id;
  made.archive_name = request.archive_name;
  made.archive_sha256 = request.archive_sha256;
  made.tree_digest = request.tree_digest;
  made.verdict = to_statement(judgement);
  made.manifest_sha256 = core::to_hex(request.manifest.sha256);
  made.manifest = manifest_annotations(request, plan);
  if (evidence.image) {
    made.image_reference = evidence.image->reference;
    made.image_id = evidence.image->id;
  }
  if (evidence.prepared) made.prepared_image_id = evidence.prepared->image_id;
  made.sandbox_limits = limits_document(plan, profile, options.limits);
  made.sandbox = shown_limits(plan, profile, options.limits);
  made.verifier = options.verifier;
  made.verifier_sha256 = options.verifier_sha256;
  made.nonce = request.nonce;
  if (judgement.run) made.run = statement_run(*judgement.run, attempt);
  add_tests(made, judgement);
  add_reported_tests(made, evidence.reported);
  if (evidence.checks) add_checks(made, scan::summary_of(*evidence.checks));
  if (evidence.sandbox_checks) add_sandbox_checks(made, *evidence.sandbox_checks);
  return made;
}

std::string result_json(const ResultInput& input) {
  const auto& [skill_id, request, evidence, judgement, now, duration, attempt, result_hash, quote, note,
               collateral_sha256] = input;
  const auto& run = judgement.run;
  OrderedJson json;
  json["skillId"] = skill_id;
  json["timestamp"] = core::to_rfc3339(now);
  json["duration"] = duration.count();
  json["result"] = run_json(judgement, evidence);
  json["attestation"] = attest::attestation_json(result_hash, quote, note);
  json["manifest"] = OrderedJson{{"name", request.manifest.name},
                                 {"version", or_null(request.manifest.version)},
                                 {"description", or_null(request.manifest.description)}};
  json["verdict"] = to_string(judgement.verdict);
  json["outcome"] = run ? OrderedJson(sandbox::to_string(run->outcome)) : OrderedJson(nullptr);
  json["truncated"] = run && (run->out.truncated || run->err.truncated);
  json["memoryKilled"] = run && run->memory_killed;
  json["phase"] = judgement.phase.empty() ? OrderedJson(nullptr) : OrderedJson(judgement.phase);
  json["declared"] = request.manifest.test.command.has_value() && request.manifest.test.declared;
  json["image"] = image_json(evidence);
  json["subject"] =
      OrderedJson{{"archiveSha256", or_null(request.archive_sha256)}, {"treeDigest", request.tree_digest}};
  if (!evidence.reported.tests.empty()) json["tests"] = reported_tests_json(evidence.reported);
  json["warnings"] = warnings_json(judgement.warnings);
  json["notes"] = notes_json(request.notes);
  // Member order is part of the bytes that the statement's digest is over: they go in as they are.
  if (evidence.checks) json["checkRows"] = OrderedJson::parse(scan::rows_json(*evidence.checks));
  if (evidence.sandbox_checks) json["sandboxRows"] = OrderedJson::parse(rows_json(*evidence.sandbox_checks));
  json["attempt"] = attempt;
  if (!collateral_sha256.empty()) json["collateral"] = OrderedJson{{"sha256", collateral_sha256}};
  return core::dump_json(json);
}

std::string error_json(const Error& error) {
  OrderedJson json;
  json["code"] = error.id;
  json["message"] = error.message;
  json["hint"] = error.hint;
  return core::dump_json(json);
}

}  // namespace skill_verifier::service
