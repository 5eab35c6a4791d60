#include "app/service_manager.hpp"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <system_error>
#include <utility>

#include "skill_verifier/core/log.hpp"

namespace skill_verifier::app {
namespace {

std::optional<std::int64_t> number(const char* text) {
  if (text == nullptr) return std::nullopt;
  const std::string_view digits(text);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::int64_t monotonic_microseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

/// Errno of the failure, or 0.
int send_datagram(const std::string& socket_name, const std::string& message) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_name.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, socket_name.data(), socket_name.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_name.size());
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const auto sent = ::sendto(fd, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                             reinterpret_cast<const sockaddr*>(&address), length);
  const int error = sent < 0 ? errno : 0;
  ::close(fd);
  return error;
}

}  // namespace

ServiceManager::ServiceManager(Lookup lookup) {
  if (const char* socket = lookup("NOTIFY_SOCKET"); socket != nullptr && (socket[0] == '/' || socket[0] == '@'))
    socket_ = socket;
  const auto interval = number(lookup("WATCHDOG_USEC"));
  const char* pid_text = lookup("WATCHDOG_PID");
  const bool ours = pid_text == nullptr || number(pid_text) == std::int64_t{::getpid()};
  if (!socket_.empty() && interval && *interval > 0 && ours) watchdog_ = std::chrono::microseconds(*interval);
}

void ServiceManager::send(const std::string& message) {
  if (socket_.empty()) return;
  const int error = send_datagram(socket_, message);
  if (error == 0 || std::exchange(failed_, true)) return;
  log::warn("service manager not told", {{"what", std::generic_category().message(error)}});
}

void ServiceManager::ready(std::string_view status) {
  send(fmt::format("READY=1\nSTATUS={}\nMAINPID={}", status, ::getpid()));
}

void ServiceManager::reloading() {
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_microseconds()));
}

void ServiceManager::stopping() {
  send("STOPPING=1\nSTATUS=draining");
}

core::awaitable<void> ServiceManager::keep_alive() {
  if (!watchdog_) co_return;
  while (true) {
    send("WATCHDOG=1");
    const bool time_is_up = co_await core::sleep_for(*watchdog_ / 2);
    if (!time_is_up) co_return;
  }
}

}  // namespace skill_verifier::app
