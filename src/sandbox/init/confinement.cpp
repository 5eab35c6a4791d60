#include "sandbox/init/confinement.hpp"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "sandbox/init/memory.hpp"
#include "sandbox/init/posix.hpp"

namespace skill_verifier::sandbox::guest {
namespace {

constexpr std::size_t kMostInterfaces = 16;
constexpr std::size_t kFileLimit = 4096;
constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

/// Those that it has, and those that a program it starts could get.
std::uint64_t capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct own[2] = {};
  if (::syscall(SYS_capget, &header, own) != 0) return kNoLimit;
  std::uint64_t found = own[0].permitted | static_cast<std::uint64_t>(own[1].permitted) << 32;
  for (unsigned number = 0; number < 64; ++number) {
    const int held = ::prctl(PR_CAPBSET_READ, number, 0, 0, 0);
    if (held < 0) break;
    if (held > 0) found |= std::uint64_t{1} << number;
  }
  return found;
}

/// gVisor's statvfs does not tell, and access asks for the folder's own mode first.
bool has_read_only_root() {
  struct statvfs root{};
  if (::statvfs("/", &root) == 0 && (root.f_flag & ST_RDONLY) != 0) return true;
  return ::access("/", W_OK) != 0 && errno == EROFS;
}

/// An address other than the loopback's is a way out, also without a route; so is one that cannot be ruled out.
bool has_ipv4_address() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return errno != EAFNOSUPPORT;
  ifreq found[kMostInterfaces] = {};
  ifconf request = {};
  request.ifc_len = sizeof found;
  request.ifc_req = found;
  if (::ioctl(socket.get(), SIOCGIFCONF, &request) != 0) return true;
  for (std::size_t i = 0; i < static_cast<std::size_t>(request.ifc_len) / sizeof(ifreq); ++i) {
    if (std::strcmp(found[i].ifr_name, "lo") != 0) return true;
  }
  return false;
}

/// A line each, the interface's name at its end.
bool has_ipv6_address() {
  const std::string text = read_small_file("/proc/net/if_inet6", kFileLimit);
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    if (!rest.substr(0, end).ends_with(" lo")) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

std::uint64_t limit_of(__rlimit_resource resource) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return kNoLimit;
  return limit.rlim_max;
}

/// 0 = not to be seen.
std::uint64_t cgroup_limit(const char* version1, const char* version2) {
  for (const char* path : {version1, version2}) {
    const std::string text = read_small_file(path, kFileLimit);
    if (!text.empty()) return leading_number(text).value_or(kNoLimit);
  }
  return 0;
}

}  // namespace

Payload describe_confinement() {
  std::uint8_t bits = 0;
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) bits |= init::kNoNewPrivileges;
  if (::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER) bits |= init::kSystemCallFilter;
  if (has_read_only_root()) bits |= init::kReadOnlyRoot;
  if (has_ipv4_address() || has_ipv6_address()) bits |= init::kNetworkAddress;
  utsname kernel{};
  ::uname(&kernel);
  Payload said;
  said.u32(init::kProtocolVersion).u64(capabilities()).u8(bits);
  said.u64(limit_of(RLIMIT_NOFILE)).u64(limit_of(RLIMIT_CORE)).u64(limit_of(RLIMIT_FSIZE));
  said.u64(cgroup_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"));
  said.u64(cgroup_limit("/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/pids.max"));
  said.text(std::string_view(kernel.release).substr(0, init::kMaxRelease));
  return said;
}

}  // namespace skill_verifier::sandbox::guest
