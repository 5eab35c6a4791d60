#include <gtest/gtest.h>

#include "attest/check_world.hpp"

namespace skill_verifier::attest {
namespace {

using test::check_document;
using test::failures;
using test::job_document;
using test::pinned;
using test::row;
using Verdict = StatementInput::Verdict;
using Made = Expectations::Package::Checks;

Made made() {
  Made checks;
  checks.profile = "standard-v1";
  checks.profile_sha256 = std::string(64, '1');
  checks.rows_sha256 = std::string(64, '2');
  checks.passed = {"standard/exec/reverse-shell"};
  checks.warned = {"standard/agent/memory-write"};
  checks.failed = {"standard/secrets/hard-coded"};
  checks.skipped = {"standard/package/no-shebang"};
  checks.allowed = {"standard/agent/memory-write"};
  return checks;
}

StatementInput stated(Verdict verdict, const Made& checks = made()) {
  auto input = test::statement_input(verdict);
  input.passed_tests = checks.passed;
  input.passed_tests.insert(input.passed_tests.begin(), "test_command");
  input.warned_tests = checks.warned;
  input.failed_tests = checks.failed;
  input.checks = StatementInput::Checks{checks.profile, checks.profile_sha256, checks.rows_sha256,
                                        checks.flagged, checks.allowed,        checks.skipped};
  return input;
}

CheckReport checked(const StatementInput& input, const std::optional<Made>& known,
                    const nlohmann::ordered_json& passed = true) {
  auto document = job_document(build_statement(input).value());
  document["passed"] = passed;
  auto expected = pinned();
  expected.package->checks = known;
  return check_document(document, expected);
}

TEST(StaticChecks, PassWhereTheFilesInHandGiveTheSame) {
  const auto report = checked(stated(Verdict::passed), made());
  EXPECT_EQ(report.verdict, CheckVerdict::valid) << failures(report);
  EXPECT_EQ(row(report, "checks").outcome, Outcome::passed) << row(report, "checks").detail;
}

TEST(StaticChecks, FailForEveryDifference) {
  const std::pair<const char*, std::function<void(Made&)>> changes[] = {
      {"a row", [](Made& m) { m.rows_sha256[0] = '0'; }},
      {"flagged", [](Made& m) { m.flagged = true; }},
      {"failed", [](Made& m) { m.failed.clear(); }},
      {"warned instead", [](Made& m) { std::swap(m.warned, m.failed); }},
      {"passed", [](Made& m) { m.passed.emplace_back("standard/exec/one-more"); }},
      {"skipped", [](Made& m) { m.skipped.clear(); }},
      {"allowed", [](Made& m) { m.allowed.clear(); }}};
  for (const auto& [what, change] : changes) {
    auto other = made();
    change(other);
    const auto report = checked(stated(Verdict::passed), other);
    EXPECT_EQ(report.verdict, CheckVerdict::invalid) << what;
    EXPECT_EQ(row(report, "checks").outcome, Outcome::failed) << what;
    EXPECT_NE(row(report, "checks").expected, row(report, "checks").actual) << what;
  }
}

TEST(StaticChecks, AreNotCheckedUnderAnotherProfileAndNothingIsMissing) {
  auto other = made();
  other.profile_sha256 = std::string(64, '9');
  const auto report = checked(stated(Verdict::passed), other);
  EXPECT_EQ(report.verdict, CheckVerdict::valid) << failures(report);
  EXPECT_EQ(row(report, "checks").outcome, Outcome::not_checked);
  EXPECT_NE(row(report, "checks").detail.find(std::string(64, '9')), std::string::npos);
}

TEST(StaticChecks, AreNotCheckedInStatementsOfBefore) {
  const auto report = checked(test::statement_input(Verdict::passed), made());
  EXPECT_EQ(report.verdict, CheckVerdict::valid) << failures(report);
  EXPECT_EQ(row(report, "checks").outcome, Outcome::not_checked);
}

TEST(StaticChecks, AreToldWithWhatTheAuthorAllowed) {
  const auto report = checked(stated(Verdict::passed), made());
  const auto said = std::ranges::find(report.says, "checks", &std::pair<std::string, std::string>::first);
  ASSERT_NE(said, report.says.end());
  EXPECT_EQ(said->second,
            "standard-v1: 1 failed, 1 warned, 1 passed, 1 skipped; allowed by author: "
            "standard/agent/memory-write");
}

TEST(StaticChecks, MakeAPassingSkillFailedOnlyWhereTheyFlagIt) {
  auto input = stated(Verdict::failed);
  input.run->exit_code = 0;
  EXPECT_EQ(row(checked(input, std::nullopt, true), "document").outcome, Outcome::failed)
      << "nothing flagged: FAILED means that the test failed";
  input.checks->flagged = true;
  EXPECT_EQ(row(checked(input, std::nullopt, true), "document").outcome, Outcome::passed);
  EXPECT_EQ(row(checked(input, std::nullopt, false), "document").outcome, Outcome::failed);
  input.run->exit_code = 1;
  EXPECT_EQ(row(checked(input, std::nullopt, false), "document").outcome, Outcome::passed);
  input.run.reset();
  input.image_reference.clear();
  EXPECT_EQ(row(checked(input, std::nullopt, nullptr), "document").outcome, Outcome::passed);
}

}  // namespace
}  // namespace skill_verifier::attest
