#include <gtest/gtest.h>

#include <random>

#include "e2e/harness.hpp"

namespace skill_verifier::e2e {
namespace {

/// A skill whose test takes about `tenths` of a tenth of a second.
fs::path slow_skill(const TempDir& work, const std::string& name, const std::string& command) {
  work.write(name + "/SKILL.md", "---\nname: " + name +
                                     "\ndescription: For the restart test.\nmetadata:\n  version: 1.0.0\n" +
                                     "  test_command: " + command + "\n---\n");
  return work.path() / name;
}

TEST(Restart, KillNineLosesNoAcknowledgedJobAndLeavesNoContainer) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const TempDir work;
  // A slow machine may begin one job in nearly every life.
  Daemon daemon("workers: 3\nattempts: 3\nmax_starts: 100\n");
  const fs::path skill = slow_skill(work, "slow", "sleep 0.3; echo done");
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::vector<std::string> acknowledged;
  for (int life = 0; life < 20; ++life) {
    // How far this life gets is decided by what has been acknowledged or finished, at random, never by a clock.
    const int submissions = std::uniform_int_distribution<int>(1, 4)(random);
    for (int i = 0; i < submissions; ++i)
      acknowledged.push_back(daemon.submit_path(skill));
    if (std::uniform_int_distribution<int>(0, 2)(random) == 0)
      daemon.wait(acknowledged[random() % acknowledged.size()]);
    const int polls = std::uniform_int_distribution<int>(0, 12)(random);
    for (int i = 0; i < polls; ++i)
      daemon.curl("/verify/" + acknowledged.back());
    daemon.kill_hard();
    daemon.start();
  }
  for (const std::string& id : acknowledged) {
    Json job = daemon.wait(id);
    EXPECT_EQ(job["status"], "completed") << job.dump(2);
    EXPECT_EQ(job["result"]["result"]["stdout"], "done\n");
  }
  Json list = daemon.curl("/jobs?limit=500").json();
  EXPECT_EQ(list["total"], acknowledged.size()) << "a job stands twice or was lost";
  EXPECT_EQ(daemon.stop(), 0);
  EXPECT_EQ(daemon.containers(), std::vector<std::string>{});
}

TEST(Restart, SigtermLetsAShortJobFinish) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const TempDir work;
  Daemon daemon("drain: 20s\n");
  const std::string id = daemon.submit_path(slow_skill(work, "short", "sleep 1; echo finished"));
  while (daemon.curl("/verify/" + id).json()["status"] == "pending") {
  }
  EXPECT_EQ(daemon.stop(), 0);
  EXPECT_EQ(daemon.containers(), std::vector<std::string>{});
  daemon.start();
  Json job = daemon.curl("/verify/" + id).json();
  EXPECT_EQ(job["status"], "completed") << "it should have been finished before the restart: " << job.dump(2);
}

TEST(Restart, SigtermPutsALongJobBackAndTheNextStartRunsIt) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const TempDir work;
  Daemon daemon("drain: 1s\n");
  const std::string id = daemon.submit_path(slow_skill(work, "long", "sleep 6; echo finished"));
  while (daemon.curl("/verify/" + id).json()["status"] == "pending") {
  }
  EXPECT_EQ(daemon.stop(), 0);
  EXPECT_EQ(daemon.containers(), std::vector<std::string>{});
  daemon.start();
  Json job = daemon.wait(id);
  EXPECT_EQ(job["status"], "completed");
  EXPECT_EQ(job["result"]["result"]["stdout"], "finished\n");
}

TEST(Restart, ASecondProcessOnTheSameDataIsRefused) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const Daemon daemon;
  const Finished second =
      run({program("skill-verifier").string(), "serve", "--port", "0", "--data-dir", daemon.data_dir().string()},
          {{"DOCKER_HOST", docker_host()}});
  EXPECT_EQ(second.exit_code, 3);
  EXPECT_NE(second.err.find("another"), std::string::npos) << second.err;
}

}  // namespace
}  // namespace skill_verifier::e2e
