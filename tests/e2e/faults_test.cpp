#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>

#include "e2e/harness.hpp"
#include "e2e/simulator.hpp"

namespace skill_verifier::e2e {
namespace {

/// A small disk over a directory.
class SmallDisk {
 public:
  explicit SmallDisk(const fs::path& directory) : directory_(directory) {
    fs::create_directories(directory_);
    if (::mount("tmpfs", directory_.c_str(), "tmpfs", 0, "size=8m,mode=0700") != 0) why_ = std::strerror(errno);
  }
  ~SmallDisk() {
    if (why_.empty()) ::umount2(directory_.c_str(), MNT_DETACH);
  }
  const std::string& why_not() const { return why_; }
  bool make_read_only(bool read_only) const {
    return ::mount("tmpfs", directory_.c_str(), "tmpfs", MS_REMOUNT | (read_only ? MS_RDONLY : 0U), "size=8m") == 0;
  }
  void fill() const {
    std::ofstream out(directory_ / "filler", std::ios::binary);
    const std::string block(4096, 'x');
    while (out.write(block.data(), static_cast<std::streamsize>(block.size())) && out.flush()) {
    }
  }
  void free() const { fs::remove(directory_ / "filler"); }

 private:
  fs::path directory_;
  std::string why_;
};

/// Follows /ready until it says what is expected.
Json until_ready(const Daemon& daemon, bool ready) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  Json answer;
  while (std::chrono::steady_clock::now() < end) {
    const Answer got = daemon.curl("/ready");
    answer = got.json();
    if (answer["ready"] == ready) {
      EXPECT_EQ(got.status, ready ? 200 : 503);
      return answer;
    }
  }
  ADD_FAILURE() << "never became " << (ready ? "ready" : "unready") << ": " << answer.dump();
  return answer;
}

Answer post_hello(const Daemon& daemon) {
  return daemon.curl("/verify",
                     {"-H", "Content-Type: application/json", "-d", R"({"skillPath":"./examples/hello-world"})"});
}

#define SKILL_VERIFIER_NEEDS_DISK(disk) \
  if (!(disk).why_not().empty()) GTEST_SKIP() << "no small disk can be mounted here: " << (disk).why_not()

/// A data directory on a disk of its own for a daemon whose configuration is the harness's.
struct DiskFixture {
  TempDir directory;
  SmallDisk disk{directory.path() / "data"};
  std::string config() const { return "pool: {max: 0}\n"; }
  std::map<std::string, std::string> env() const {
    return {{"SKILL_VERIFIER_DATA_DIR", (directory.path() / "data").string()}};
  }
};

TEST(Faults, AFullDiskRefusesNewJobsKeepsOldOnesAndPasses) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const DiskFixture fixture;
  SKILL_VERIFIER_NEEDS_DISK(fixture.disk);
  Daemon daemon(fixture.config(), fixture.env());
  const Answer before = post_hello(daemon);
  ASSERT_EQ(before.status, 202) << before.body;
  const std::string id = before.json()["jobId"];
  daemon.wait(id);
  fixture.disk.fill();
  const Json unready = until_ready(daemon, false);
  EXPECT_EQ(unready["checks"]["store"]["ready"], false) << unready.dump();
  EXPECT_FALSE(unready["checks"]["store"]["reason"].get<std::string>().empty());
  EXPECT_EQ(unready["checks"]["engine"]["ready"], true);
  const Answer refused = post_hello(daemon);
  EXPECT_EQ(refused.status, 503) << refused.body;
  const std::string code = refused.json()["code"];
  EXPECT_TRUE(code == "disk_full" || code == "store_failed") << code;
  EXPECT_NE(refused.headers.find("Retry-After"), std::string::npos);
  EXPECT_EQ(daemon.curl("/verify/" + id).json()["status"], "completed") << "reading goes on";
  EXPECT_EQ(daemon.curl("/health").status, 200) << "alive";
  fixture.disk.free();
  until_ready(daemon, true);
  const Answer after = post_hello(daemon);
  ASSERT_EQ(after.status, 202) << after.body;
  EXPECT_EQ(daemon.wait(after.json()["jobId"])["status"], "completed") << "without a restart";
  EXPECT_EQ(daemon.stop(), 0);
}

TEST(Faults, AReadOnlyDiskRefusesNewJobsAndPasses) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const DiskFixture fixture;
  SKILL_VERIFIER_NEEDS_DISK(fixture.disk);
  Daemon daemon(fixture.config(), fixture.env());
  const Answer before = post_hello(daemon);
  ASSERT_EQ(before.status, 202) << before.body;
  const std::string id = before.json()["jobId"];
  daemon.wait(id);
  daemon.stop();
  ASSERT_TRUE(fixture.disk.make_read_only(true)) << std::strerror(errno);
  // Open files keep a file system from becoming read-only: a daemon meets it at its start.
  const Finished refused = run({program("skill-verifier").string(), "serve", "--config",
                                (daemon.data_dir().parent_path() / "config.yaml").string()},
                               fixture.env());
  EXPECT_EQ(refused.exit_code, 3) << refused.err;
  EXPECT_NE(refused.err.find("ead-only"), std::string::npos) << refused.err;
  ASSERT_TRUE(fixture.disk.make_read_only(false));
  daemon.start();
  EXPECT_EQ(daemon.curl("/verify/" + id).json()["status"], "completed");
}

TEST(Faults, ADamagedDatabaseIsNamedAtStartAndABackupHelps) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const TempDir work;
  Daemon daemon("pool: {max: 0}\n");
  const Answer before = post_hello(daemon);
  ASSERT_EQ(before.status, 202) << before.body;
  const std::string id = before.json()["jobId"];
  daemon.wait(id);
  const std::string config = (daemon.data_dir().parent_path() / "config.yaml").string();
  const std::string backup = (work.path() / "backup").string();
  ASSERT_EQ(run({program("skill-verifier").string(), "backup", backup, "--config", config}).exit_code, 0);
  EXPECT_EQ(daemon.stop(), 0);
  {
    std::fstream file(daemon.data_dir() / "jobs.db", std::ios::in | std::ios::out | std::ios::binary);
    file << std::string(100, '!');
  }
  const Finished refused = run({program("skill-verifier").string(), "serve", "--config", config});
  EXPECT_EQ(refused.exit_code, 3) << refused.err;
  EXPECT_NE(refused.err.find("jobs.db is damaged"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("restore it from a backup"), std::string::npos) << refused.err;
  const Finished restored =
      run({program("skill-verifier").string(), "restore", backup, "--replace", "--config", config});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  daemon.start();
  EXPECT_EQ(daemon.curl("/verify/" + id).json()["status"], "completed");
}

/// A relay in front of the engine's socket: away while it is stopped.
class EngineDoor {
 public:
  EngineDoor() { open(); }
  ~EngineDoor() { process_.reset(); }
  std::string host() const { return "unix://" + socket(); }
  void open() {
    fs::remove(socket());
    process_ = std::make_unique<Process>(
        std::vector<std::string>{"python3", script().string(), socket(), docker_host().substr(7)},
        std::map<std::string, std::string>{}, directory_.path() / "log");
    process_->wait_for_line("listening");
  }
  void close() {
    process_->signal(SIGKILL);
    process_->wait(std::chrono::seconds(10));
    fs::remove(socket());
  }

 private:
  std::string socket() const { return (directory_.path() / "engine.sock").string(); }
  fs::path script() const {
    return directory_.write("relay.py", R"(import os, socket, sys, threading
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(64)
print('listening', flush=True)
def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
while True:
    client, _ = listener.accept()
    engine = socket.socket(socket.AF_UNIX)
    engine.connect(sys.argv[2])
    for pair in ((client, engine), (engine, client)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
)");
  }
  TempDir directory_;
  std::unique_ptr<Process> process_;
};

TEST(Faults, JobsWaitForAnEngineThatGoesAwayAndComesBack) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  if (run({"sh", "-c", "command -v python3"}).exit_code != 0) GTEST_SKIP() << "no python3 for the relay";
  EngineDoor door;
  Daemon daemon("pool: {max: 0}\nattempts: 1\n", {{"SKILL_VERIFIER_ENGINE_HOST", door.host()}});
  daemon.verify(source_dir() / "examples" / "hello-world");
  door.close();
  const Json unready = until_ready(daemon, false);
  EXPECT_EQ(unready["checks"]["engine"]["ready"], false) << unready.dump();
  const Answer accepted = post_hello(daemon);
  ASSERT_EQ(accepted.status, 202) << accepted.body;
  EXPECT_NE(accepted.json()["message"].get<std::string>().find("waits until the Docker Engine answers"),
            std::string::npos)
      << accepted.body;
  const std::string id = accepted.json()["jobId"];
  daemon.process().wait_for_line("job waits for the engine job=" + id);
  EXPECT_EQ(daemon.curl("/verify/" + id).json()["status"], "pending");
  door.open();
  const Json job = daemon.wait(id);
  EXPECT_EQ(job["status"], "completed") << job.dump(2);
  until_ready(daemon, true);
  EXPECT_EQ(daemon.stop(), 0);
}

TEST(Faults, AGuestAgentThatGoesAwayAndComesBackIsNoticed) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const TempDir work;
  const std::string socket = (work.path() / "dstack.sock").string();
  const auto start_agent = [&] {
    auto agent =
        std::make_unique<Process>(std::vector<std::string>{program("dstack-simulator").string(), "--socket", socket,
                                                           "--state-dir", (work.path() / "state").string()},
                                  std::map<std::string, std::string>{}, work.path() / "log");
    agent->wait_for_line("listening on");
    return agent;
  };
  auto agent = start_agent();
  Daemon daemon("pool: {max: 0}\n", {{"DSTACK_SOCKET", socket}});
  until_ready(daemon, true);
  agent->signal(SIGKILL);
  agent->wait(std::chrono::seconds(10));
  fs::remove(socket);
  const Json unready = until_ready(daemon, false);
  EXPECT_EQ(unready["checks"]["dstack"]["ready"], false) << unready.dump();
  const Json without = daemon.verify(source_dir() / "examples" / "hello-world");
  EXPECT_EQ(without["status"], "completed");
  EXPECT_TRUE(without["result"]["attestation"]["quote"].is_null()) << "said, not hidden";
  EXPECT_NE(without["result"]["attestation"]["note"].get<std::string>().find("No quote"), std::string::npos);
  agent = start_agent();
  until_ready(daemon, true);
  const Json with = daemon.verify(source_dir() / "examples" / "hello-world");
  EXPECT_TRUE(with["result"]["attestation"]["quote"].is_string()) << with.dump(2);
}

}  // namespace
}  // namespace skill_verifier::e2e
