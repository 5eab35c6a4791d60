#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "skill_verifier/core/async.hpp"

namespace skill_verifier::app {

/// Tells systemd how we are, after sd_notify(3): one datagram of `KEY=value` lines to $NOTIFY_SOCKET. Without one every
/// call does nothing. A manager that does not take a message is no reason for us to stop: failures are logged once and
/// left at that.
class ServiceManager {
 public:
  using Lookup = const char* (*)(const char*);
  /// Reads NOTIFY_SOCKET (a path, or `@name` for an abstract one), WATCHDOG_USEC and WATCHDOG_PID; `lookup` is getenv.
  explicit ServiceManager(Lookup lookup);

  void ready(std::string_view status);
  /// Before configuration is read again; `ready` ends it.
  void reloading();
  void stopping();

  /// Sends WATCHDOG=1 at half of the interval that the manager asked for, until it is cancelled. It runs where every
  /// request does: a loop that stands still is one that the manager ends. Returns at once where no watchdog was asked
  /// for.
  core::awaitable<void> keep_alive();
  std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

 private:
  void send(const std::string& message);

  std::string socket_;
  std::optional<std::chrono::microseconds> watchdog_;
  bool failed_ = false;
};

}  // namespace skill_verifier::app
