#pragma once

#include <sys/syscall.h>

#include <array>

/// The system calls that change a file by its name, for the filter that shows them and for whoever is shown them.
namespace skill_verifier::sandbox::guest {

struct NamingCall {
  long number;
  int folder;           ///< which argument is the folder's descriptor; kNowhere: the working directory
  int path;             ///< which argument is the name; 0 there stands for an open descriptor
  bool follow = false;  ///< whether a link at the end is followed
  bool creates_only =
      false;       ///< nothing is asked for when there is something already, as of every folder by `mkdir -p`
  int flags = -1;  ///< which argument may have AT_SYMLINK_NOFOLLOW; -1: none
};

inline constexpr int kNowhere = -1;
/// Of Linux 6.6; the headers may be older.
inline constexpr long kFchmodat2 = 452;

/// Of open and openat only those that write are shown. openat2 is not here: whether it writes is in memory.
inline constexpr std::array kNamingCalls{
    NamingCall{SYS_open, kNowhere, 0, true},
    NamingCall{SYS_openat, 0, 1, true},
    NamingCall{SYS_creat, kNowhere, 0, true},
    NamingCall{SYS_truncate, kNowhere, 0, true},
    NamingCall{SYS_mkdir, kNowhere, 0, false, true},
    NamingCall{SYS_mkdirat, 0, 1, false, true},
    NamingCall{SYS_mknod, kNowhere, 0, false, true},
    NamingCall{SYS_mknodat, 0, 1, false, true},
    NamingCall{SYS_unlink, kNowhere, 0},
    NamingCall{SYS_unlinkat, 0, 1},
    NamingCall{SYS_rmdir, kNowhere, 0},
    NamingCall{SYS_rename, kNowhere, 0},
    NamingCall{SYS_rename, kNowhere, 1},
    NamingCall{SYS_renameat, 0, 1},
    NamingCall{SYS_renameat, 2, 3},
    NamingCall{SYS_renameat2, 0, 1},
    NamingCall{SYS_renameat2, 2, 3},
    NamingCall{SYS_link, kNowhere, 1},
    NamingCall{SYS_linkat, 2, 3},
    NamingCall{SYS_symlink, kNowhere, 1},
    NamingCall{SYS_symlinkat, 1, 2},
    NamingCall{SYS_chmod, kNowhere, 0, true},
    NamingCall{SYS_fchmodat, 0, 1, true},
    NamingCall{kFchmodat2, 0, 1, true, false, 3},
    NamingCall{SYS_chown, kNowhere, 0, true},
    NamingCall{SYS_lchown, kNowhere, 0},
    NamingCall{SYS_fchownat, 0, 1, true, false, 4},
    NamingCall{SYS_utime, kNowhere, 0, true},
    NamingCall{SYS_utimes, kNowhere, 0, true},
    NamingCall{SYS_futimesat, 0, 1, true},
    NamingCall{SYS_utimensat, 0, 1, true, false, 3},
    NamingCall{SYS_setxattr, kNowhere, 0, true},
    NamingCall{SYS_lsetxattr, kNowhere, 0},
    NamingCall{SYS_removexattr, kNowhere, 0, true},
    NamingCall{SYS_lremovexattr, kNowhere, 0},
};

}  // namespace skill_verifier::sandbox::guest
