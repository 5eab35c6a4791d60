#include <gtest/gtest.h>

#include "e2e/harness.hpp"

namespace skill_verifier::e2e {
namespace {

class LiveService : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!why_no_engine().empty()) return;
    daemon_ = std::make_unique<Daemon>("workers: 1\nqueue: 2\npool: {max: 0}\n");
    // The first job also makes an image, in a container that is nobody's job.
    daemon_->verify(source_dir() / "examples" / "hello-world");
    while (!daemon_->containers().empty()) {
    }
  }
  static void TearDownTestSuite() { daemon_.reset(); }
  void SetUp() override { SKILL_VERIFIER_NEEDS_ENGINE(); }

  /// A job that runs until it is cancelled.
  static std::string start_sleeper() {
    static TempDir work;
    work.write("sleeper/SKILL.md",
               "---\nname: sleeper\ndescription: Sleeps.\nmetadata:\n  test_command: echo begun; sleep 100\n"
               "  test_timeout: 120s\n---\n");
    const std::string id = daemon_->submit_path(work.path() / "sleeper");
    while (daemon_->curl("/verify/" + id).json()["status"] == "pending") {
    }
    return id;
  }
  static inline std::unique_ptr<Daemon> daemon_;
};

TEST_F(LiveService, DeletingARunningJobRemovesItsContainer) {
  const std::string id = start_sleeper();
  const Answer deleted = daemon_->curl("/verify/" + id, {"-X", "DELETE"});
  EXPECT_EQ(deleted.status, 200) << deleted.body;
  EXPECT_EQ(deleted.body, R"({"message":"Job deleted"})");
  EXPECT_EQ(docker({"ps", "-aq", "--filter", "label=skill-verifier.job=" + id}), "");
  // The container in which the runtime image was derived may be on its way out still.
  while (!daemon_->containers().empty()) {
  }
  EXPECT_EQ(daemon_->curl("/verify/" + id).status, 404);
}

TEST_F(LiveService, HealthNamesTheEngine) {
  std::string version = docker({"version", "--format", "{{.Server.Version}}"});
  version.resize(version.find_last_not_of('\n') + 1);
  ASSERT_FALSE(version.empty());
  const std::string told = daemon_->curl("/health").json().at("engineVersion");
  EXPECT_TRUE(told.ends_with(" " + version)) << told;
}

TEST_F(LiveService, AFullQueueAnswers503WithRetryAfter) {
  const std::string running = start_sleeper();
  const std::string hello = (source_dir() / "examples" / "hello-world").string();
  std::vector<std::string> queued = {daemon_->submit_path(hello), daemon_->submit_path(hello)};
  const Answer refused =
      daemon_->curl("/verify", {"-H", "Content-Type: application/json", "-d", Json{{"skillPath", hello}}.dump()});
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_NE(refused.headers.find("Retry-After:"), std::string::npos) << refused.headers;
  EXPECT_EQ(refused.json()["code"], "queue_full");
  EXPECT_TRUE(refused.json()["error"].is_string());
  daemon_->curl("/verify/" + running, {"-X", "DELETE"});
  for (const std::string& id : queued)
    EXPECT_EQ(daemon_->wait(id)["status"], "completed");
}

TEST_F(LiveService, LogsAreLiveWhileTheJobRuns) {
  const std::string id = start_sleeper();
  const TempDir work;
  Process follower({"curl", "-sSN", daemon_->url() + "/verify/" + id + "/logs"}, {}, work.path() / "log");
  follower.wait_for_line("begun");
  EXPECT_EQ(daemon_->curl("/verify/" + id).json()["status"], "running");
  daemon_->curl("/verify/" + id, {"-X", "DELETE"});
  EXPECT_TRUE(follower.wait(std::chrono::seconds(10)).has_value()) << "the stream must end with the job";
}

TEST_F(LiveService, ABadPackageIsRefusedNamingTheEntry) {
  const TempDir work;
  work.write("evil/SKILL.md", "---\nname: evil\ndescription: x\n---\n");
  fs::create_symlink("/etc/passwd", work.path() / "evil" / "link");
  const std::string archive = (work.path() / "evil.tar").string();
  ASSERT_EQ(run({"tar", "-cf", archive, "-C", work.path().string(), "evil"}).exit_code, 0);
  const Answer answer = daemon_->curl("/verify", {"-F", "skill=@" + archive});
  EXPECT_EQ(answer.status, 422) << answer.body;
  EXPECT_EQ(answer.json()["code"], "archive_link");
  EXPECT_NE(answer.body.find("evil/link"), std::string::npos);
  EXPECT_NE(answer.headers.find("application/problem+json"), std::string::npos);
}

TEST_F(LiveService, SkillPathOutsideTheRootsIsRefused) {
  const Answer answer =
      daemon_->curl("/verify", {"-H", "Content-Type: application/json", "-d", R"({"skillPath":"/etc"})"});
  EXPECT_EQ(answer.status, 422) << answer.body;
  EXPECT_EQ(answer.json()["code"], "skill_path_outside_roots");
}

TEST_F(LiveService, AMissingSkillPathAnswersAsThePredecessorDid) {
  const Answer missing = daemon_->curl(
      "/verify", {"-H", "Content-Type: application/json", "-d", R"({"skillPath":"./examples/no-such-skill"})"});
  EXPECT_EQ(missing.status, 400) << missing.body;
  EXPECT_EQ(missing.json()["error"], "Skill path not found");
  const Answer none = daemon_->curl("/verify", {"-H", "Content-Type: application/json", "-d", "{}"});
  EXPECT_EQ(none.status, 400);
  EXPECT_EQ(none.json()["error"], "No skill provided");
}

TEST_F(LiveService, ARegistryZipWithoutModesIsRepairedVisibly) {
  const TempDir work;
  work.write("zipped/SKILL.md",
             "---\nname: zipped\ndescription: x\nmetadata:\n  test_command: '[\"./run.sh\"]'\n---\n");
  work.write("zipped/run.sh", "#!/bin/sh\necho repaired\n");
  const std::string archive = (work.path() / "zipped.zip").string();
  ASSERT_EQ(run({"sh", "-c", "cd '" + work.path().string() + "' && zip -qrX '" + archive + "' zipped"}).exit_code, 0);
  const Answer answer =
      daemon_->curl("/verify", {"-H", "Content-Type: application/zip", "--data-binary", "@" + archive});
  ASSERT_EQ(answer.status, 202) << answer.body;
  Json job = daemon_->wait(answer.json()["jobId"]);
  EXPECT_EQ(job["result"]["result"]["stdout"], "repaired\n");
  EXPECT_NE(job["result"]["notes"].dump().find("mode_repaired"), std::string::npos) << job.dump(2);
}

TEST_F(LiveService, HealthCountsJobs) {
  Json health = daemon_->curl("/health").json();
  EXPECT_EQ(health["status"], "ok");
  EXPECT_EQ(health["jobs"]["total"], health["jobs"]["pending"].get<int>() + health["jobs"]["running"].get<int>() +
                                         health["jobs"]["completed"].get<int>() + health["jobs"]["failed"].get<int>());
}

TEST(NetworkPolicy, ATestGetsABridgeOnlyIfManifestAndPolicyAgree) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  if (docker({"network", "ls", "-q", "--filter", "driver=bridge"}).empty())
    GTEST_SKIP() << "this engine was started without a bridge";
  const TempDir work;
  work.write(
      "asking/SKILL.md",
      "---\nname: asking\ndescription: x\nmetadata:\n  test_network: bridge\n  test_command: ls /sys/class/net\n---\n");
  const auto interfaces = [&](const std::string& config) {
    const Daemon daemon(config);
    return daemon.verify(work.path() / "asking")["result"]["result"]["stdout"].get<std::string>();
  };
  EXPECT_EQ(interfaces(""), "lo\n");
  EXPECT_EQ(interfaces("network: {tests: true}\n"), "eth0\nlo\n");
}

}  // namespace
}  // namespace skill_verifier::e2e
