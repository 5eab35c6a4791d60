#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "sandbox/init/identity.hpp"
#include "sandbox/init/posix.hpp"

namespace skill_verifier::sandbox::guest {

/// Collects ended processes. Every process of the sandbox is a descendant of PID 1, and an orphan becomes its child, so
/// when the kernel knows no child any more, nothing is left of the job.
class Reaper {
 public:
  /// SIGCHLD has to be blocked. Faults: `internal`.
  Status start();
  /// Readable when a process ended since the last collect().
  int fd() const { return signals_.get(); }

  void watch(pid_t main);
  /// Takes the status of every process that ended. False when no process is left.
  bool collect();
  /// waitpid's word of the watched process, once it ended.
  std::optional<int> main_status() const { return main_status_; }

  /// Kills and collects until nothing is left. False when something has not died after ten seconds.
  bool kill_all(const Identity& identity);

 private:
  Fd signals_;
  pid_t main_ = -1;
  std::optional<int> main_status_;
};

}  // namespace skill_verifier::sandbox::guest
