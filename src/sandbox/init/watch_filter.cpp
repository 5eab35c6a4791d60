#include "sandbox/init/watch_filter.hpp"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "sandbox/init/watch_calls.hpp"

namespace skill_verifier::sandbox::guest {
namespace {

using Program = std::vector<sock_filter>;

/// Always shown, besides the calls that name a file. Calls on an open descriptor are not among them: it was opened by a
/// call that was shown, or for reading. Nor is sendmsg, by which the listener has to go out: the network's counters
/// know of its datagrams.
constexpr std::array kShown{SYS_openat2, SYS_connect};
constexpr std::uint32_t kWriting = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;

void load(Program& program, std::size_t offset) {
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
}
void give(Program& program, std::uint32_t action) {
  program.push_back(BPF_STMT(BPF_RET | BPF_K, action));
}
void jump(Program& program, std::uint16_t test, std::uint32_t value, std::uint8_t then, std::uint8_t otherwise) {
  program.push_back(BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | test | BPF_K), value, then, otherwise));
}
/// The lower half of an argument; the upper one is 4 bytes further.
constexpr std::size_t argument(std::size_t index) {
  return offsetof(seccomp_data, args) + index * sizeof(std::uint64_t);
}

void show(Program& program, long call) {
  jump(program, BPF_JEQ, static_cast<std::uint32_t>(call), 0, 1);
  give(program, SECCOMP_RET_USER_NOTIF);
}

void show_when_writing(Program& program, long call, std::size_t flags) {
  jump(program, BPF_JEQ, static_cast<std::uint32_t>(call), 0, 4);
  load(program, argument(flags));
  jump(program, BPF_JSET, kWriting, 0, 1);
  give(program, SECCOMP_RET_USER_NOTIF);
  give(program, SECCOMP_RET_ALLOW);
}

Program make_program() {
  Program program;
  load(program, offsetof(seccomp_data, arch));
  // Other system call tables are refused by the container's own profile.
  jump(program, BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0);
  give(program, SECCOMP_RET_ALLOW);
  load(program, offsetof(seccomp_data, nr));
  for (const long call : kShown)
    show(program, call);
  for (const NamingCall& call : kNamingCalls)
    if (call.number != SYS_open && call.number != SYS_openat) show(program, call.number);
  show_when_writing(program, SYS_open, 1);
  show_when_writing(program, SYS_openat, 2);
  jump(program, BPF_JEQ, SYS_sendto, 0, 5);
  load(program, argument(4));
  jump(program, BPF_JEQ, 0, 0, 2);
  load(program, argument(4) + sizeof(std::uint32_t));
  jump(program, BPF_JEQ, 0, 1, 0);
  give(program, SECCOMP_RET_USER_NOTIF);
  give(program, SECCOMP_RET_ALLOW);
  return program;
}

void send_listener(int channel, int listener) {
  char byte = 0;
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (listener >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &listener, sizeof listener);
  }
  (void)!::sendmsg(channel, &message, MSG_NOSIGNAL);
}

}  // namespace

void install_watch(int channel) {
  auto program = make_program();
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  const auto listener = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
  send_listener(channel, static_cast<int>(listener));
}

}  // namespace skill_verifier::sandbox::guest
