#include "service/reported_tests.hpp"

#include <gmock/gmock.h>

#include "service/service_fixture.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::service {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

const std::string kTap = "TAP version 13\nok 1 - adds\nnot ok 2 - breaks\nok 3 - later # SKIP no time\n1..3\n";

sandbox::RunResult wrote(int code, const std::string& out) {
  sandbox::RunResult run = FakeSandbox::exited(code);
  run.out.head = out;
  run.out.total = out.size();
  return run;
}

TEST(ReportedTests, AreReadFromStdoutAndElseFromStderr) {
  EXPECT_EQ(reported_tests(wrote(0, kTap)).tests.size(), 3U);
  sandbox::RunResult run = wrote(0, "nothing\n");
  run.err.head = kTap;
  run.err.total = kTap.size();
  EXPECT_EQ(reported_tests(run).tests.size(), 3U);
  EXPECT_TRUE(reported_tests(wrote(0, "")).tests.empty());
}

TEST(ReportedTests, OfOutputThatWasCutAreThoseOfWholeLines) {
  sandbox::RunResult run = wrote(0, "TAP version 13\nok 1 - a\nok 2 - b cu");
  run.out.tail = "t off\nnot ok 9 - i\n1..9\n";
  run.out.total = 5000;
  run.out.truncated = true;
  EXPECT_THAT(reported_tests(run).tests, ElementsAre(scan::TestCase{"a", scan::TestOutcome::passed},
                                                     scan::TestCase{"i", scan::TestOutcome::failed}));
}

TEST(ReportedTests, OfANameThatAlsoFailedDidNotPass) {
  attest::StatementInput made;
  add_reported_tests(made, reported_tests(wrote(1, "1..3\nok 1 - a\nnot ok 2 - a\nok 3 - b\n")));
  EXPECT_THAT(made.passed_tests, ElementsAre("test_command/b"));
  EXPECT_THAT(made.failed_tests, ElementsAre("test_command/a"));
}

class ReportedTestsOfJobs : public ServiceTest {
 protected:
  void SetUp() override { start(); }
  store::Job job_that_wrote(int code, const std::string& out) {
    sandbox_.runs.push_back(FakeSandbox::step(wrote(code, out)));
    return wait(submit().id);
  }
};

TEST_F(ReportedTestsOfJobs, StandInTheResultAndInTheStatement) {
  const auto job = job_that_wrote(1, kTap);
  const auto result = result_of(job);
  EXPECT_EQ(result["verdict"], "failed");
  EXPECT_EQ(result["tests"],
            json::parse(R"({"format": "tap", "leftOut": 0, "cases": [{"name": "adds", "outcome": "passed"},
              {"name": "breaks", "outcome": "failed"}, {"name": "later", "outcome": "skipped"}]})"));
  const auto predicate = parse(job.statement)["predicate"];
  EXPECT_EQ(predicate["result"], "FAILED");
  EXPECT_THAT(predicate["passedTests"], ElementsAre("test_command/adds"));
  EXPECT_THAT(predicate["failedTests"], ElementsAre("test_command", "test_command/breaks"));
  EXPECT_THAT(predicate["warnedTests"], IsEmpty());
}

TEST_F(ReportedTestsOfJobs, ThatFailedWeakenAPass) {
  const auto job = job_that_wrote(0, kTap);
  const auto result = result_of(job);
  EXPECT_EQ(result["verdict"], "passed") << "the exit alone decides";
  EXPECT_EQ(result["result"]["passed"], true);
  std::vector<std::string> codes;
  for (const auto& warning : result["warnings"])
    codes.push_back(warning["code"]);
  EXPECT_THAT(codes, Contains("reported_failures"));
  const auto predicate = parse(job.statement)["predicate"];
  EXPECT_EQ(predicate["result"], "WARNED");
  EXPECT_THAT(predicate["warnedTests"], ElementsAre("test_command"));
  EXPECT_THAT(predicate["failedTests"], ElementsAre("test_command/breaks"));
}

TEST_F(ReportedTestsOfJobs, CannotPassForChecks) {
  const auto job = job_that_wrote(0, "1..1\nok 1 - standard/exec/reverse-shell\n");
  EXPECT_THAT(parse(job.statement)["predicate"]["passedTests"],
              ElementsAre("test_command", "test_command/standard/exec/reverse-shell"));
}

TEST_F(ReportedTestsOfJobs, AreAbsentWhereNothingWasReported) {
  const auto job = job_that_wrote(0, "all is well\n");
  EXPECT_FALSE(result_of(job).contains("tests"));
  EXPECT_THAT(parse(job.statement)["predicate"]["passedTests"], ElementsAre("test_command"));
}

}  // namespace
}  // namespace skill_verifier::service
