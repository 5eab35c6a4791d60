#include "service/sandbox_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "service/sandbox_judge.hpp"
#include "support/fake_sandbox.hpp"

namespace skill_verifier::service {
namespace {

using scan::Outcome;
using test::FakeSandbox;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = PlannedCommand::Kind;
using What = sandbox::Watched::What;

const scan::Profile& profile() {
  static const scan::Profile made = scan::sandbox_profile().value();
  return made;
}

PlannedCommand planned(Kind kind, std::string program, std::string shown) {
  PlannedCommand made;
  made.kind = kind;
  made.file = "run.x";
  made.program = std::move(program);
  made.shown = std::move(shown);
  made.command.spec.timeout = std::chrono::seconds(10);
  return made;
}

sandbox::RunResult watched(sandbox::RunResult run, std::vector<sandbox::Watched::Asked> asked = {}) {
  run.watched.emplace();
  run.watched->calls = run.watched->network = true;
  run.watched->asked = std::move(asked);
  return run;
}
sandbox::RunResult timed_out() {
  sandbox::RunResult run;
  run.outcome = sandbox::Outcome::timeout;
  return run;
}

/// One command that was run, in an image with sh, python3, node, perl and pytest.
SandboxReport judged(PlannedCommand command, sandbox::RunResult run, const std::vector<std::string>& allows = {}) {
  SandboxPlan plan;
  plan.commands = {planned(Kind::probe, "", ""), std::move(command)};
  sandbox::ExamineResult examined;
  examined.image.reference = "toolbox";
  examined.runs = {FakeSandbox::exited(0, "sh\npython3\nnode\nperl\npytest\n"), std::move(run)};
  return judge_sandbox(plan, examined, profile(), allows);
}
SandboxRow row_of(const SandboxReport& report, const std::string& check) {
  const auto found = std::ranges::find(report.rows, check, &SandboxRow::check);
  return found == report.rows.end() ? SandboxRow{} : *found;
}
SandboxRow syntax(const std::string& program, sandbox::RunResult run) {
  return row_of(judged(planned(Kind::syntax, program, program + " run.x"), std::move(run)), "sandbox/syntax");
}
SandboxReport smoke(sandbox::RunResult run, const std::string& shown = "sh run.x --help") {
  return judged(planned(Kind::smoke, "sh", shown), std::move(run));
}

TEST(SandboxRows, SyntaxIsWhatItsInterpreterSays) {
  EXPECT_EQ(syntax("sh", FakeSandbox::exited(0)).outcome, Outcome::passed);
  const auto failed = syntax("sh", FakeSandbox::exited(2, "", "./run.x: 3: Syntax error: \"(\" unexpected\n"));
  EXPECT_EQ(failed.outcome, Outcome::failed);
  EXPECT_EQ(failed.line, 3);
  EXPECT_THAT(failed.note, HasSubstr("Syntax error"));
  EXPECT_EQ(failed.file, "run.x");
  EXPECT_EQ(syntax("ruby", FakeSandbox::exited(127)).outcome, Outcome::skipped);
  EXPECT_THAT(syntax("ruby", FakeSandbox::exited(0)).note, HasSubstr("there is no ruby"));
  EXPECT_EQ(syntax("python3", timed_out()).outcome, Outcome::skipped);
  EXPECT_EQ(syntax("perl", FakeSandbox::exited(2, "", "Can't locate A/B.pm in @INC")).outcome, Outcome::skipped);
  EXPECT_EQ(syntax("node", FakeSandbox::exited(1)).outcome, Outcome::failed);
}

TEST(Objection, NamesTheLine) {
  EXPECT_EQ(objection_of("bash", "./a.sh: line 12: syntax error near unexpected token `('").line, 12);
  EXPECT_EQ(objection_of("python3", "line 7: invalid syntax").line, 7);
  EXPECT_EQ(objection_of("perl", "syntax error at ./b.pl line 4, near \"= ;\"\n./b.pl had compilation errors.").line,
            4);
  const auto node =
      objection_of("node", "/skill/x.js:9\nlet a = ;\n        ^\n\nSyntaxError: Unexpected token ';'\n    at x:1:2\n");
  EXPECT_EQ(node.line, 9);
  EXPECT_EQ(node.message, "SyntaxError: Unexpected token ';'");
  EXPECT_EQ(objection_of("sh", "no place at all").line, 0);
  EXPECT_EQ(objection_of("sh", "a: 99999999999999999999: x").line > 0, true);
}

TEST(SandboxRows, ASmokeRunThatIsFinePassesEveryCheck) {
  const auto report = smoke(watched(FakeSandbox::exited(2)));
  for (const auto* check : {"sandbox/crash", "sandbox/hang", "sandbox/write", "sandbox/connect"})
    EXPECT_EQ(row_of(report, check).outcome, Outcome::passed) << check;
  EXPECT_EQ(report.image->reference, "toolbox");
  EXPECT_TRUE(report.repeatable);
}

TEST(SandboxRows, ACrashIsASignalOrTooMuchMemory) {
  const auto crash = row_of(smoke(watched(FakeSandbox::exited(139))), "sandbox/crash");
  EXPECT_EQ(crash.outcome, Outcome::failed);
  EXPECT_EQ(crash.note, "ended by signal 11 (SIGSEGV)");
  auto memory = watched(FakeSandbox::exited(137));
  memory.outcome = sandbox::Outcome::oom;
  EXPECT_EQ(row_of(smoke(memory), "sandbox/crash").note, "ran out of memory");
  for (const int status : {0, 1, 2, 127})
    EXPECT_EQ(row_of(smoke(watched(FakeSandbox::exited(status))), "sandbox/crash").outcome, Outcome::passed) << status;
  EXPECT_EQ(row_of(smoke(watched(FakeSandbox::exited(3))), "sandbox/crash").outcome, Outcome::warned);
  EXPECT_EQ(row_of(smoke(watched(FakeSandbox::exited(3)), "sh run.x"), "sandbox/crash").outcome, Outcome::passed)
      << "without arguments any status is an answer";
}

TEST(SandboxRows, AHangIsAWarning) {
  const auto report = smoke(watched(timed_out()));
  EXPECT_EQ(row_of(report, "sandbox/hang").outcome, Outcome::warned);
  EXPECT_FALSE(report.repeatable) << "the machine may have been busy";
  EXPECT_EQ(row_of(report, "sandbox/hang").note, "did not end within 10 s");
  EXPECT_EQ(row_of(report, "sandbox/crash").outcome, Outcome::passed);
}

sandbox::RunResult ended_for_its_files() {
  sandbox::RunResult run;
  run.outcome = sandbox::Outcome::killed;
  return run;
}

TEST(SandboxRows, WhatWasEndedForItsFilesPassesNothing) {
  const auto report = smoke(watched(ended_for_its_files()));
  EXPECT_EQ(row_of(report, "sandbox/crash").outcome, Outcome::failed);
  EXPECT_EQ(row_of(report, "sandbox/crash").note, "was ended: more files than it may have");
  for (const auto* check : {"sandbox/hang", "sandbox/write", "sandbox/connect"})
    EXPECT_EQ(row_of(report, check).outcome, Outcome::skipped) << check;
  EXPECT_THAT(report.checks(Outcome::passed), IsEmpty());
  EXPECT_FALSE(report.repeatable);
}

TEST(SandboxRows, WhatWasSeenBeforeTheEndForItsFilesCounts) {
  const auto report =
      smoke(watched(ended_for_its_files(), {{What::write, "/etc/passwd", 1}, {What::connect, "203.0.113.7:443", 1}}));
  EXPECT_EQ(row_of(report, "sandbox/write").note, "wanted to change /etc/passwd");
  EXPECT_EQ(row_of(report, "sandbox/connect").outcome, Outcome::warned);
}

TEST(SandboxRows, ATestThatWasEndedForItsFilesFailed) {
  const auto row = row_of(judged(planned(Kind::test, "sh", "sh test.sh"), ended_for_its_files()), "sandbox/test");
  EXPECT_EQ(row.outcome, Outcome::failed);
  EXPECT_EQ(row.note, "was ended: more files than it may have");
}

TEST(SandboxRows, TellWhatWasAskedOfTheKernel) {
  const auto report =
      smoke(watched(FakeSandbox::exited(0), {{What::write, "/etc/passwd", 2}, {What::connect, "203.0.113.7:443", 1}}));
  EXPECT_EQ(row_of(report, "sandbox/write").outcome, Outcome::failed);
  EXPECT_EQ(row_of(report, "sandbox/write").note, "wanted to change /etc/passwd (2 times)");
  EXPECT_EQ(row_of(report, "sandbox/connect").outcome, Outcome::warned);
  EXPECT_EQ(row_of(report, "sandbox/connect").note, "wanted to reach 203.0.113.7:443");
}

TEST(SandboxRows, TheNetworksCountersAreEnough) {
  auto run = watched(FakeSandbox::exited(0));
  run.watched->calls = false;
  run.watched->unroutable = 3;
  const auto report = smoke(run);
  EXPECT_EQ(row_of(report, "sandbox/connect").outcome, Outcome::warned);
  EXPECT_THAT(row_of(report, "sandbox/connect").note, HasSubstr("3 attempts"));
  EXPECT_EQ(row_of(report, "sandbox/write").outcome, Outcome::skipped) << "what cannot be seen is not passed";
}

TEST(SandboxRows, WhatCouldNotBeReadIsNotPassed) {
  auto run = watched(FakeSandbox::exited(0));
  run.watched->unreadable = 2;
  EXPECT_EQ(row_of(smoke(run), "sandbox/write").outcome, Outcome::skipped);
}

TEST(SandboxRows, AnUndeclaredTestHasARowThatSaysSo) {
  const auto run = [](sandbox::RunResult result) {
    return row_of(judged(planned(Kind::test, "pytest", "python -m pytest"), std::move(result)), "sandbox/test");
  };
  EXPECT_EQ(run(FakeSandbox::exited(0)).outcome, Outcome::passed);
  EXPECT_EQ(run(FakeSandbox::exited(0)).declared, false);
  EXPECT_EQ(run(FakeSandbox::exited(1)).outcome, Outcome::failed);
  EXPECT_EQ(run(timed_out()).outcome, Outcome::failed);
  EXPECT_EQ(run(FakeSandbox::exited(1, "ModuleNotFoundError: No module named 'requests'")).outcome, Outcome::skipped);
}

/// Rows of `sandbox/test` for a command that wrote this, as `outcome test: note`.
std::vector<std::string> test_rows(sandbox::RunResult run, const std::vector<std::string>& allows = {}) {
  std::vector<std::string> rows;
  for (const auto& row : judged(planned(Kind::test, "sh", "sh test.sh"), std::move(run), allows).rows) {
    if (row.check != "sandbox/test") continue;
    EXPECT_EQ(row.declared, false);
    EXPECT_EQ(row.file, "run.x");
    EXPECT_EQ(row.command, "sh test.sh");
    rows.push_back(std::string(to_string(row.outcome)) + " " + row.test + ": " + row.note);
  }
  return rows;
}
const std::string kTap = "1..3\nok 1 - adds\nnot ok 2 - breaks\nok 3 - waits # SKIP no network\n";

TEST(SandboxRows, SingleTestsThatAreReportedHaveRowsOfTheirOwn) {
  EXPECT_THAT(test_rows(FakeSandbox::exited(1, kTap)),
              ElementsAre("failed : exited with status 1", "passed adds: ", "failed breaks: reported as failed",
                          "skipped waits: "));
  EXPECT_THAT(test_rows(FakeSandbox::exited(1, "", kTap)).size(), 4u) << "on either stream";
  auto late = timed_out();
  late.out = FakeSandbox::exited(0, kTap).out;
  EXPECT_THAT(test_rows(late).size(), 4u) << "a report that breaks off counts as far as it goes";
  EXPECT_THAT(test_rows(FakeSandbox::exited(1, kTap), {"sandbox/test"}),
              ElementsAre("warned : exited with status 1", "passed adds: ", "warned breaks: reported as failed",
                          "skipped waits: "));
  EXPECT_THAT(test_rows(FakeSandbox::exited(1, kTap + "ModuleNotFoundError: No module named 'x'\n")).size(), 1u)
      << "what is missing here says nothing about single tests";
}

TEST(SandboxRows, AFailureThatACommandPassesOverIsAWarning) {
  const auto report = judged(planned(Kind::test, "sh", "sh test.sh"), FakeSandbox::exited(0, kTap));
  EXPECT_THAT(test_rows(FakeSandbox::exited(0, kTap)),
              ElementsAre("passed : ", "passed adds: ", "warned breaks: reported as failed by a command that passed",
                          "skipped waits: "));
  EXPECT_THAT(report.checks(Outcome::warned), ElementsAre("sandbox/test"));
  EXPECT_THAT(report.single_tests(true), ElementsAre("sandbox/test/sh test.sh/adds"));
  EXPECT_THAT(report.single_tests(false), ElementsAre("sandbox/test/sh test.sh/breaks"));
}

TEST(SandboxRows, NoMoreThan200SingleTestsHaveRows) {
  std::string many = "1..150\n";
  for (int i = 1; i <= 150; ++i)
    many += "ok " + std::to_string(i) + " - t" + std::to_string(i) + "\n";
  SandboxPlan plan;
  plan.commands = {planned(Kind::probe, "", ""), planned(Kind::test, "sh", "sh a.sh"),
                   planned(Kind::test, "sh", "sh b.sh")};
  sandbox::ExamineResult examined;
  examined.runs = {FakeSandbox::exited(0, "sh\n"), FakeSandbox::exited(0, many), FakeSandbox::exited(0, many)};
  const auto report = judge_sandbox(plan, examined, profile(), {});
  EXPECT_EQ(report.single_tests(true).size(), 200u);
  const auto second = std::ranges::find(report.rows, "sh b.sh", &SandboxRow::command);
  EXPECT_EQ(second->note, "it reports 100 more tests");
  EXPECT_THAT(report.checks(Outcome::passed), testing::Contains("sandbox/test"));
}

/// Two commands that nobody declared, with what they wrote.
SandboxReport judged_two(const std::string& first, const std::string& second) {
  SandboxPlan plan;
  plan.commands = {planned(Kind::probe, "", ""), planned(Kind::test, "sh", "sh a.sh"),
                   planned(Kind::test, "sh", "sh b.sh")};
  sandbox::ExamineResult examined;
  examined.runs = {FakeSandbox::exited(0, "sh\n"), FakeSandbox::exited(0, first), FakeSandbox::exited(1, second)};
  return judge_sandbox(plan, examined, profile(), {});
}

TEST(SandboxRows, PassesOfOneCommandDoNotHideTheFailuresOfAnother) {
  std::string many = "1..200\n";
  for (int i = 1; i <= 200; ++i)
    many += "ok " + std::to_string(i) + " - t" + std::to_string(i) + "\n";
  const auto report = judged_two(many, "1..3\nok 1 - fine\nnot ok 2 - broken\nnot ok 3 - worse\n");
  EXPECT_THAT(report.single_tests(false), ElementsAre("sandbox/test/sh b.sh/broken", "sandbox/test/sh b.sh/worse"));
  EXPECT_EQ(report.single_tests(true).size(), 198u);
  EXPECT_EQ(row_of(report, "sandbox/test").note, "it reports 2 more tests");
  const auto second = std::ranges::find(report.rows, "sh b.sh", &SandboxRow::command);
  EXPECT_EQ(second->note, "exited with status 1; it reports 1 more tests");
}

TEST(SandboxRows, ANameThatAlsoFailedDidNotPass) {
  const auto report = judged_two("1..1\nok 1 - a\n", "1..3\nok 1 - a\nnot ok 2 - a\nok 3 - b\n");
  EXPECT_THAT(report.single_tests(true), ElementsAre("sandbox/test/sh a.sh/a", "sandbox/test/sh b.sh/b"));
  EXPECT_THAT(report.single_tests(false), ElementsAre("sandbox/test/sh b.sh/a"));
}

TEST(SandboxRows, ASkippedSingleTestLeavesItsCheckPassed) {
  const auto report =
      judged(planned(Kind::test, "sh", "sh test.sh"), FakeSandbox::exited(0, "1..2\nok 1 - a\nok 2 - b # SKIP\n"));
  EXPECT_THAT(report.checks(Outcome::passed), ElementsAre("sandbox/test"));
  EXPECT_THAT(report.checks(Outcome::skipped), testing::Not(testing::Contains("sandbox/test")));
  EXPECT_GT(report.count(Outcome::skipped), 0u) << "its row still says so";
}

TEST(SandboxRows, AFaultOfOursAccusesNobody) {
  SandboxPlan plan;
  plan.commands = {planned(Kind::probe, "", ""), planned(Kind::syntax, "sh", "sh -n run.x"),
                   planned(Kind::smoke, "sh", "sh run.x")};
  const Result<sandbox::ExamineResult> lost = Error{Errc::unavailable, "sandbox_lost", "the sandbox ended"};
  const auto report = judge_sandbox(plan, lost, profile(), {});
  for (const auto& row : report.rows)
    EXPECT_EQ(row.outcome, Outcome::skipped) << row.check;
  EXPECT_EQ(row_of(report, "sandbox/syntax").note, "not run: the sandbox ended");
  EXPECT_FALSE(report.image);
  EXPECT_FALSE(report.repeatable);
  EXPECT_THAT(report.checks(Outcome::skipped).size(), 6u);
}

TEST(SandboxRows, WhatCameBeforeTheEndCounts) {
  SandboxPlan plan;
  plan.commands = {planned(Kind::probe, "", ""), planned(Kind::syntax, "sh", "sh -n a"),
                   planned(Kind::syntax, "sh", "sh -n b")};
  plan.commands[2].file = "z.x";
  sandbox::ExamineResult examined;
  examined.runs = {FakeSandbox::exited(0, "sh\n"), FakeSandbox::exited(0)};
  examined.stopped = "time is up";
  const auto report = judge_sandbox(plan, examined, profile(), {});
  EXPECT_EQ(report.rows[0].outcome, Outcome::passed);
  EXPECT_EQ(report.rows[1].outcome, Outcome::skipped);
  EXPECT_EQ(report.rows[1].note, "not run: time is up");
  EXPECT_THAT(report.checks(Outcome::passed), IsEmpty()) << "the worst row is the check's";
}

TEST(SandboxRows, SayWhatWasLeftOut) {
  SandboxPlan plan;
  plan.more_scripts = 36;
  const auto report = judge_sandbox(plan, sandbox::ExamineResult{}, profile(), {});
  EXPECT_EQ(row_of(report, "sandbox/syntax").note, "36 more scripts were not looked at");
  EXPECT_EQ(row_of(report, "sandbox/test").outcome, Outcome::skipped);
}

TEST(SandboxRows, AnAuthorCanAllowWhatIsIntended) {
  const auto report = judged(planned(Kind::smoke, "sh", "sh run.x"),
                             watched(FakeSandbox::exited(0), {{What::write, "/etc/x", 1}}), {"sandbox/write"});
  EXPECT_EQ(row_of(report, "sandbox/write").outcome, Outcome::warned);
  EXPECT_TRUE(row_of(report, "sandbox/write").allowed);
  EXPECT_THAT(report.allowed(), ElementsAre("sandbox/write"));
}

TEST(SandboxRows, OfSingleTestsAreWrittenWithTheirName) {
  const auto rows =
      nlohmann::json::parse(rows_json(judged(planned(Kind::test, "sh", "sh test.sh"), FakeSandbox::exited(1, kTap))));
  EXPECT_EQ(rows.at(rows.size() - 2), nlohmann::json::parse(R"({"check":"sandbox/test","command":"sh test.sh",
      "declared":false,"file":"run.x","note":"reported as failed","outcome":"failed","severity":"high",
      "test":"breaks"})"));
}

TEST(SandboxRows, AreWrittenInFull) {
  const auto rows = nlohmann::json::parse(
      rows_json(judged(planned(Kind::test, "pytest", "python -m pytest"), FakeSandbox::exited(1))));
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows.back(), nlohmann::json::parse(R"({"check":"sandbox/test","command":"python -m pytest","declared":false,
      "file":"run.x","note":"exited with status 1","outcome":"failed","severity":"high"})"));
}

}  // namespace
}  // namespace skill_verifier::service
