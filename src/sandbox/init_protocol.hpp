#pragma once

#include <cstdint>

/// What skill-verifier (host) and skill-verifier-init (PID 1 of a sandbox) say to each other over the container's
/// attached standard input and output. Constraints: the init is static and has no library but libc; the stream may be
/// cut anywhere; a container that waits in a pool knows nothing of its job; the tested process must not reach the
/// stream.
///
/// Every frame: u8 type, u8 index, u16 zero, u32 payload length, payload. Integers are big-endian.
/// `index` is the command's number (0-based) in frames about a command, else 0. A text is u32 length + bytes.
///
/// Order, host to init:  hello, then either (pack_data* pack_end) or use_prepared, then run or run_watched (once per
///   command, the next one after the exit of the one before), finish. kill may come at any time after hello. End of
///   file = kill and exit.
/// Order, init to host:  ready (at once when it starts), unpacked, then per command: started, (out | err)*, seen where
/// it
///   was watched, exit; fault
///   instead of anything when it cannot go on, after which it reads without heeding until the host hangs up (ten
///   seconds at most) and exits 1. A command that cannot be executed still starts and exits, 127 or 126 as under a
///   shell, with the reason on its standard error.
///
/// The container's part: user 0:0. A test has the capabilities SETUID and SETGID, and /skill is a tmpfs owned by the
/// tested uid. A prepare container has a writable root; besides what package managers want it needs KILL (a process
/// may have changed its user) and, for apk, SYS_CHROOT.
namespace skill_verifier::sandbox::init {

inline constexpr std::uint32_t kProtocolVersion = 3;
inline constexpr std::uint32_t kMaxKept = 8u << 20;          ///< most kept bytes per stream that `run` may ask for
inline constexpr std::uint32_t kMaxFrame = kMaxKept + 4096;  ///< longest payload either side accepts: an exit frame
inline constexpr std::uint32_t kOutputFrame = 64u << 10;     ///< longest out/err payload sent
inline constexpr std::uint32_t kMaxSightings = 16;           ///< half of them of each kind
inline constexpr std::uint32_t kMaxTarget = 256;
inline constexpr std::uint32_t kMaxRelease = 64;  ///< bytes of a kernel's release

/// Bits of a ready frame.
inline constexpr std::uint8_t kNoNewPrivileges = 1;
inline constexpr std::uint8_t kSystemCallFilter = 2;  ///< some seccomp filter; which, the engine was told
inline constexpr std::uint8_t kReadOnlyRoot = 4;
inline constexpr std::uint8_t kNetworkAddress = 8;  ///< an interface besides lo has an address

inline constexpr const char* kInitPath = "/skill-verifier-init";
/// `--inodes=PATH=NUMBER`, once per file system: more of them there end the command, where the engine's tmpfs has no
/// limit of its own.
inline constexpr const char* kInodesOption = "--inodes=";
inline constexpr const char* kSkillPath = "/skill";
/// Where a prepared image keeps the package tree after test_deps ran on it.
inline constexpr const char* kPreparedTree = "/.skill-verifier-tree";

enum class HostFrame : std::uint8_t {
  /// u32 version, u32 uid, u32 gid of the tested process, u8 mode (0 = test: package owned by uid, which is not root;
  /// 1 = prepare: everything as root whatever uid and gid say)
  hello = 1,
  pack_data = 2,     ///< bytes of the pack (skill/package.hpp), in any pieces
  pack_end = 3,      ///< the pack is complete
  use_prepared = 4,  ///< copy kPreparedTree to /skill instead of unpacking: regular files, folders and symbolic links
  /// u32 timeout in ms (not 0), u64 kept bytes per stream, u32 argc, argv texts, u32 envc, `K=V` texts
  run = 5,
  kill = 6,  ///< kill every process of the job now; its exit frame follows. Nothing happens when no command runs
  /// no more commands: kill what is left, answer done, exit 0. In prepare mode /skill is moved to kPreparedTree before,
  /// and init's own file is put back, because a root command could have replaced it
  finish = 7,
  /// as run, and init watches what the command asks the kernel for: the seen frame says what. Not in prepare mode
  run_watched = 8,
};

enum class InitFrame : std::uint8_t {
  /// u32 version, u64 capabilities (permitted to init or in the bounding set, as a mask; all = unknown), u8 bits, u64
  /// hard limits of open files, core bytes and file bytes, u64 memory bytes and u64 processes of its cgroup (0 = not to
  /// be seen, all = no limit), text release of the kernel it runs on, at most kMaxRelease bytes
  ready = 65,
  unpacked = 66,  ///< u32 files, u64 bytes
  started = 67,   ///< u32 pid
  /// The command's standard output: the first half of the kept bytes as they come, and the rest of them at the end when
  /// nothing was cut
  out = 68,
  err = 69,  ///< the same of its standard error
  /// u8 reason (ExitReason), i32 wait status of the main process (waitpid's word, 0 if never reaped), u8 memory_killed,
  /// u64 duration in µs, u64 peak memory bytes of the sandbox (0 = unknown), u64 stdout total, u64 stderr total,
  /// text last half of the kept stdout (empty when nothing was cut), the same of stderr
  exit = 70,
  fault = 71,  ///< text code (`pack_invalid`, `no_space`, `exec_setup`, `protocol`, `internal`), text message
  done = 72,
  /// u8 bits (1 = system calls were seen, 2 = the network's counters were read), u64 what had no route, u32 calls that
  /// could not be read, u32 attempts not listed, u32 count (at most kMaxSightings), per sighting u8 kind (0
  /// = write, 1 = connect), u32 times, text target of at most kMaxTarget bytes
  seen = 73,
};

enum class ExitReason : std::uint8_t { exited = 0, timeout = 1, killed = 2 };

}  // namespace skill_verifier::sandbox::init
