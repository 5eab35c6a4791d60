#include <gtest/gtest.h>

#include <sstream>

#include "e2e/harness.hpp"

namespace skill_verifier::e2e {
namespace {

/// The hostile skills under another OCI runtime than the engine's default, where the engine has it.
class OciRuntime : public testing::Test {
 protected:
  /// False, and the test is skipped, where the engine has no such runtime.
  bool start(const std::string& runtime) {
    runtime_ = runtime;
    if (why_no_engine().empty()) {
      const Json known = Json::parse(docker({"info", "--format", "{{json .Runtimes}}"}));
      if (known.contains(runtime)) {
        daemon_ = std::make_unique<Daemon>(
            "limits: {memory: 256MiB}\n",
            std::map<std::string, std::string>{{"SKILL_VERIFIER_ENGINE_OCI_RUNTIME", runtime}});
        return true;
      }
    }
    return false;
  }
  void TearDown() override {
    if (!daemon_) return;
    EXPECT_EQ(daemon_->stop(), 0);
    EXPECT_EQ(daemon_->containers(), std::vector<std::string>{});
  }
  Json result_of(const std::string& example) {
    Json job = daemon_->verify(source_dir() / "examples" / example);
    EXPECT_EQ(job.at("status"), "completed") << example << ": " << job.dump(2);
    return job.value("result", Json::object());
  }
  void expect_outcome(const std::string& example, const std::string& outcome) {
    Json result = result_of("hostile/" + example);
    EXPECT_EQ(result["outcome"], outcome) << example << ": " << result.dump(2);
    EXPECT_EQ(result["result"]["passed"], false) << example;
  }
  void expect_contained(const std::string& example) {
    Json result = result_of("hostile/" + example);
    EXPECT_EQ(result["outcome"], "exited") << example << ": " << result.dump(2);
    EXPECT_EQ(result["result"]["exitCode"], 0) << example << ": " << result.dump(2);
  }
  void expect_hello_and_the_runtime_in_the_statement() {
    const std::string id = daemon_->submit_path(source_dir() / "examples" / "hello-world");
    Json job = daemon_->wait(id);
    EXPECT_EQ(job["result"]["result"]["stdout"], "Hello from skill!\n") << job.dump(2);
    const std::string statement = daemon_->curl("/verify/" + id + "/attestation").json().at("statement");
    EXPECT_NE(statement.find('"' + runtime_ + '"'), std::string::npos) << statement;
  }

  std::string runtime_;
  std::unique_ptr<Daemon> daemon_;
};

TEST_F(OciRuntime, CrunHoldsWhatRuncHolds) {
  if (!start("crun")) GTEST_SKIP() << "the engine has no runtime crun (./dev test registers it on its private engine)";
  expect_hello_and_the_runtime_in_the_statement();
  for (const char* example : {"memory-hog", "memory-hog-child"})
    expect_outcome(example, "oom");
  for (const char* example : {"fork-bomb", "sleeper", "sigterm-ignorer"})
    expect_outcome(example, "timeout");
  for (const char* example : {"network-probe", "setuid", "socket-search"})
    expect_contained(example);
  // With cgroup v1, crun 1.8 leaves a tmpfs of 1 MiB at /sys/fs/cgroup that anybody may write to; everything else
  // holds.
  for (const char* example : {"disk-filler", "proc-probe"}) {
    Json result = result_of(std::string("hostile/") + example);
    EXPECT_EQ(result["outcome"], "exited") << example;
    std::istringstream lines(result["result"]["stdout"].get<std::string>());
    for (std::string line; std::getline(lines, line);) {
      const bool known = line == "wrote to /sys/fs/cgroup" || line == "wrote /sys/fs/cgroup/memory.max";
      EXPECT_TRUE(known || line.ends_with(": yes")) << example << ": " << line;
    }
  }
}

/// gVisor answers many calls from its own kernel in user space: what a probe calls possible there touches no host.
TEST_F(OciRuntime, GvisorHoldsTheLimits) {
  if (!start("runsc"))
    GTEST_SKIP() << "the engine has no runtime runsc (./dev test registers it on its private engine)";
  expect_hello_and_the_runtime_in_the_statement();
  for (const char* example : {"memory-hog", "memory-hog-child"})
    expect_outcome(example, "oom");
  for (const char* example : {"sleeper", "sigterm-ignorer"})
    expect_outcome(example, "timeout");
  for (const char* example : {"network-probe", "socket-search"})
    expect_contained(example);
  Json disk = result_of("hostile/disk-filler")["result"];
  // Its tmpfs knows no number of inodes; files count as memory of the sandbox. So the third line depends on the time
  // left.
  const std::string written = disk["stdout"].get<std::string>();
  EXPECT_TRUE(written.starts_with("/skill stopped at or below 64 MiB: yes\n/tmp stopped at or below 64 MiB: yes\n"))
      << disk.dump(2);
  EXPECT_EQ(written.find("wrote to"), std::string::npos) << disk.dump(2);
  // The limit of processes counts the threads of gVisor's kernel too: a fork bomb takes the whole sandbox down, which
  // is no verdict.
  Json bomb = daemon_->verify(source_dir() / "examples" / "hostile" / "fork-bomb");
  const bool judged = bomb["status"] == "completed";
  EXPECT_TRUE(judged ? bomb["result"]["outcome"] == "timeout" : bomb["code"] == "sandbox_lost") << bomb.dump(2);
}

TEST_F(OciRuntime, OneThatTheEngineLacksStopsTheStart) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const TempDir work;
  const Finished finished =
      run({program("skill-verifier").string(), "serve", "--data-dir", (work.path() / "data").string(), "--port", "0",
           "--set", "engine.host=" + docker_host(), "--set", "engine.oci_runtime=no-such-runtime"},
          {}, std::chrono::seconds(30));
  EXPECT_EQ(finished.exit_code, 3) << finished.err;
  EXPECT_NE(finished.err.find("no-such-runtime"), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace skill_verifier::e2e
