#include "sandbox/outcome.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skill_verifier::sandbox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// waitpid's word for an exit code, and for a signal.
std::int32_t exited(int code) {
  return code << 8;
}
std::int32_t signalled(int signal) {
  return signal;
}

Observation reported(init::ExitReason reason, std::int32_t wait_status, bool memory_killed) {
  Observation seen;
  seen.started = true;
  seen.exit.emplace();
  seen.exit->reason = reason;
  seen.exit->wait_status = wait_status;
  seen.exit->memory_killed = memory_killed;
  return seen;
}

struct Case {
  const char* name;
  Observation seen;
  Outcome outcome;
  std::optional<int> exit_code;
  bool memory_killed;
};

TEST(Judge, ReadsInitsReport) {
  using init::ExitReason;
  const Case cases[] = {
      {"success", reported(ExitReason::exited, exited(0), false), Outcome::exited, 0, false},
      {"failure", reported(ExitReason::exited, exited(42), false), Outcome::exited, 42, false},
      {"largest code", reported(ExitReason::exited, exited(255), false), Outcome::exited, 255, false},
      {"crash", reported(ExitReason::exited, signalled(11), false), Outcome::exited, 139, false},
      {"crash with core", reported(ExitReason::exited, signalled(11) | 0x80, false), Outcome::exited, 139, false},
      {"main process out of memory", reported(ExitReason::exited, signalled(9), true), Outcome::oom, 137, true},
      {"failure after a child's", reported(ExitReason::exited, exited(1), true), Outcome::oom, 1, true},
      {"success after a child's", reported(ExitReason::exited, exited(0), true), Outcome::oom, 0, true},
      {"limit of time", reported(ExitReason::timeout, signalled(9), false), Outcome::timeout, std::nullopt, false},
      {"limit of time after a child's", reported(ExitReason::timeout, signalled(9), true), Outcome::timeout,
       std::nullopt, true},
      {"killed by us", reported(ExitReason::killed, signalled(9), false), Outcome::killed, std::nullopt, false},
      {"never reaped", reported(ExitReason::timeout, 0, false), Outcome::timeout, std::nullopt, false},
  };
  for (const auto& each : cases) {
    const auto result = judge(each.seen, {});
    ASSERT_TRUE(result.has_value()) << each.name;
    EXPECT_EQ(result->outcome, each.outcome) << each.name;
    EXPECT_EQ(result->exit_code, each.exit_code) << each.name;
    EXPECT_EQ(result->memory_killed, each.memory_killed) << each.name;
  }
}

TEST(Judge, KeepsWhatTheReportMeasured) {
  auto seen = reported(init::ExitReason::exited, exited(0), false);
  seen.out_head = "head";
  seen.err_head = "whole";
  seen.exit->out_total = 100;
  seen.exit->out_tail = "tail";
  seen.exit->err_total = 5;
  seen.exit->duration = std::chrono::microseconds(1234);
  seen.exit->peak_memory_bytes = 77;
  const auto result = judge(seen, {});
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->out.head, "head");
  EXPECT_EQ(result->out.tail, "tail");
  EXPECT_EQ(result->out.total, 100u);
  EXPECT_TRUE(result->out.truncated);
  EXPECT_EQ(result->err.head, "whole");
  EXPECT_FALSE(result->err.truncated);
  EXPECT_EQ(result->duration, std::chrono::microseconds(1234));
  EXPECT_EQ(result->peak_memory_bytes, 77u);
}

TEST(Judge, TimesOutWhenInitMissedItsDeadline) {
  Observation seen;
  seen.started = true;
  seen.deadline_passed = true;
  seen.out_head = "so far";
  seen.waited = std::chrono::seconds(2);
  const auto result = judge(seen, {});
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->outcome, Outcome::timeout);
  EXPECT_EQ(result->exit_code, std::nullopt);
  EXPECT_EQ(result->out.text(), "so far");
  EXPECT_EQ(result->duration, std::chrono::seconds(2));
}

TEST(Judge, BlamesMemoryWhenThatEndedInitItself) {
  Observation seen;
  seen.started = true;
  seen.container_oom_killed = true;
  const auto result = judge(seen, {});
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->outcome, Outcome::oom);
  EXPECT_TRUE(result->memory_killed);
}

TEST(Judge, DoesNotBlameTheSkillForALostSandbox) {
  Observation gone;
  gone.started = true;
  Observation never_started;
  never_started.deadline_passed = true;
  for (const auto& seen : {gone, never_started}) {
    const auto result = judge(seen, {});
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, Errc::unavailable);
    EXPECT_EQ(result.error().id, "sandbox_lost");
  }
}

TEST(Judge, RefusesAPackageThatDoesNotFitIntoMemory) {
  Observation seen;
  seen.container_oom_killed = true;
  const auto result = judge(seen, {});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::rejected);
  EXPECT_EQ(result.error().id, "package_refused");
}

TEST(InitFault, IsThePackagesOrOurs) {
  EXPECT_EQ(error_of({"no_space", "/skill is full"}).id, "package_refused");
  EXPECT_EQ(error_of({"pack_invalid", "x"}).code, Errc::rejected);
  for (const auto* code : {"exec_setup", "protocol", "internal", "never heard of"}) {
    EXPECT_EQ(error_of({code, "x"}).id, "sandbox_lost") << code;
    EXPECT_EQ(error_of({code, "x"}).code, Errc::unavailable) << code;
  }
  EXPECT_THAT(error_of({"internal", std::string(5000, 'x')}).message.size(), testing::Lt(400u));
}

TEST(CommandEnvironment, PutsTheCommandsOwnOverOursOverTheImages) {
  const auto env = command_environment({"PATH=/opt/bin", "HOME=/root", "LANG=de_DE", "NODE_VERSION=20", "broken", "=x"},
                                       {{"LANG", "POSIX"}, {"API", "a=b"}});
  EXPECT_THAT(env, ElementsAre("PATH=/opt/bin", "HOME=/tmp", "LANG=POSIX", "NODE_VERSION=20", "PWD=/skill", "API=a=b"));
}

TEST(CommandEnvironment, HasAPathEvenWhenTheImageHasNone) {
  EXPECT_THAT(command_environment({}, {}),
              ElementsAre("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp",
                          "PWD=/skill", "LANG=C.UTF-8"));
}

TEST(CommandEnvironment, TellsNamesApartThatBeginAlike) {
  EXPECT_THAT(command_environment({"PATHS=1", "PATH=/x"}, {{"PAT", "2"}}),
              ElementsAre("PATH=/x", "PATHS=1", "HOME=/tmp", "PWD=/skill", "LANG=C.UTF-8", "PAT=2"));
}

}  // namespace
}  // namespace skill_verifier::sandbox
