#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace skill_verifier::bench {

namespace fs = std::filesystem;

/// A directory of its own below `parent`, removed with the object.
class TempDir {
 public:
  explicit TempDir(const fs::path& parent);
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// A child process that does not outlive this one, however that ends.
class Process {
 public:
  /// Standard output and error go to `log`. Throws when it cannot be forked.
  Process(std::vector<std::string> argv, fs::path log);
  ~Process();  ///< SIGKILL when it still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  bool running();
  /// Waits for the end; gives the exit status, or 128 + signal.
  int wait();
  /// Sends the signal and waits for the end; after ten seconds it is killed.
  void end(int signal);
  /// The rest of the first line of the log that contains `text`, from there on; empty when there is none yet.
  std::string log_line(const std::string& text) const;
  std::string log() const;

  /// VmRSS of now.
  std::uint64_t resident_bytes() const;
  /// VmHWM: the largest VmRSS so far.
  std::uint64_t peak_bytes() const;
  /// Descriptors that are open now.
  std::size_t open_files() const;
  /// CPU time of all its threads so far.
  double cpu_seconds() const;

 private:
  std::uint64_t status_bytes(const std::string& name) const;

  pid_t pid_ = -1;
  fs::path log_;
};

}  // namespace skill_verifier::bench
