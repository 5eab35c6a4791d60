#include <gtest/gtest.h>

#include "e2e/harness.hpp"

namespace skill_verifier::e2e {
namespace {

class Hostile : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (why_no_engine().empty()) daemon_ = std::make_unique<Daemon>("limits: {memory: 256MiB}\n");
  }
  static void TearDownTestSuite() {
    if (!daemon_) return;
    EXPECT_EQ(daemon_->stop(), 0);
    EXPECT_EQ(daemon_->containers(), std::vector<std::string>{}) << "a hostile skill left something behind";
    daemon_.reset();
  }
  void SetUp() override { SKILL_VERIFIER_NEEDS_ENGINE(); }

  static Json result_of(const std::string& example) {
    Json job = daemon_->verify(source_dir() / "examples" / "hostile" / example);
    EXPECT_EQ(job.at("status"), "completed") << job.dump(2);
    return job.value("result", Json::object());
  }
  /// Probes exit 0 when every attempt was stopped, and print what was not.
  static void expect_contained(const std::string& example) {
    Json result = result_of(example);
    EXPECT_EQ(result["outcome"], "exited") << result.dump(2);
    EXPECT_EQ(result["result"]["exitCode"], 0) << result.dump(2);
    EXPECT_EQ(result["result"]["passed"], true);
  }
  static void expect_outcome(const std::string& example, const std::string& outcome) {
    Json result = result_of(example);
    EXPECT_EQ(result["outcome"], outcome) << result.dump(2);
    EXPECT_EQ(result["result"]["passed"], false);
    EXPECT_EQ(result["verdict"], "failed");
  }
  static inline std::unique_ptr<Daemon> daemon_;
};

TEST_F(Hostile, ForkBombEndsAtItsTimeLimit) {
  expect_outcome("fork-bomb", "timeout");
}
TEST_F(Hostile, MemoryHogIsKilled) {
  expect_outcome("memory-hog", "oom");
}
TEST_F(Hostile, MemoryHogInAChildIsNoPassEither) {
  expect_outcome("memory-hog-child", "oom");
}
TEST_F(Hostile, SleeperEndsAtItsTimeLimit) {
  expect_outcome("sleeper", "timeout");
}
TEST_F(Hostile, SigtermIgnorerEndsAtItsTimeLimit) {
  expect_outcome("sigterm-ignorer", "timeout");
}
TEST_F(Hostile, DiskFillerMeetsEveryLimit) {
  expect_contained("disk-filler");
}
TEST_F(Hostile, NetworkProbeFindsNoWayOut) {
  expect_contained("network-probe");
}
TEST_F(Hostile, ProcProbeReadsAndWritesNothing) {
  expect_contained("proc-probe");
}
TEST_F(Hostile, SetuidStaysWhatItWas) {
  expect_contained("setuid");
}
TEST_F(Hostile, SocketSearchFindsNone) {
  expect_contained("socket-search");
}

TEST_F(Hostile, OutputFloodIsKeptFromBothEnds) {
  Json result = result_of("output-flood");
  EXPECT_EQ(result["outcome"], "exited");
  EXPECT_EQ(result["truncated"], true);
  const std::string out = result["result"]["stdout"];
  EXPECT_TRUE(out.starts_with("first line\n"));
  EXPECT_TRUE(out.ends_with("last line\n"));
  EXPECT_LT(out.size(), 8u << 20);
}

TEST_F(Hostile, TheServiceStillVerifiesAfterAllThat) {
  Json job = daemon_->verify(source_dir() / "examples" / "hello-world");
  EXPECT_EQ(job["result"]["result"]["passed"], true);
}

}  // namespace
}  // namespace skill_verifier::e2e
