#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <thread>

#include "e2e/harness.hpp"

namespace skill_verifier::e2e {
namespace {

std::string podman_host() {
  const char* host = std::getenv("SKILL_VERIFIER_TEST_PODMAN_HOST");
  return host ? host : "";
}

/// The docker command against Podman's service.
std::vector<std::string> lines_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"docker", "-H", podman_host()});
  const Finished finished = run(arguments);
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  std::istringstream words(finished.out);
  return {std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()};
}

std::map<std::string, std::string> on_podman() {
  return {{"SKILL_VERIFIER_ENGINE_HOST", podman_host()}};
}

/// The program on Podman's Docker-compatible service: the second engine.
class Podman : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (podman_host().empty()) return;
    daemon_ = std::make_unique<Daemon>("limits: {memory: 256MiB}\npool: {min: 0, max: 1}\n", on_podman());
  }
  static void TearDownTestSuite() {
    if (!daemon_) return;
    EXPECT_EQ(daemon_->stop(), 0);
    EXPECT_EQ(containers(), std::vector<std::string>{});
    daemon_.reset();
  }
  void SetUp() override {
    if (podman_host().empty())
      GTEST_SKIP()
          << "SKILL_VERIFIER_TEST_PODMAN_HOST is not set: no service of Podman to test against (./dev test starts one)";
  }

  static std::vector<std::string> containers() {
    return lines_of({"ps", "-aq", "--no-trunc", "--filter", "label=skill-verifier.instance=" + daemon_->instance()});
  }
  static Json result_of(const std::string& example) {
    Json job = daemon_->verify(source_dir() / "examples" / example);
    EXPECT_EQ(job.at("status"), "completed") << example << ": " << job.dump(2);
    return job.value("result", Json::object());
  }
  static void expect_outcome(const std::string& example, const std::string& outcome) {
    Json result = result_of("hostile/" + example);
    EXPECT_EQ(result["outcome"], outcome) << example << ": " << result.dump(2);
    EXPECT_EQ(result["result"]["passed"], false) << example;
  }
  static void expect_contained(const std::string& example) {
    Json result = result_of("hostile/" + example);
    EXPECT_EQ(result["outcome"], "exited") << example << ": " << result.dump(2);
    EXPECT_EQ(result["result"]["exitCode"], 0) << example << ": " << result.dump(2);
  }
  /// Every line of a probe's output that tells of something it could do.
  static std::vector<std::string> escapes(Json result) {
    std::vector<std::string> found;
    std::istringstream lines(result["result"]["stdout"].get<std::string>());
    for (std::string line; std::getline(lines, line);) {
      // With cgroup v1, crun 1.8 leaves a tmpfs of 1 MiB at /sys/fs/cgroup that anybody may write to, under every
      // engine.
      const bool known = line == "wrote to /sys/fs/cgroup" || line == "wrote /sys/fs/cgroup/memory.max";
      if (!known && !line.ends_with(": yes")) found.push_back(line);
    }
    return found;
  }
  static fs::path skill(const TempDir& work, const std::string& command) {
    work.write("made/SKILL.md",
               "---\nname: made\ndescription: Runs.\nmetadata:\n  test_command: " + command + "\n---\n");
    return work.path() / "made";
  }
  static Json until_ready() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < end) {
      Json pools = daemon_->curl("/health").json().at("pools");
      for (Json& pool : pools)
        if (pool["ready"] >= 1 && pool["starting"] == 0) return pool;
      std::this_thread::yield();
    }
    ADD_FAILURE() << "no container waits: " << daemon_->curl("/health").body;
    return {};
  }
  static inline std::unique_ptr<Daemon> daemon_;
};

TEST_F(Podman, JudgesAsDockerDoes) {
  const Json hello = result_of("hello-world");
  EXPECT_EQ(hello["result"]["passed"], true) << hello.dump(2);
  EXPECT_EQ(hello["result"]["stdout"], "Hello from skill!\n");
  const Json failing = result_of("failing-skill");
  EXPECT_EQ(failing["verdict"], "failed");
  EXPECT_EQ(failing["result"]["exitCode"], 7);
  EXPECT_EQ(failing["result"]["stdout"], "2 + 2 is 5\n");
  EXPECT_EQ(failing["result"]["stderr"], "expected 4\n");
}

TEST_F(Podman, StatesTheRuntimeWithoutItsDirectory) {
  const std::string id = daemon_->submit_path(source_dir() / "examples" / "hello-world");
  daemon_->wait(id);
  const Json statement =
      Json::parse(daemon_->curl("/verify/" + id + "/attestation").json().at("statement").get<std::string>());
  EXPECT_NE(statement.dump().find(R"("runtime":"crun")"), std::string::npos) << statement.dump(2);
}

TEST_F(Podman, EndsWhatGoesOverItsLimits) {
  for (const char* example : {"memory-hog", "memory-hog-child"})
    expect_outcome(example, "oom");
  for (const char* example : {"fork-bomb", "sleeper", "sigterm-ignorer"})
    expect_outcome(example, "timeout");
}

TEST_F(Podman, HoldsProbesAsDockerDoes) {
  for (const char* example : {"network-probe", "setuid", "socket-search"})
    expect_contained(example);
  EXPECT_EQ(escapes(result_of("hostile/proc-probe")), std::vector<std::string>{});
}

TEST_F(Podman, FindsNoRoomBesideItsLimits) {
  // PID 1 ends it when it makes too many files, which is the last thing it does.
  Json result = result_of("hostile/disk-filler");
  EXPECT_EQ(escapes(result), std::vector<std::string>{}) << result.dump(2);
  EXPECT_EQ(result["outcome"], "killed") << result.dump(2);
  EXPECT_EQ(result["result"]["passed"], false);
  EXPECT_NE(result["result"]["stderr"].get<std::string>().find("/tmp holds more than 8192 files"), std::string::npos);
}

TEST_F(Podman, FindsNoRoomAmongItsCgroups) {
  const TempDir work;
  const Json job = daemon_->verify(skill(
      work,
      "test -w /sys/fs/cgroup || exit 9; for i in $(seq 1000); do echo >/sys/fs/cgroup/f$i || exit 1; done; sleep 9"));
  const Json& result = job.at("result");
  if (result["result"]["exitCode"] == 9) GTEST_SKIP() << "nothing there can be written to, as under cgroup v2";
  EXPECT_EQ(result["outcome"], "killed") << job.dump(2);
  EXPECT_NE(result["result"]["stderr"].get<std::string>().find("/sys/fs/cgroup holds more than 256 files"),
            std::string::npos)
      << job.dump(2);
}

TEST_F(Podman, AppliesOurSeccompProfile) {
  const TempDir work;
  const Json job = daemon_->verify(skill(work, "grep -E 'Seccomp:|NoNewPrivs:|CapEff:|CapBnd:' /proc/self/status"));
  EXPECT_EQ(job["result"]["result"]["stdout"],
            "CapEff:\t0000000000000000\nCapBnd:\t00000000000000c0\nNoNewPrivs:\t1\nSeccomp:\t2\n")
      << job.dump(2);
}

TEST_F(Podman, GivesEveryJobAContainerOfItsOwn) {
  const TempDir work;
  const auto leaver = skill(work, "find /tmp /dev/shm -type f; ls /skill; touch /tmp/left /dev/shm/left /skill/left");
  daemon_->verify(leaver);
  for (int i = 0; i < 2; ++i) {
    until_ready();
    const std::string id = daemon_->submit_path(leaver);
    daemon_->wait(id);
    const Json job = daemon_->curl("/verify/" + id + "?timing=1").json();
    EXPECT_EQ(job["timing"]["warm"], true);
    EXPECT_EQ(job["result"]["result"]["stdout"], "SKILL.md\n");
  }
}

TEST_F(Podman, KeepsWhatTestDepsInstalled) {
  const TempDir work;
  work.write(
      "prepared/SKILL.md",
      "---\nname: prepared\ndescription: Runs.\nmetadata:\n  test_deps: echo installed >/opt-made; echo here >made\n"
      "  test_command: cat /opt-made made\n---\n");
  const Json first = daemon_->verify(work.path() / "prepared"), second = daemon_->verify(work.path() / "prepared");
  for (const Json& job : {first, second})
    EXPECT_EQ(job["result"]["result"]["stdout"], "installed\nhere\n") << job.dump(2);
  EXPECT_TRUE(first["result"]["image"]["preparedId"].is_string());
  EXPECT_EQ(first["result"]["image"]["preparedId"], second["result"]["image"]["preparedId"]);
}

TEST_F(Podman, LeavesNothingAfterKill9AndARestart) {
  daemon_->verify(source_dir() / "examples" / "hello-world");
  until_ready();
  const auto before = containers();
  ASSERT_FALSE(before.empty());
  daemon_->kill_hard();
  daemon_->start();
  for (const auto& id : containers())
    EXPECT_EQ(std::ranges::count(before, id), 0) << "of the life that was killed";
}

TEST_F(Podman, WithoutOurSeccompProfileNothingStarts) {
  const TempDir work;
  const Finished finished =
      run({program("skill-verifier").string(), "serve", "--data-dir", (work.path() / "data").string(), "--port", "0",
           "--set", "engine.seccomp_dir=/nonexistent"},
          on_podman(), std::chrono::seconds(60));
  EXPECT_EQ(finished.exit_code, 3) << finished.err;
  EXPECT_NE(finished.err.find("seccomp profile"), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("engine.seccomp_dir"), std::string::npos) << finished.err;
}

TEST_F(Podman, AnotherRuntimeThanItsOwnStopsTheStart) {
  const TempDir work;
  const Finished finished = run({program("skill-verifier").string(), "serve", "--data-dir",
                                 (work.path() / "data").string(), "--port", "0", "--set", "engine.oci_runtime=runsc"},
                                on_podman(), std::chrono::seconds(60));
  EXPECT_EQ(finished.exit_code, 3) << finished.err;
  EXPECT_NE(finished.err.find("under crun, not under runsc"), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace skill_verifier::e2e
