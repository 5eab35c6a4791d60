#include "sandbox/init/identity.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace skill_verifier::sandbox::guest {
namespace {

constexpr uid_t kSame = static_cast<uid_t>(-1);
constexpr int kDied = 70;

void set_effective(uid_t uid, gid_t gid) {
  // The group has to change while root is effective: first on the way down, last on the way up.
  const bool down = uid != 0;
  if (down && ::setresgid(kSame, gid, kSame) != 0) ::_exit(kDied);
  if (::setresuid(kSame, uid, kSame) != 0) ::_exit(kDied);
  if (!down && ::setresgid(kSame, gid, kSame) != 0) ::_exit(kDied);
  // Every change of identity puts the flag back to what fs.suid_dumpable says.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

bool drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  return ::syscall(SYS_capset, &header, none) == 0;
}

}  // namespace

AsJob::AsJob(const Identity& identity) : changed_(!identity.prepare) {
  if (changed_) set_effective(identity.uid, identity.gid);
}

AsJob::~AsJob() {
  if (changed_) set_effective(0, 0);
}

Status harden_self() {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno_fault("internal", "make init undumpable", errno);
  if (::setgroups(0, nullptr) != 0) return errno_fault("internal", "drop groups", errno);
  sigset_t all;
  ::sigfillset(&all);
  if (::sigprocmask(SIG_SETMASK, &all, nullptr) != 0) return errno_fault("internal", "block signals", errno);
  return {};
}

bool become_job(const Identity& identity) {
  if (::setgroups(0, nullptr) != 0) return false;
  if (::setresgid(identity.gid, identity.gid, identity.gid) != 0) return false;
  if (::setresuid(identity.uid, identity.uid, identity.uid) != 0) return false;
  if (!identity.prepare && !drop_capabilities()) return false;
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

}  // namespace skill_verifier::sandbox::guest
