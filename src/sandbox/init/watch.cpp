#include "sandbox/init/watch.hpp"

#include <linux/limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "sandbox/init_protocol.hpp"

namespace skill_verifier::sandbox::guest {
namespace {

constexpr std::uint8_t kWrite = 0;
constexpr std::uint8_t kConnect = 1;
constexpr int kMostLinks = 8;

std::string link_of(const std::string& path) {
  char target[PATH_MAX];
  const auto count = ::readlink(path.c_str(), target, sizeof target);
  return count <= 0 ? std::string() : std::string(target, static_cast<std::size_t>(count));
}

std::string process_path(std::uint32_t pid, std::string_view rest) {
  return "/proc/" + std::to_string(pid) + std::string(rest);
}

/// Bytes of another process; fewer than asked for where its memory ends.
std::string read_memory(std::uint32_t pid, std::uint64_t at, std::size_t size) {
  std::string bytes(size, '\0');
  const Fd memory(::open(process_path(pid, "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  if (!memory) return {};
  const auto count = retry([&] { return ::pread(memory.get(), bytes.data(), bytes.size(), static_cast<off_t>(at)); });
  bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  return bytes;
}

std::optional<std::string> read_text(std::uint32_t pid, std::uint64_t at) {
  constexpr std::size_t kPage = 4096;
  // Up to the page's end first: the next one may not be there.
  std::string text = read_memory(pid, at, kPage - at % kPage);
  if (text.find('\0') == std::string::npos && !text.empty()) text += read_memory(pid, at + text.size(), PATH_MAX);
  const auto end = text.find('\0');
  if (end == std::string::npos) return std::nullopt;
  text.resize(end);
  return text;
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : std::string(path.data(), slash);
}

std::string resolved(const std::string& path, int flags) {
  const Fd file(::open(path.c_str(), O_PATH | O_CLOEXEC | flags));
  return file ? link_of("/proc/self/fd/" + std::to_string(file.get())) : std::string();
}

/// Where a path leads, links followed. `exists` tells whether there is something already.
std::string where(std::string path, bool follow, bool& exists) {
  exists = false;
  for (int i = 0; i < kMostLinks; ++i) {
    const std::string target = resolved(path, follow ? 0 : O_NOFOLLOW);
    exists = !target.empty();
    if (exists) return target;
    const std::string link = follow ? link_of(path) : std::string();
    if (link.empty()) break;
    path = normal_path(link.starts_with('/') ? link : parent_of(path) + "/" + link);
  }
  const std::string folder = resolved(parent_of(path), 0);
  if (folder.empty()) return path;
  return normal_path(folder + "/" + std::string(path.data() + path.rfind('/')));
}

bool is_prefix_of_own(const std::string& path, std::string_view name) {
  return path.starts_with(name) && (path.size() == name.size() || path[name.size()] == '/');
}

/// `self` of the process that asks, not of this one.
std::string as_seen_by(std::uint32_t pid, const std::string& path) {
  for (const std::string_view self : {"/proc/self", "/proc/thread-self"}) {
    if (is_prefix_of_own(path, self)) return process_path(pid, path.data() + self.size());
  }
  for (const std::string_view stream : {"/dev/stdin", "/dev/stdout", "/dev/stderr"}) {
    if (path == stream)
      return process_path(pid, stream == "/dev/stdin" ? "/fd/0" : stream == "/dev/stdout" ? "/fd/1" : "/fd/2");
  }
  if (is_prefix_of_own(path, "/dev/fd")) return process_path(pid, "/fd" + std::string(path.data() + 7));
  return path;
}

/// What tells the kernel something about the process itself: its name, its place in the queue for memory.
bool is_own_setting(std::uint32_t pid, const std::string& path) {
  return path == process_path(pid, "/comm") || path == process_path(pid, "/oom_score_adj");
}

}  // namespace

Status Watch::open() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return errno_fault("exec_setup", "make a channel", errno);
  ours_ = Fd(ends[0]);
  theirs_ = Fd(ends[1]);
  seccomp_notif_sizes sizes{};
  // Newer kernels may say more than is known here.
  if (::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0) sizes = {};
  call_.resize(std::max<std::size_t>(sizes.seccomp_notif, sizeof(seccomp_notif)));
  reply_.resize(std::max<std::size_t>(sizes.seccomp_notif_resp, sizeof(seccomp_notif_resp)));
  before_ = read_network_counters();
  return {};
}

void Watch::listen() {
  if (std::exchange(listened_, true)) return;
  theirs_.reset();
  char byte = 0;
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const auto count = retry([&] { return ::recvmsg(ours_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT); });
  const cmsghdr* header = count == 1 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    int listener = -1;
    std::memcpy(&listener, CMSG_DATA(header), sizeof listener);
    listener_ = Fd(listener);
    seen_ = true;
  }
  ours_.reset();
}

void Watch::answer(const Identity& identity, short events) {
  std::ranges::fill(call_, '\0');
  auto* call = reinterpret_cast<seccomp_notif*>(call_.data());
  if ((events & POLLIN) == 0 || retry([&] { return ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, call); }) != 0) {
    // Nobody is left who could call; or the one who did was killed meanwhile.
    if ((events & (POLLHUP | POLLERR | POLLNVAL)) != 0) listener_.reset();
    return;
  }
  note(*call, identity);
  std::ranges::fill(reply_, '\0');
  auto* reply = reinterpret_cast<seccomp_notif_resp*>(reply_.data());
  reply->id = call->id;
  reply->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  retry([&] { return ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, reply); });
}

void Watch::note(const seccomp_notif& call, const Identity& identity) {
  // What the process may look at, no more: its paths are opened with its own rights.
  const AsJob job(identity);
  const auto& args = call.data.args;
  if (call.data.nr == SYS_connect) return note_peer(call, args[1], args[2]);
  if (call.data.nr == SYS_sendto) return note_peer(call, args[4], args[5]);
  if (call.data.nr == SYS_openat2) {
    // Its flags are in memory, as the first member of a structure that only grows.
    const auto how = read_memory(call.pid, args[2], sizeof(std::uint64_t));
    std::uint64_t flags = 0;
    if (how.size() == sizeof flags) std::memcpy(&flags, how.data(), sizeof flags);
    if (how.size() == sizeof flags && (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) == 0) return;
    return note_path(call, NamingCall{SYS_openat2, 0, 1, true});
  }
  for (const NamingCall& naming : kNamingCalls)
    if (naming.number == call.data.nr) note_path(call, naming);
}

void Watch::note_path(const seccomp_notif& call, const NamingCall& naming) {
  const auto argument = [&call](int index) { return call.data.args[static_cast<std::size_t>(index)]; };
  const std::uint64_t path = argument(naming.path);
  if (path == 0) return;
  const int folder = naming.folder == kNowhere ? AT_FDCWD : static_cast<int>(argument(naming.folder));
  const bool follow = naming.follow && (naming.flags < 0 || (argument(naming.flags) & AT_SYMLINK_NOFOLLOW) == 0);
  auto text = read_text(call.pid, path);
  if (!text) {
    ++unreadable_;
    return;
  }
  if (text->empty()) return;
  if (!text->starts_with('/')) {
    const auto base = link_of(process_path(call.pid, folder == AT_FDCWD ? "/cwd" : "/fd/" + std::to_string(folder)));
    if (base.empty()) {
      ++unreadable_;
      return;
    }
    *text = base + "/" + *text;
  }
  const auto own = as_seen_by(call.pid, normal_path(*text));
  bool exists = false;
  const auto target = where(own, follow, exists);
  // Pipes, sockets and what has no name.
  if (!target.starts_with('/') || (naming.creates_only && exists)) return;
  if (may_write(target) || is_own_setting(call.pid, target)) return;
  add(kWrite, target);
}

void Watch::note_peer(const seccomp_notif& call, std::uint64_t address, std::uint64_t size) {
  constexpr std::uint64_t kLargest = 128;
  const auto bytes = read_memory(call.pid, address, static_cast<std::size_t>(std::min(size, kLargest)));
  if (bytes.empty() && size > 0) {
    ++unreadable_;
    return;
  }
  auto peer = remote_peer(bytes);
  if (!peer.empty()) add(kConnect, std::move(peer));
}

void Watch::add(std::uint8_t kind, std::string target) {
  target = printable(target);
  const auto known =
      std::ranges::find_if(sightings_, [&](const Sighting& one) { return one.kind == kind && one.target == target; });
  if (known != sightings_.end()) {
    ++known->times;
  } else if (std::ranges::count(sightings_, kind, &Sighting::kind) < init::kMaxSightings / 2) {
    // Half of the room for each kind: many of one do not hide the other.
    sightings_.push_back({kind, std::move(target), 1});
  } else {
    ++more_;
  }
}

std::string Watch::report() const {
  const auto after = read_network_counters();
  const bool counted = before_.known && after.known;
  Payload payload;
  payload.u8(static_cast<std::uint8_t>((seen_ ? 1 : 0) | (counted ? 2 : 0)))
      .u64(counted ? after.unroutable - before_.unroutable : 0)
      .u32(unreadable_)
      .u32(more_)
      .u32(static_cast<std::uint32_t>(sightings_.size()));
  for (const auto& one : sightings_)
    payload.u8(one.kind).u32(one.times).text(one.target);
  return payload.bytes();
}

}  // namespace skill_verifier::sandbox::guest
