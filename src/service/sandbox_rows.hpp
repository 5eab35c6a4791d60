#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "service/sandbox_plan.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"
#include "skill_verifier/scan/scan.hpp"

/// What the checks in the sandbox found. Pure: decided from what was planned and what was seen.
namespace skill_verifier::service {

struct SandboxRow {
  std::string check;  ///< `sandbox/syntax`
  scan::Outcome outcome = scan::Outcome::passed;
  scan::Severity severity = scan::Severity::low;
  std::string file;                ///< empty where the row is about no file
  int line = 0;                    ///< 1-based; 0: unknown
  std::string command;             ///< as a person would type it in the skill's folder
  std::string test;                ///< of the command's, as its output names it; empty: the row is about the command
  std::string note;                ///< what happened, or why the check was not done
  bool allowed = false;            ///< the author declared in metadata.skill-verifier-allow that this is intended
  std::optional<bool> declared{};  ///< false: of a test that the manifest does not declare
  bool operator==(const SandboxRow&) const = default;
};

struct SandboxReport {
  std::string profile;                  ///< `sandbox-v1`
  std::string profile_digest;           ///< its digest
  std::optional<sandbox::Image> image;  ///< that the commands ran in; absent: nothing ran
  /// Another run would say the same: everything was run, and ended by itself.
  bool repeatable = true;
  std::vector<SandboxRow> rows;  ///< by the profile's order of checks, then by file, line, command and test

  std::size_t count(scan::Outcome outcome) const;
  /// Ids of the checks whose worst row has this outcome (failed, warned, skipped, passed, the worst first), in the
  /// profile's order. Single tests that were skipped do not make their check skipped.
  std::vector<std::string> checks(scan::Outcome outcome) const;
  /// Ids of the checks with rows that the author declared to be intended.
  std::vector<std::string> allowed() const;
  /// Single tests that passed, or that did not, as `sandbox/test/<command>/<name>`; skipped ones are in neither, and a
  /// name with a failure is not among those that passed.
  std::vector<std::string> single_tests(bool passed) const;
};

/// `examined` is what came of SandboxPlan::to_run; an error in it skips every check, with its message as the reason: a
/// fault of ours accuses nobody. `allows` are ids as the manifest lists them.
SandboxReport judge_sandbox(const SandboxPlan& plan, const Result<sandbox::ExamineResult>& examined,
                            const scan::Profile& profile, const std::vector<std::string>& allows);

/// All rows, as an array of objects in RFC 8785 canonical JSON; members that are empty, zero or false are left out,
/// except for `declared`.
std::string rows_json(const SandboxReport& report);

}  // namespace skill_verifier::service
