#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

/// Drives the real programs against the real engine as a user would: processes, curl, the docker command. Every wait is
/// bounded and ends by something observed.
namespace skill_verifier::e2e {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

fs::path source_dir();
/// build/bin/NAME.
fs::path program(const std::string& name);

/// A directory below the system's temporary one, removed with the object.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const fs::path& path() const { return path_; }
  fs::path write(const std::string& name, const std::string& text, bool executable = false) const;

 private:
  fs::path path_;
};

struct Finished {
  int exit_code = -1;  ///< 128 + signal when signalled
  std::string out;
  std::string err;
};
/// Runs a command to its end; killed after `limit`.
Finished run(const std::vector<std::string>& argv, const std::map<std::string, std::string>& env = {},
             std::chrono::seconds limit = std::chrono::seconds(120));

/// A process that goes on while the test does.
class Process {
 public:
  Process(const std::vector<std::string>& argv, const std::map<std::string, std::string>& env, fs::path log);
  ~Process();  ///< SIGKILL when it still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// Its exit code, or nothing when it still runs after `limit`.
  std::optional<int> wait(std::chrono::seconds limit);
  bool running();
  std::string log() const;
  /// The first line of the log from `offset` on that contains `text`; waits until it is written. Throws after `limit`.
  std::string wait_for_line(const std::string& text, std::chrono::seconds limit = std::chrono::seconds(60));

 private:
  pid_t pid_ = -1;
  fs::path log_;
  std::optional<int> status_;
};

/// The engine under test: $SKILL_VERIFIER_TEST_DOCKER_HOST.
std::string docker_host();
/// Output of the docker command; throws when it fails.
std::string docker(std::vector<std::string> arguments);

/// Skips the test with the reason when there is no engine or no image.
#define SKILL_VERIFIER_NEEDS_ENGINE() \
  if (const std::string why = skill_verifier::e2e::why_no_engine(); !why.empty()) GTEST_SKIP() << why
std::string why_no_engine();

struct Answer {
  int status = 0;
  std::string headers;
  std::string body;
  /// Throws with what came instead where that is no JSON, e.g. what curl said.
  Json json() const;
};

/// The daemon with a configuration of its own.
class Daemon {
 public:
  /// `config` are lines of YAML added to what every test needs (port 0, data_dir, engine, runtimes).
  explicit Daemon(std::string config = "", std::map<std::string, std::string> env = {});
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  void start();
  /// SIGTERM, then its exit code.
  int stop(std::chrono::seconds limit = std::chrono::seconds(60));
  void kill_hard();
  Process& process() { return *process_; }
  const fs::path& data_dir() const { return data_; }
  std::string instance() const;
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::uint16_t port() const { return port_; }

  /// curl with these arguments and the URL of `path`.
  Answer curl(const std::string& path, std::vector<std::string> arguments = {}) const;
  /// POST /verify with this JSON; the job's id. Fails the test when it is not 202.
  std::string submit(const Json& request) const;
  std::string submit_path(const fs::path& skill) const;
  /// Long-polls until the job is final.
  Json wait(const std::string& id, std::chrono::seconds limit = std::chrono::seconds(180)) const;
  Json verify(const fs::path& skill) const { return wait(submit_path(skill)); }
  /// Ids of containers of this daemon's instance.
  std::vector<std::string> containers() const;

 private:
  TempDir directory_;
  fs::path data_;
  std::map<std::string, std::string> env_;
  std::unique_ptr<Process> process_;
  std::uint16_t port_ = 0;
};

}  // namespace skill_verifier::e2e
