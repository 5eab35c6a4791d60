// Attempts at system calls that a sandbox has no use for.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "probe.hpp"

namespace probe {
namespace {

/// The attempts that need no more than numbers; a buffer of zeros stands for every structure.
void plain_calls() {
  static char zeros[512];
  struct Attempt {
    const char* name;
    long number;
    long a, b, c, d, e;
  };
  const long z = reinterpret_cast<long>(zeros);
  const long root = reinterpret_cast<long>("/");
  const Attempt attempts[] = {
      {"mount", SYS_mount, reinterpret_cast<long>("tmpfs"), reinterpret_cast<long>("/tmp"),
       reinterpret_cast<long>("tmpfs"), 0, 0},
      {"umount2", SYS_umount2, reinterpret_cast<long>("/tmp"), MNT_DETACH, 0, 0, 0},
      {"pivot_root", SYS_pivot_root, root, root, 0, 0, 0},
      {"fsopen", SYS_fsopen, reinterpret_cast<long>("tmpfs"), 0, 0, 0, 0},
      {"open_tree", SYS_open_tree, AT_FDCWD, root, 0, 0, 0},
      {"move_mount", SYS_move_mount, AT_FDCWD, root, AT_FDCWD, root, 0},
      {"chroot", SYS_chroot, root, 0, 0, 0, 0},
      {"unshare_user", SYS_unshare, CLONE_NEWUSER, 0, 0, 0, 0},
      {"unshare_mount", SYS_unshare, CLONE_NEWNS, 0, 0, 0, 0},
      {"setns", SYS_setns, 0, 0, 0, 0, 0},
      {"clone_user", SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0},
      {"clone_mount", SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0},
      {"clone_net", SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0},
      {"clone3", SYS_clone3, z, 88, 0, 0, 0},
      {"name_to_handle_at", SYS_name_to_handle_at, AT_FDCWD, root, z, z, 0},
      {"open_by_handle_at", SYS_open_by_handle_at, AT_FDCWD, z, O_RDONLY, 0, 0},
      {"io_uring_setup", SYS_io_uring_setup, 4, z, 0, 0, 0},
      {"io_uring_enter", SYS_io_uring_enter, 0, 0, 0, 0, 0},
      {"io_uring_register", SYS_io_uring_register, 0, 0, 0, 0, 0},
      {"prlimit_init", SYS_prlimit64, 1, RLIMIT_NOFILE, z, 0, 0},
      {"prlimit_init_query", SYS_prlimit64, 1, RLIMIT_NOFILE, 0, z, 0},
      {"bpf", SYS_bpf, 0, z, 64, 0, 0},
      {"perf_event_open", SYS_perf_event_open, z, 0, -1, -1, 0},
      {"userfaultfd", SYS_userfaultfd, 0, 0, 0, 0, 0},
      {"keyctl", SYS_keyctl, 0, -3, 1, 0, 0},
      {"add_key", SYS_add_key, reinterpret_cast<long>("user"), reinterpret_cast<long>("k"), z, 1, -3},
      {"request_key", SYS_request_key, reinterpret_cast<long>("user"), reinterpret_cast<long>("k"), 0, -3, 0},
      {"ptrace_traceme", SYS_ptrace, PTRACE_TRACEME, 0, 0, 0, 0},
      {"process_vm_readv", SYS_process_vm_readv, 1, z, 1, z, 1},
      {"process_vm_writev", SYS_process_vm_writev, 1, z, 1, z, 1},
      {"pidfd_getfd", SYS_pidfd_getfd, 0, 0, 0, 0, 0},
      {"kcmp", SYS_kcmp, 1, 1, 0, 0, 0},
      {"kexec_load", SYS_kexec_load, 0, 0, 0, 0, 0},
      {"init_module", SYS_init_module, z, 1, z, 0, 0},
      {"finit_module", SYS_finit_module, 0, z, 0, 0, 0},
      {"delete_module", SYS_delete_module, z, 0, 0, 0, 0},
      {"reboot", SYS_reboot, 0, 0, 0, 0, 0},
      {"swapon", SYS_swapon, root, 0, 0, 0, 0},
      {"sethostname", SYS_sethostname, z, 1, 0, 0, 0},
      {"setdomainname", SYS_setdomainname, z, 1, 0, 0, 0},
      {"quotactl", SYS_quotactl, 0, root, 0, z, 0},
      {"acct", SYS_acct, 0, 0, 0, 0, 0},
      {"settimeofday", SYS_settimeofday, z, 0, 0, 0, 0},
      {"clock_settime", SYS_clock_settime, 0, z, 0, 0, 0},
      {"adjtimex", SYS_adjtimex, z, 0, 0, 0, 0},
      {"iopl", SYS_iopl, 3, 0, 0, 0, 0},
      {"ioperm", SYS_ioperm, 0, 1, 1, 0, 0},
      {"modify_ldt", SYS_modify_ldt, 0, z, 16, 0, 0},
      {"syslog", SYS_syslog, 3, z, 16, 0, 0},
      {"fanotify_init", SYS_fanotify_init, 0, 0, 0, 0, 0},
      {"vmsplice", SYS_vmsplice, 1, z, 0, 0, 0},
      {"io_setup", SYS_io_setup, 1, z, 0, 0, 0},
      {"memfd_secret", SYS_memfd_secret, 0, 0, 0, 0, 0},
      {"move_pages", SYS_move_pages, 1, 0, z, z, z},
      {"personality_no_random", SYS_personality, ADDR_NO_RANDOMIZE, 0, 0, 0, 0},
      {"personality_query", SYS_personality, 0xffffffff, 0, 0, 0, 0},
      {"vhangup", SYS_vhangup, 0, 0, 0, 0, 0},
      {"lookup_dcookie", SYS_lookup_dcookie, 0, z, 16, 0, 0},
  };
  for (const auto& attempt : attempts) {
    const long result = ::syscall(attempt.number, attempt.a, attempt.b, attempt.c, attempt.d, attempt.e);
    if (attempt.number == SYS_clone && result == 0) ::_exit(0);
    report(attempt.name, result);
  }
}

}  // namespace

void system_calls() {
  plain_calls();
  report("mknod_device", ::mknod("/tmp/device", S_IFBLK | 0600, makedev(8, 0)));
  report("mknod_fifo", ::mknod("/tmp/fifo", S_IFIFO | 0600, 0));
}

void sockets() {
  struct Attempt {
    const char* name;
    long family, type, protocol;
  };
  const Attempt attempts[] = {
      {"unix", AF_UNIX, SOCK_STREAM, 0},
      {"inet", AF_INET, SOCK_STREAM, 0},
      {"inet6", AF_INET6, SOCK_DGRAM, 0},
      {"netlink_route", AF_NETLINK, SOCK_RAW, 0},
      {"netlink_audit", AF_NETLINK, SOCK_RAW, 9},
      {"netlink_netfilter", AF_NETLINK, SOCK_RAW, 12},
      {"netlink_xfrm", AF_NETLINK, SOCK_RAW, 6},
      {"vsock", 40, SOCK_STREAM, 0},
      {"vsock_high_bits", 40 + (1L << 32), SOCK_STREAM, 0},
      {"inet_high_bits", AF_INET + (1L << 32), SOCK_STREAM, 0},
      {"alg", 38, SOCK_SEQPACKET, 0},
      {"packet", AF_PACKET, SOCK_RAW, 0},
      {"inet_raw", AF_INET, SOCK_RAW, IPPROTO_ICMP},
      {"inet6_raw", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6},
      {"bluetooth", 31, SOCK_RAW, 1},
      {"can", 29, SOCK_RAW, 1},
      {"tipc", 30, SOCK_RDM, 0},
      {"rds", 21, SOCK_SEQPACKET, 0},
      {"xdp", 44, SOCK_RAW, 0},
      {"qipcrtr", 42, SOCK_DGRAM, 0},
      {"smc", 43, SOCK_STREAM, 0},
  };
  for (const auto& attempt : attempts)
    report(attempt.name, ::syscall(SYS_socket, attempt.family, attempt.type, attempt.protocol));
  int pair[2];
  report("socketpair_unix", ::syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair));
  report("socketpair_tipc", ::syscall(SYS_socketpair, 30, SOCK_STREAM, 0, pair));
}

void network() {
  std::string names;
  for (unsigned index = 1; index < 64; ++index) {
    char name[IF_NAMESIZE];
    if (::if_indextoname(index, name) != nullptr) names += std::string(names.empty() ? "" : " ") + name;
  }
  say("interfaces", names);
  for (const char* address : {"198.51.100.9", "169.254.169.254", "10.0.2.2", "172.17.0.1"}) {
    sockaddr_in target{};
    target.sin_family = AF_INET;
    target.sin_port = htons(80);
    ::inet_pton(AF_INET, address, &target.sin_addr);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    report(address, ::connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target));
    ::close(fd);
  }
}

namespace {

/// A filter for another architecture must not be a way around: the kernel ends the process.
int survived() {
  say("foreign system call", "survived");
  return 0;
}

}  // namespace

int int80() {
  long result = 20;  // getpid of i386
  asm volatile("int $0x80" : "+a"(result) : : "memory", "rcx", "r11");
  return survived();
}

int x32() {
  ::syscall(0x40000000 | SYS_getpid);
  return survived();
}

}  // namespace probe
