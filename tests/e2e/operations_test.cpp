#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <fstream>

#include "e2e/harness.hpp"

namespace skill_verifier::e2e {
namespace {

fs::path skill_of(const TempDir& work, const std::string& name, const std::string& command) {
  work.write(name + "/SKILL.md", "---\nname: " + name + "\ndescription: For a test.\nmetadata:\n  version: 1.0.0\n" +
                                     "  test_command: " + command + "\n---\n");
  return work.path() / name;
}

/// The file that a daemon of the harness was started with.
fs::path config_of(const Daemon& daemon) {
  return daemon.data_dir().parent_path() / "config.yaml";
}

std::string read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST(Reload, SighupAppliesWhatItCanAndSaysWhatItCannot) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  Daemon daemon("workers: 1\nqueue: 0\npool: {max: 0}\n");
  const std::string before = read_file(config_of(daemon));
  const std::string hello = (source_dir() / "examples" / "hello-world").string();
  const auto post = [&] {
    return daemon.curl("/verify", {"-H", "Content-Type: application/json", "-d", Json{{"skillPath", hello}}.dump()});
  };
  EXPECT_EQ(post().json()["code"], "queue_full");

  std::ofstream(config_of(daemon)) << "queue: many\n";
  daemon.process().signal(SIGHUP);
  const std::string refused = daemon.process().wait_for_line("configuration not reloaded");
  EXPECT_NE(refused.find("many"), std::string::npos) << refused;
  EXPECT_EQ(post().json()["code"], "queue_full") << "a bad file changes nothing";
  EXPECT_NE(daemon.curl("/metrics").body.find("skill_verifier_config_last_reload_successful 0\n"), std::string::npos);

  std::string changed = before;
  changed.replace(changed.find("queue: 0"), 8, "queue: 9");
  changed.replace(changed.find("port: 0"), 7, "port: 1");
  std::ofstream(config_of(daemon)) << changed;
  daemon.process().signal(SIGHUP);
  const std::string line = daemon.process().wait_for_line("configuration reloaded");
  EXPECT_NE(line.find("applied=queue"), std::string::npos) << line;
  EXPECT_NE(line.find("needs_restart=listen.port"), std::string::npos) << line;
  const Answer accepted = post();
  ASSERT_EQ(accepted.status, 202) << accepted.body;
  EXPECT_EQ(daemon.wait(accepted.json()["jobId"])["status"], "completed");
  EXPECT_NE(daemon.curl("/metrics").body.find("skill_verifier_config_last_reload_successful 1\n"), std::string::npos);
}

TEST(Trace, IsTakenReturnedAndOnEveryLineOfRequestAndJob) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  Daemon daemon("pool: {max: 0}\n");
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  const Answer answer = daemon.curl(
      "/verify", {"-H", "traceparent: 00-" + trace + "-b7ad6b7169203331-01", "-H", "X-Request-Id: traced-1", "-H",
                  "Content-Type: application/json", "-d", R"({"skillPath":"./examples/hello-world"})"});
  ASSERT_EQ(answer.status, 202) << answer.body;
  EXPECT_NE(answer.headers.find("traceparent: 00-" + trace + "-"), std::string::npos) << answer.headers;
  EXPECT_EQ(answer.headers.find("b7ad6b7169203331"), std::string::npos) << "the span is our own";
  const std::string id = answer.json()["jobId"];
  daemon.wait(id);
  daemon.process().wait_for_line("job ended job=" + id);
  std::istringstream log(daemon.process().log());
  int lines = 0;
  for (std::string line; std::getline(log, line);) {
    if (line.find("request=traced-1") == std::string::npos && line.find("job=" + id) == std::string::npos) continue;
    if (line.find("container") != std::string::npos && line.find("request=") == std::string::npos) continue;
    ++lines;
    EXPECT_NE(line.find("trace=" + trace), std::string::npos) << line;
  }
  EXPECT_GE(lines, 4);
  const Answer bad = daemon.curl("/health", {"-H", "traceparent: 00-" + std::string(32, '0') + "-b7ad6b7169203331-01"});
  EXPECT_NE(bad.headers.find("traceparent: 00-"), std::string::npos);
  EXPECT_EQ(bad.headers.find(std::string(32, '0')), std::string::npos) << "a bad one is ignored";
}

TEST(Backup, OfARunningServiceComesBackWithEveryJob) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const TempDir work;
  Daemon daemon("workers: 1\ndrain: 0s\npool: {max: 0}\n");
  const std::string done = daemon.submit_path(skill_of(work, "done", "echo done"));
  daemon.wait(done);
  const std::string running = daemon.submit_path(skill_of(work, "running", "sleep 2; echo ran"));
  const std::string waiting = daemon.submit_path(skill_of(work, "waiting", "echo waited"));
  const std::string backup = (work.path() / "backup").string();
  const Finished made =
      run({program("skill-verifier").string(), "backup", backup, "--config", config_of(daemon).string()});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_EQ(made.out.substr(0, 30), "backed up: 3 jobs (2 unfinishe") << made.out;
  daemon.kill_hard();
  fs::remove_all(daemon.data_dir());
  const Finished back =
      run({program("skill-verifier").string(), "restore", backup, "--config", config_of(daemon).string()});
  ASSERT_EQ(back.exit_code, 0) << back.err;
  const Finished again =
      run({program("skill-verifier").string(), "restore", backup, "--config", config_of(daemon).string()});
  EXPECT_EQ(again.exit_code, 3);
  EXPECT_NE(again.err.find("not empty"), std::string::npos) << again.err;
  daemon.start();
  for (const auto& [id, out] :
       {std::pair(done, "done\n"), std::pair(running, "ran\n"), std::pair(waiting, "waited\n")}) {
    const Json job = daemon.wait(id);
    EXPECT_EQ(job["status"], "completed") << job.dump(2);
    EXPECT_EQ(job["result"]["result"]["stdout"], out);
  }
}

/// systemd's end of sd_notify(3).
class NotifySocket {
 public:
  NotifySocket() {
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string text = path();
    std::memcpy(address.sun_path, text.data(), text.size());
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~NotifySocket() { ::close(fd_); }
  std::string path() const { return (directory_.path() / "notify").string(); }
  /// Reads datagrams until one begins with `text`; the ones before it must be watchdog's.
  bool until(const std::string& text) const {
    while (true) {
      pollfd ready{fd_, POLLIN, 0};
      if (::poll(&ready, 1, 60'000) != 1) return false;
      std::array<char, 4096> buffer{};
      const auto count = ::recv(fd_, buffer.data(), buffer.size(), 0);
      const std::string message(buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
      if (message.starts_with(text)) return true;
      if (message != "WATCHDOG=1") {
        ADD_FAILURE() << "got " << message << " before " << text;
        return false;
      }
    }
  }

 private:
  TempDir directory_;
  int fd_ = -1;
};

TEST(ServiceManager, IsToldOfEveryStateAndOfALoopThatMoves) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const NotifySocket socket;
  Daemon daemon("pool: {max: 0}\n", {{"NOTIFY_SOCKET", socket.path()}, {"WATCHDOG_USEC", "200000"}});
  EXPECT_TRUE(socket.until("READY=1\nSTATUS=serving"));
  EXPECT_TRUE(socket.until("WATCHDOG=1"));
  daemon.process().signal(SIGHUP);
  EXPECT_TRUE(socket.until("RELOADING=1\nMONOTONIC_USEC="));
  EXPECT_TRUE(socket.until("READY=1"));
  EXPECT_EQ(daemon.stop(), 0);
  EXPECT_TRUE(socket.until("STOPPING=1"));
}

TEST(SystemdUnit, IsValidAndHardened) {
  if (run({"sh", "-c", "command -v systemd-analyze"}).exit_code != 0) GTEST_SKIP() << "no systemd-analyze";
  const TempDir work;
  std::string unit = read_file(source_dir() / "deploy/systemd/skill-verifier.service");
  const std::string installed = "/usr/lib/skill-verifier/skill-verifier";
  unit.replace(unit.find(installed), installed.size(), program("skill-verifier").string());
  const std::string file = work.write("skill-verifier.service", unit).string();
  const Finished verified = run({"systemd-analyze", "verify", "--man=false", file});
  EXPECT_EQ(verified.exit_code, 0) << verified.err;
  EXPECT_EQ(verified.err.find("skill-verifier.service:"), std::string::npos) << verified.err;
  const Finished rated = run({"systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", file});
  EXPECT_EQ(rated.exit_code, 0) << "exposure of more than 2.0\n" << rated.out;
}

}  // namespace
}  // namespace skill_verifier::e2e
