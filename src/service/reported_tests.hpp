#pragma once

#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"
#include "skill_verifier/scan/test_report.hpp"

/// Single tests, as the framework that a skill's test command ran names them. They are the skill's own word about
/// itself: the verdict rests on the command's exit alone.
namespace skill_verifier::service {

/// The report in what the command wrote to stdout, or else to stderr; of output that was cut, in whole lines of it.
scan::TestReport reported_tests(const sandbox::RunResult& run);

/// How many of the kept tests failed.
std::size_t failures(const scan::TestReport& report);

/// Adds them to the statement's passedTests and failedTests as `test_command/<name>`; skipped ones to neither,
/// and a name that also failed not to those that passed.
void add_reported_tests(attest::StatementInput& made, const scan::TestReport& report);

/// {"format","leftOut","cases":[{"name","outcome"}]}
core::OrderedJson reported_tests_json(const scan::TestReport& report);

}  // namespace skill_verifier::service
