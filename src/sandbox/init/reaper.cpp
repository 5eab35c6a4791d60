#include "sandbox/init/reaper.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <csignal>

namespace skill_verifier::sandbox::guest {
namespace {

constexpr std::uint64_t kPatienceUs = 10'000'000;
constexpr int kAgainMs = 10;

}  // namespace

Status Reaper::start() {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  signals_ = Fd(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return errno_fault("internal", "wait for processes", errno);
  return {};
}

void Reaper::watch(pid_t main) {
  main_ = main;
  main_status_.reset();
}

bool Reaper::collect() {
  // Before waitpid: a signal that comes later stands for a process that the loop may have missed.
  signalfd_siginfo ignored[4];
  while (::read(signals_.get(), ignored, sizeof ignored) > 0) {
  }
  while (true) {
    int status = 0;
    const pid_t pid = retry([&] { return ::waitpid(-1, &status, WNOHANG); });
    if (pid <= 0) return pid == 0;
    if (pid == main_) main_status_ = status;
  }
}

bool Reaper::kill_all(const Identity& identity) {
  const auto deadline = monotonic_us() + kPatienceUs;
  while (true) {
    {
      // One call reaches every process at once: a fork that runs meanwhile fails, so not even a fork bomb outruns it,
      // and init needs no process of its own where the limit of processes is used up.
      const AsJob job(identity);
      ::kill(-1, SIGKILL);
    }
    if (!collect()) return true;
    if (monotonic_us() >= deadline) return false;
    pollfd ended{signals_.get(), POLLIN, 0};
    ::poll(&ended, 1, kAgainMs);
  }
}

}  // namespace skill_verifier::sandbox::guest
