#pragma once

#include <sys/types.h>

#include "sandbox/init/wire.hpp"

namespace skill_verifier::sandbox::guest {

/// Who the tested process is. In prepare mode that is root, and init needs no change of identity.
struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  bool prepare = false;
};

/// While it lives, init's effective user and group are the job's: files are made by the job's rights alone (no
/// capability is effective), and signals may be sent to the job without CAP_KILL, because the kernel compares the
/// sender's effective user with the target's. Real and saved user stay root, so the job can do nothing to init
/// meanwhile. Ends PID 1 when the kernel refuses.
class AsJob {
 public:
  explicit AsJob(const Identity& identity);
  ~AsJob();
  AsJob(const AsJob&) = delete;
  AsJob& operator=(const AsJob&) = delete;

 private:
  bool changed_;
};

/// Makes init unreachable for everybody in the sandbox: not dumpable (no ptrace, /proc/1/mem, /proc/1/fd), no
/// supplementary groups, signals blocked.
Status harden_self();

/// In the child, for good: no groups, the job's user and group in all places, no capabilities, no-new-privileges. False
/// with errno when any step fails. In prepare mode the capabilities stay.
bool become_job(const Identity& identity);

}  // namespace skill_verifier::sandbox::guest
