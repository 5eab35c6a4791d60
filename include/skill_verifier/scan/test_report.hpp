#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace skill_verifier::scan {

/// `skipped` is also a test that was expected to fail (TAP's todo, pytest's xfail): it says nothing against the skill.
enum class TestOutcome { passed, failed, skipped };
std::string_view to_string(TestOutcome outcome);

/// One test as its framework names it: parts are joined with ` > `, shortened and escaped like every text of a skill.
struct TestCase {
  std::string name;
  TestOutcome outcome = TestOutcome::passed;
  bool operator==(const TestCase&) const = default;
};

struct TestReport {
  std::string format;           ///< `junit`, `pytest`, `node` or `tap`; empty: no report was found
  std::vector<TestCase> tests;  ///< in their order; where there are too many, those that failed are kept first
  std::size_t left_out = 0;     ///< of the tests, beyond what is kept
};

/// What a report keeps.
constexpr std::size_t kMaxReportedTests = 200;

/// Finds the report of a test framework in what a command wrote: JUnit XML, pytest (verbose lines and the short
/// summary), `node --test` (spec), TAP 13 and 14. Everything in it is the skill's own word. Linear in the output; a
/// report that breaks off counts as far as it goes. Groups are no tests of their own, unless one failed by itself.
TestReport read_test_report(std::string_view output);

}  // namespace skill_verifier::scan
