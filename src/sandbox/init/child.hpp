#pragma once

#include <sys/types.h>

#include "sandbox/init/identity.hpp"
#include "sandbox/init/posix.hpp"
#include "sandbox/init/wire.hpp"

namespace skill_verifier::sandbox::guest {

/// A command that was forked. The descriptors do not block.
struct Child {
  pid_t pid = -1;
  Fd out;
  Fd err;
  Fd setup;  ///< end of file when the command took over, or a SetupFailure before
};

/// What the child writes to Child::setup when it cannot become the command's process. Trusted: the child is still init.
struct SetupFailure {
  int step;
  int error;
};
Fault setup_fault(const SetupFailure& failure);

/// Forks a process that becomes the command: session of its own, only three descriptors (/dev/null and two pipes), the
/// job's identity, first victim of the OOM killer, default signals, umask 022, in /skill, with exactly the given
/// environment. The program is searched in the environment's PATH when its name has no slash. With a
/// channel (not -1) what it asks the kernel for is shown to whoever reads the channel. Faults: `exec_setup`.
Status start_child(const RunRequest& run, const Identity& identity, int watch_channel, Child& child);

/// Closes every descriptor from `first` on.
bool close_from(int first);

}  // namespace skill_verifier::sandbox::guest
