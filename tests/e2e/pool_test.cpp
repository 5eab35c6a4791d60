#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "e2e/harness.hpp"

namespace skill_verifier::e2e {
namespace {

/// The program with its pool, as a user has it.
class Pool : public testing::Test {
 protected:
  void SetUp() override {
    SKILL_VERIFIER_NEEDS_ENGINE();
    daemon_ = std::make_unique<Daemon>("pool: {min: 0, max: 2}\n");
  }

  /// Waiting containers, once that many wait and none is being started.
  Json until_ready(std::size_t count) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < end) {
      const Json pools = daemon_->curl("/health").json().at("pools");
      if (!pools.empty() && pools[0]["ready"] >= count && pools[0]["starting"] == 0) return pools[0];
      std::this_thread::yield();
    }
    ADD_FAILURE() << "no " << count << " containers wait: " << daemon_->curl("/health").body;
    return {};
  }
  Json timed(const std::string& id) {
    daemon_->wait(id);
    return daemon_->curl("/verify/" + id + "?timing=1").json();
  }
  std::string statement(const std::string& id) {
    return daemon_->curl("/verify/" + id + "/attestation").json().at("statement").get<std::string>();
  }
  fs::path skill(const TempDir& work, const std::string& command) {
    work.write("pooled/SKILL.md",
               "---\nname: pooled\ndescription: Runs.\nmetadata:\n  test_command: " + command + "\n---\n");
    return work.path() / "pooled";
  }

  std::unique_ptr<Daemon> daemon_;
};

TEST_F(Pool, GivesTheSameStatementWarmOrCold) {
  const fs::path hello = source_dir() / "examples" / "hello-world";
  const std::string cold = daemon_->submit_path(hello);
  EXPECT_EQ(timed(cold)["timing"]["warm"], false);
  until_ready(1);
  const std::string warm = daemon_->submit_path(hello);
  const Json job = timed(warm);
  EXPECT_EQ(job["timing"]["warm"], true);
  EXPECT_LE(job["timing"]["milliseconds"]["container"], job["timing"]["milliseconds"]["total"]);
  EXPECT_EQ(statement(warm), statement(cold));
  EXPECT_EQ(statement(warm).find("warm"), std::string::npos);
}

TEST_F(Pool, GivesEveryJobAContainerOfItsOwn) {
  const TempDir work;
  const auto leaver = skill(work, "find /tmp /dev/shm -type f; ls /skill; touch /tmp/left /dev/shm/left /skill/left");
  daemon_->verify(leaver);
  std::set<std::string> outputs;
  for (int i = 0; i < 4; ++i) {
    until_ready(1);
    const Json job = timed(daemon_->submit_path(leaver));
    EXPECT_EQ(job["timing"]["warm"], true);
    outputs.insert(job["result"]["result"]["stdout"].get<std::string>());
  }
  EXPECT_EQ(outputs, std::set<std::string>{"SKILL.md\n"});
}

TEST_F(Pool, NamesNoJobInAContainerThatWaits) {
  const std::string id = daemon_->submit_path(source_dir() / "examples" / "hello-world");
  daemon_->wait(id);
  until_ready(1);
  std::size_t waiting = 0;
  for (const auto& container : daemon_->containers()) {
    // The job's own may be gone meanwhile.
    const Finished inspected = run({"docker", "-H", docker_host(), "inspect", container});
    const std::string& seen = inspected.out;
    if (inspected.exit_code != 0 || seen.find("\"skill-verifier.role\": \"pool\"") == std::string::npos) continue;
    ++waiting;
    EXPECT_EQ(seen.find(id), std::string::npos);
    EXPECT_EQ(seen.find("hello-world"), std::string::npos);
  }
  EXPECT_GE(waiting, 1u);
}

TEST_F(Pool, ReplacesAContainerThatSomebodyKilled) {
  const fs::path hello = source_dir() / "examples" / "hello-world";
  daemon_->verify(hello);
  until_ready(1);
  for (const auto& container : daemon_->containers())
    (void)run({"docker", "-H", docker_host(), "rm", "-f", container});
  const Json job = daemon_->verify(hello);
  EXPECT_EQ(job["status"], "completed") << job.dump(2);
  EXPECT_EQ(job["result"]["result"]["passed"], true);
  const Json attempts = daemon_->curl("/verify/" + job["jobId"].get<std::string>() + "/logs?follow=0").body;
  EXPECT_EQ(attempts.get<std::string>().find("attempt 2"), std::string::npos);
  until_ready(1);
}

TEST_F(Pool, TakesABurstInItsOrderAndLeavesNothingBehind) {
  // `./dev bench --only soak` plays 200 at once, and 2,000 in all.
  const fs::path hello = source_dir() / "examples" / "hello-world";
  std::vector<std::string> ids;
  for (int i = 0; i < 40; ++i)
    ids.push_back(daemon_->submit_path(hello));
  std::string last;
  for (const auto& id : ids) {
    const Json job = daemon_->wait(id);
    EXPECT_EQ(job["result"]["result"]["passed"], true) << job.dump(2);
    EXPECT_GE(job["startedAt"].get<std::string>(), last) << "first come, first served";
    last = job["startedAt"];
  }
  until_ready(1);
  const auto rested = [this] {
    const Json pools = daemon_->curl("/health").json().at("pools");
    return pools[0]["starting"] == 0 && daemon_->containers().size() == pools[0]["ready"];
  };
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!rested() && std::chrono::steady_clock::now() < end)
    std::this_thread::yield();
  EXPECT_TRUE(rested()) << daemon_->curl("/health").body;
  EXPECT_EQ(daemon_->stop(), 0);
  EXPECT_EQ(daemon_->containers(), std::vector<std::string>{});
}

TEST_F(Pool, LeavesNothingAfterKill9AndARestart) {
  daemon_->verify(source_dir() / "examples" / "hello-world");
  until_ready(1);
  const auto before = daemon_->containers();
  ASSERT_FALSE(before.empty());
  daemon_->kill_hard();
  daemon_->start();
  for (const auto& id : daemon_->containers())
    EXPECT_EQ(std::ranges::count(before, id), 0) << "of the life that was killed";
  EXPECT_EQ(daemon_->stop(), 0);
  EXPECT_EQ(daemon_->containers(), std::vector<std::string>{});
}

}  // namespace
}  // namespace skill_verifier::e2e
