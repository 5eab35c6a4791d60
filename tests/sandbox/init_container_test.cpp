// skill-verifier-init and the seccomp profile in real containers, made from the body that the program itself sends:
// every way out that a hostile skill could try. SKILL_VERIFIER_TEST_DOCKER_HOST names the engine.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "sandbox/container_engine.hpp"
#include "sandbox/container_spec.hpp"
#include "sandbox/pack_builder.hpp"
#include "support/paths.hpp"

namespace skill_verifier::testing_support {
namespace {

namespace fs = std::filesystem;
using sandbox::ContainerSpec;
using sandbox::init::ExitReason;
using sandbox::init::HostFrame;

constexpr const char* kBusybox = "/bin/busybox";

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

/// The lines `name: result` of the probe.
std::map<std::string, std::string> lines_of(const std::string& text) {
  std::map<std::string, std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    const auto colon = line.find(": ");
    if (colon != std::string::npos) lines[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return lines;
}

/// A running container whose init is ready, removed at the end.
class Sandbox {
 public:
  Sandbox(ContainerEngine& engine, const ContainerSpec& spec)
      : engine_(engine), id_(engine.create(container_body(spec))), client_(engine.attach(id_)) {
    engine_.start(id_);
  }
  ~Sandbox() {
    // First let go of the stream: an engine may wait for its reader before it kills.
    client_.hang_up();
    engine_.remove(id_);
  }
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  InitClient& client() { return client_; }
  const std::string& id() const { return id_; }

 private:
  ContainerEngine& engine_;
  std::string id_;
  InitClient client_;
};

class InitContainer : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* host = std::getenv("SKILL_VERIFIER_TEST_DOCKER_HOST");
    if (host == nullptr || !fs::exists(kBusybox)) return;
    engine_ = new ContainerEngine(host);
    const fs::path built = test::binary_dir() / "bin";
    const auto probe = bytes_of(built / "skill-verifier-hostile-probe");
    const auto empty = std::string();
    std::vector<ContainerEngine::ImageFile> files{
        {"bin/", empty},
        {"etc/", empty},
        {"tmp/", empty, 01777},
        {"var/", empty},
        {"bin/busybox", bytes_of(kBusybox)},
        {"bin/probe", probe},
        {"bin/probe-setuid", probe, 04755},
        {"skill-verifier-init", bytes_of(built / "skill-verifier-init")},
    };
    for (const char* name : {"sh", "cat", "ls", "id", "rm", "cp", "echo", "mkdir", "chown", "stat", "env", "sleep"})
      files.push_back({std::string("bin/") + name, empty, 0777, "busybox"});
    image_ = engine_->import_image(files);
  }
  static void TearDownTestSuite() {
    if (!image_.empty()) engine_->remove_image(image_);
    delete engine_;
    engine_ = nullptr;
  }
  void SetUp() override {
    if (std::getenv("SKILL_VERIFIER_TEST_DOCKER_HOST") == nullptr)
      GTEST_SKIP() << "SKILL_VERIFIER_TEST_DOCKER_HOST is not set";
    if (!fs::exists(kBusybox)) GTEST_SKIP() << "needs the package busybox-static";
    spec_.image_id = image_;
    spec_.instance = "init-container-test";
    spec_.job_id = "job";
  }

  /// Starts the sandbox and unpacks an empty package.
  InitClient& begin() {
    sandbox_ = std::make_unique<Sandbox>(*engine_, spec_);
    EXPECT_TRUE(sandbox_->client().begin());
    return sandbox_->client();
  }
  /// Runs the probe and compares what it prints about each attempt.
  void expect_lines(const std::string& attack, const std::map<std::string, std::string>& expected) {
    const auto result = begin().command({"probe", attack});
    EXPECT_EQ(result.code(), 0) << result.fault << result.err;
    EXPECT_EQ(lines_of(result.out), expected);
  }

  static ContainerEngine* engine_;
  static std::string image_;
  ContainerSpec spec_;
  std::unique_ptr<Sandbox> sandbox_;
};
ContainerEngine* InitContainer::engine_ = nullptr;
std::string InitContainer::image_;

// ---- the wall

TEST_F(InitContainer, SystemCallsThatATestHasNoUseForAreRefused) {
  const auto result = begin().command({"probe", "syscalls"});
  ASSERT_EQ(result.code(), 0) << result.err;
  const std::map<std::string, std::string> others{
      {"clone3", "ENOSYS"}, {"personality_query", "done"}, {"mknod_fifo", "done"}};
  const auto lines = lines_of(result.out);
  EXPECT_GE(lines.size(), 55u);
  for (const auto& [name, outcome] : lines) {
    const auto other = others.find(name);
    EXPECT_EQ(outcome, other == others.end() ? "EPERM" : other->second) << name;
  }
}

TEST_F(InitContainer, AProcessMayLimitItself) {
  // busybox, static like the programs of many images, and a C library's own call.
  EXPECT_EQ(begin().shell("ulimit -n 100 && ulimit -n; ulimit -v 1000000 && ulimit -v").out, "100\n1000000\n");
  EXPECT_EQ(sandbox_->client().command({"probe", "limit-self"}).out,
            "getrlimit: done\nsetrlimit: done\nprlimit: done\n");
}

TEST_F(InitContainer, OnlyOrdinarySocketsExist) {
  const std::set<std::string> allowed{"unix", "inet", "inet6", "netlink_route", "socketpair_unix"};
  const auto result = begin().command({"probe", "sockets"});
  ASSERT_EQ(result.code(), 0) << result.err;
  const auto lines = lines_of(result.out);
  EXPECT_EQ(lines.size(), 23u);
  for (const auto& [name, outcome] : lines) {
    const auto* expected = allowed.contains(name) ? "done" : name == "netlink_audit" ? "EPROTONOSUPPORT" : "EPERM";
    EXPECT_EQ(outcome, expected) << name;
  }
}

TEST_F(InitContainer, ForeignSystemCallsEndTheProcess) {
  auto& client = begin();
  for (const char* attack : {"int80", "x32"}) {
    const auto result = client.command({"probe", attack});
    EXPECT_EQ(result.code(), 128 + SIGSYS) << attack;
    EXPECT_EQ(result.out, "") << attack;
  }
}

TEST_F(InitContainer, ThereIsNoNetwork) {
  expect_lines("network", {{"interfaces", "lo"},
                           {"198.51.100.9", "ENETUNREACH"},
                           {"169.254.169.254", "ENETUNREACH"},
                           {"10.0.2.2", "ENETUNREACH"},
                           {"172.17.0.1", "ENETUNREACH"}});
}

TEST_F(InitContainer, NobodyReachesInit) {
  const auto result = begin().command({"probe", "init"});
  ASSERT_EQ(result.code(), 0) << result.fault << result.err;
  const auto lines = lines_of(result.out);
  EXPECT_GE(lines.size(), 28u);
  for (const auto& [name, outcome] : lines) {
    const bool refused = outcome == "EPERM" || outcome == "EACCES";
    EXPECT_TRUE(name == "inherited_fds" ? outcome == "none" : refused) << name << ": " << outcome;
  }
  EXPECT_EQ(sandbox_->client().shell("echo alive").out, "alive\n");
}

TEST_F(InitContainer, InitTellsNothingInItsCommandLine) {
  EXPECT_EQ(begin().command({"cat", "/proc/1/cmdline"}).out, std::string("/skill-verifier-init\0", 21));
}

TEST_F(InitContainer, NobodyBecomesSomebodyElse) {
  expect_lines("identities", {{"setuid", "EPERM"},
                              {"setresuid", "EPERM"},
                              {"seteuid", "EPERM"},
                              {"setgid", "EPERM"},
                              {"setgroups", "EPERM"},
                              {"setuid_other", "EPERM"}});
}

TEST_F(InitContainer, ASetuidProgramGainsNothing) {
  const auto result = begin().command({"probe-setuid", "euid"});
  EXPECT_EQ(result.out, "65534 65534\n");
}

TEST_F(InitContainer, OnlySkillAndTmpCanBeWritten) {
  const auto result = begin().command({"probe", "places"});
  ASSERT_EQ(result.code(), 0) << result.err;
  for (const auto& [name, outcome] : lines_of(result.out))
    EXPECT_EQ(outcome, name == "/skill/created" || name == "/tmp/created" ? "done" : "refused") << name;
}

TEST_F(InitContainer, NoSocketOfTheHostIsInside) {
  const auto result = begin().command({"probe", "find-sockets"});
  EXPECT_EQ(result.out, "search: over\n");
}

// ---- resources

TEST_F(InitContainer, AFullDiskIsTheJobsOwn) {
  spec_.limits.skill_bytes = 8u << 20;
  spec_.limits.tmp_bytes = 4u << 20;
  auto& client = begin();
  auto lines = lines_of(client.command({"probe", "fill", "/skill"}).out);
  EXPECT_EQ(lines["fill"], "ENOSPC");
  EXPECT_EQ(lines["bytes"], std::to_string(8u << 20));
  lines = lines_of(client.command({"probe", "fill", "/tmp"}).out);
  EXPECT_EQ(lines["fill"], "ENOSPC");
  EXPECT_EQ(lines["bytes"], std::to_string(4u << 20));
}

TEST_F(InitContainer, FilesAreCountedToo) {
  spec_.limits.inodes = 500;
  auto lines = lines_of(begin().command({"probe", "many-files", "/skill"}).out);
  EXPECT_EQ(lines["many_files"], "ENOSPC");
  EXPECT_EQ(lines["files"], "499");
}

TEST_F(InitContainer, AForkBombEndsAtItsTimeLimitAndTheSandboxGoesOn) {
  spec_.limits.pids = 64;
  auto& client = begin();
  client.run(0, {"probe", "fork-bomb"}, 3000);
  const auto result = client.result();
  ASSERT_TRUE(result.exit) << result.fault;
  EXPECT_EQ(result.exit->reason, ExitReason::timeout);
  EXPECT_NE(result.out.find("fork: EAGAIN"), std::string::npos) << result.out;
  client.run(1, {"echo", "alive"});
  EXPECT_EQ(client.result().out, "alive\n");
}

TEST_F(InitContainer, AMemoryHogIsReported) {
  spec_.limits.memory_bytes = 64u << 20;
  auto& client = begin();
  const auto result = client.command({"probe", "hog"});
  ASSERT_TRUE(result.exit) << result.fault;
  EXPECT_EQ(result.code(), 128 + SIGKILL);
  EXPECT_TRUE(result.exit->memory_killed);
  EXPECT_GE(result.exit->peak, 60u << 20);
  const auto next = client.command({"echo", "alive"});
  EXPECT_EQ(next.out, "alive\n");
  EXPECT_FALSE(next.exit->memory_killed) << "it is told of the command that it happened to";
}

TEST_F(InitContainer, AMemoryHogInAChildIsReportedToo) {
  spec_.limits.memory_bytes = 64u << 20;
  const auto result = begin().command({"probe", "hog-in-child"});
  ASSERT_TRUE(result.exit) << result.fault;
  EXPECT_EQ(result.code(), 0);
  EXPECT_EQ(result.out, "child: killed\n");
  EXPECT_TRUE(result.exit->memory_killed);
}

TEST_F(InitContainer, AGigabyteOfOutputIsCutInTheMiddle) {
  const auto result = begin().command({"probe", "flood"});
  ASSERT_TRUE(result.exit) << result.fault;
  EXPECT_EQ(result.code(), 0);
  EXPECT_EQ(result.exit->out_total, (1u << 30) + 11u);
  EXPECT_TRUE(result.out.starts_with("begin\n...."));
  EXPECT_EQ(result.out.size(), 512u << 10);
  EXPECT_TRUE(result.exit->out_tail.ends_with("....\nend\n"));
}

TEST_F(InitContainer, ADaemonDoesNotOutliveItsCommand) {
  auto& client = begin();
  EXPECT_EQ(client.command({"probe", "daemon"}).code(), 0);
  std::istringstream names(client.command({"ls", "/proc"}).out);
  std::set<std::string> processes;
  for (std::string name; names >> name;) {
    if (name.find_first_not_of("0123456789") == std::string::npos) processes.insert(name);
  }
  EXPECT_EQ(processes.size(), 2u) << "init and ls";
}

TEST_F(InitContainer, APackageThatDoesNotFitIsAFault) {
  spec_.limits.skill_bytes = 1u << 20;
  sandbox_ = std::make_unique<Sandbox>(*engine_, spec_);
  auto& client = sandbox_->client();
  ASSERT_EQ(client.next_name(), "ready");
  client.hello();
  client.pack(PackBuilder().file("big", std::string(2u << 20, 'x')).end());
  EXPECT_TRUE(client.next_name().starts_with("fault no_space: "));
}

TEST_F(InitContainer, EndsItselfWhenTheHostVanishes) {
  begin().run(0, {"sleep", "1000"});
  ASSERT_EQ(sandbox_->client().next_name(), "started");
  sandbox_->client().hang_up();
  EXPECT_EQ(engine_->wait(sandbox_->id()), 0);
}

// ---- prepare

TEST_F(InitContainer, APreparedTreeReachesATestThroughACommittedImage) {
  spec_.role = sandbox::Role::prepare;
  sandbox_ = std::make_unique<Sandbox>(*engine_, spec_);
  auto& client = sandbox_->client();
  ASSERT_TRUE(client.begin(PackBuilder().executable("run", "#!/bin/sh\ncat dep /etc/installed\n").end(), 65534, true));
  const auto prepared = client.shell(
      "echo dep > dep; echo installed > /etc/installed; chown 65534 /etc/installed; rm /skill-verifier-init;"
      "cp /bin/busybox /skill-verifier-init");
  EXPECT_EQ(prepared.code(), 0) << prepared.err;
  client.frame(HostFrame::finish, 0, "");
  ASSERT_EQ(client.next_name(), "done");
  ASSERT_EQ(engine_->wait(sandbox_->id()), 0);
  const auto image = engine_->commit(sandbox_->id());
  sandbox_.reset();

  spec_.role = sandbox::Role::test;
  spec_.image_id = image;
  {
    Sandbox test(*engine_, spec_);
    ASSERT_EQ(test.client().next_name(), "ready");
    test.client().hello();
    test.client().frame(HostFrame::use_prepared, 0, "");
    EXPECT_EQ(test.client().next_name(), "unpacked");
    const auto result = test.client().command({"./run"});
    EXPECT_EQ(result.out, "dep\ninstalled\n");
    EXPECT_EQ(result.code(), 0);
  }
  engine_->remove_image(image);
}

TEST_F(InitContainer, RootOfAPrepareContainerIsBehindTheSameWall) {
  spec_.role = sandbox::Role::prepare;
  sandbox_ = std::make_unique<Sandbox>(*engine_, spec_);
  ASSERT_TRUE(sandbox_->client().begin("SVPACK1\nE", 65534, true));
  const auto result = sandbox_->client().command({"probe", "syscalls"});
  ASSERT_EQ(result.code(), 0) << result.fault << result.err;
  // Package managers run scripts under chroot.
  const std::map<std::string, std::string> others{
      {"clone3", "ENOSYS"}, {"personality_query", "done"}, {"mknod_fifo", "done"}, {"chroot", "done"}};
  for (const auto& [name, outcome] : lines_of(result.out)) {
    const auto other = others.find(name);
    EXPECT_EQ(outcome, other == others.end() ? "EPERM" : other->second) << name;
  }
}

}  // namespace
}  // namespace skill_verifier::testing_support
