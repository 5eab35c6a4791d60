#include "skill_verifier/scan/test_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skill_verifier::scan {

inline void PrintTo(const TestCase& test, std::ostream* out) {
  *out << test.name << ": " << to_string(test.outcome);
}

namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr auto kPassed = TestOutcome::passed;
constexpr auto kFailed = TestOutcome::failed;
constexpr auto kSkipped = TestOutcome::skipped;

// The first two are what Node 20 wrote of the same file.
constexpr std::string_view kNodeSpec = R"(✔ adds (1.031684ms)
✖ breaks (1.042842ms)
  AssertionError [ERR_ASSERTION]: 1 == 2
      at TestContext.<anonymous> (file:///skill/a.test.mjs:4:29)

﹣ later (0.114372ms) # no time
✖ todo (0.225304ms) # TODO
▶ suite
  ✔ inner # hash (0.134367ms)
  ✖ fails inside (0.090278ms)
    Error: ok 9 - fake
    ✔ fake (1ms)
        at TestContext.<anonymous> (file:///skill/a.test.mjs:7:90)

✖ suite (2.089987ms)
ℹ tests 6
ℹ suites 1

✖ failing tests:

test at a.test.mjs:4:1
✖ breaks (1.042842ms)
)";

constexpr std::string_view kNodeTap = R"(TAP version 13
# Subtest: adds
ok 1 - adds
  ---
  duration_ms: 1.067024
  ...
# Subtest: breaks
not ok 2 - breaks
  ---
  error: |-
    ok 7 - fake
  ...
# Subtest: later
ok 3 - later # SKIP no time
# Subtest: todo
not ok 4 - todo # TODO
# Subtest: suite
    # Subtest: inner \# hash
    ok 1 - inner \# hash
      ---
      duration_ms: 0.163907
      ...
    # Subtest: fails inside
    not ok 2 - fails inside
    1..2
not ok 5 - suite
1..5
# tests 6
)";

const std::vector<TestCase> kNodeTests{{"adds", kPassed},
                                       {"breaks", kFailed},
                                       {"later", kSkipped},
                                       {"todo", kSkipped},
                                       {"suite > inner # hash", kPassed},
                                       {"suite > fails inside", kFailed}};

TEST(ReadTestReport, ReadsBothReportersOfNodeAlike) {
  const TestReport spec = read_test_report(kNodeSpec);
  EXPECT_EQ(spec.format, "node");
  EXPECT_EQ(spec.tests, kNodeTests);
  const TestReport tap = read_test_report(kNodeTap);
  EXPECT_EQ(tap.format, "tap");
  EXPECT_EQ(tap.tests, kNodeTests);
}

TEST(ReadTestReport, ReadsTapOfBatsAndProve) {
  const TestReport bats = read_test_report(
      "1..3\nok 1 adds two numbers\nnot ok 2 fails # with a hash\n# (in test file)\nok 3 # skip why\n");
  EXPECT_EQ(bats.format, "tap");
  EXPECT_THAT(bats.tests, ElementsAre(TestCase{"adds two numbers", kPassed}, TestCase{"fails # with a hash", kFailed},
                                      TestCase{"#3", kSkipped}));
  EXPECT_THAT(read_test_report("ok 1 - a\nok 2 - b\n1..2\n").tests, SizeIs(2)) << "the plan may come last";
  EXPECT_THAT(read_test_report("TAP version 14\r\nok\r\nnot ok\r\n").tests,
              ElementsAre(TestCase{"#1", kPassed}, TestCase{"#2", kFailed}));
}

TEST(ReadTestReport, TakesNoOrdinaryLinesForTests) {
  EXPECT_THAT(read_test_report("ok 1 - done\nok, all is well\n").tests, IsEmpty()) << "no plan";
  EXPECT_THAT(read_test_report("✔ built (12ms)\n").tests, IsEmpty()) << "no sums";
  EXPECT_THAT(read_test_report("FAILED a.py::b - x\n").tests, IsEmpty()) << "no heading";
  EXPECT_THAT(read_test_report("<testcase name=\"a\"/>").tests, IsEmpty()) << "no suite";
  EXPECT_THAT(read_test_report("okay\n1..3\nnotok 2\n").tests, IsEmpty());
  EXPECT_EQ(read_test_report("").format, "");
}

TEST(ReadTestReport, NamesAGroupThatFailedByItself) {
  const TestReport report = read_test_report(
      "TAP version 13\n# Subtest: hooks\n    # Subtest: a\n    ok 1 - a\n    1..1\nnot ok 1 - hooks\n1..1\n");
  EXPECT_THAT(report.tests, ElementsAre(TestCase{"hooks > a", kPassed}, TestCase{"hooks", kFailed}));
}

TEST(ReadTestReport, ReadsPytestVerbose) {
  const TestReport report = read_test_report(
      "============================= test session starts ==============================\n"
      "platform linux -- Python 3.11.7, pytest-9.2.0\ncollecting ... collected 6 items\n\n"
      "test_a.py::test_ok PASSED                                                [ 16%]\n"
      "\x1B[32mtest_a.py::test_bad \x1B[31mFAILED\x1B[0m                        [ 33%]\n"
      "test_a.py::test_skip SKIPPED (no)                                        [ 50%]\n"
      "test_a.py::test_xf XFAIL                                                 [ 66%]\n"
      "test_a.py::test_p[a b] PASSED                                            [ 83%]\n"
      "[gw0] [100%] PASSED test_b.py::TestC::test_d\n\n"
      "=================================== FAILURES ===================================\n"
      "fake.py::test PASSED                                                     [ 99%]\n"
      "=========================== short test summary info ============================\n"
      "FAILED test_a.py::test_bad - assert 1 == 2\n"
      "ERROR test_a.py::test_p[x - y] - RuntimeError: a - b\n"
      "============== 1 failed, 3 passed, 1 skipped, 1 xfailed in 0.02s ===============\n");
  EXPECT_EQ(report.format, "pytest");
  EXPECT_THAT(report.tests,
              ElementsAre(TestCase{"test_a.py::test_ok", kPassed}, TestCase{"test_a.py::test_bad", kFailed},
                          TestCase{"test_a.py::test_skip", kSkipped}, TestCase{"test_a.py::test_xf", kSkipped},
                          TestCase{"test_a.py::test_p[a b]", kPassed}, TestCase{"test_b.py::TestC::test_d", kPassed},
                          TestCase{"test_a.py::test_p[x - y]", kFailed}));
}

TEST(ReadTestReport, ReadsJunitAmongOtherOutput) {
  const TestReport report = read_test_report(
      ".Fs [100%]<?xml version=\"1.0\" encoding=\"utf-8\"?><testsuites name=\"pytest tests\"><testsuite "
      "name=\"pytest\">"
      "<testcase classname=\"test_a\" name=\"test_ok\" time=\"0.000\" />"
      "<testcase classname=\"test_a\" name=\"test_bad\"><failure message=\"1 &lt; 2\">&lt;testcase name=\"fake\"/&gt;"
      "</failure></testcase><testcase classname=\"test\" name=\"n&#228;me\"><skipped/><failure/></testcase>"
      "<testcase name=\"e\"><error/></testcase></testsuite></testsuites>\n== FAILURES ==\n<testcase "
      "name=\"after\"/>\n");
  EXPECT_EQ(report.format, "junit");
  EXPECT_THAT(report.tests, ElementsAre(TestCase{"test_a > test_ok", kPassed}, TestCase{"test_a > test_bad", kFailed},
                                        TestCase{"n\xC3\xA4me", kSkipped}, TestCase{"e", kFailed}));
  EXPECT_THAT(read_test_report("<testsuite><testcase name=\"a\"/><testcase name=\"b\"><failu").tests,
              ElementsAre(TestCase{"a", kPassed}))
      << "a report that breaks off counts as far as it goes";
}

TEST(ReadTestReport, ExpandsNoEntities) {
  EXPECT_THAT(read_test_report("<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"b\">]><testsuite>"
                               "<testcase name=\"&a;\"/></testsuite>")
                  .tests,
              IsEmpty());
}

TEST(ReadTestReport, KeepsWhatFailedBeforeTheRest) {
  std::string output = "TAP version 13\n";
  for (int i = 1; i <= 500; ++i)
    output += (i > 450 ? "not ok " : "ok ") + std::to_string(i) + " - t" + std::to_string(i) + "\n";
  const TestReport report = read_test_report(output + "1..500\n");
  ASSERT_THAT(report.tests, SizeIs(kMaxReportedTests));
  EXPECT_EQ(report.left_out, 300U);
  EXPECT_EQ(report.tests.front().name, "t1");
  EXPECT_EQ(report.tests[149].name, "t150");
  EXPECT_EQ(report.tests[150].name, "t451");
  EXPECT_EQ(report.tests.back(), (TestCase{"t500", kFailed}));
}

TEST(ReadTestReport, ShortensAndEscapesNames) {
  const TestReport report = read_test_report("1..1\nok 1 - a\x07" + std::string(1000, 'x') + "\n");
  ASSERT_THAT(report.tests, SizeIs(1));
  EXPECT_LT(report.tests[0].name.size(), 200U);
  EXPECT_EQ(report.tests[0].name.find('\x07'), std::string::npos);
}

TEST(ReadTestReport, IsNotKeptBusyByDepthOrNumbers) {
  std::string deep = "TAP version 14\n";
  for (std::size_t i = 0; i < 3000; ++i)
    deep += std::string(4 * i, ' ') + "# Subtest: s\n";
  EXPECT_THAT(read_test_report(deep).tests, IsEmpty());
  std::string many = "1..1\n";
  while (many.size() < (4u << 20))
    many += "ok\n";
  EXPECT_THAT(read_test_report(many).tests, SizeIs(kMaxReportedTests));
  std::string nested = "<testsuite>";
  while (nested.size() < (4u << 20))
    nested += "<a>";
  EXPECT_THAT(read_test_report(nested).tests, IsEmpty());
}

}  // namespace
}  // namespace skill_verifier::scan
