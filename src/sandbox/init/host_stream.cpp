#include "sandbox/init/host_stream.hpp"

#include <poll.h>

namespace skill_verifier::sandbox::guest {
namespace {

constexpr std::size_t kReadBuffer = 64u << 10;
/// The longest output frame, and what may still wait before it.
constexpr std::size_t kOutbox = std::size_t{2} * init::kOutputFrame;
/// Above every number that a child gives its own descriptors.
constexpr int kLowestPrivateFd = 10;
constexpr int kHostPatienceMs = 30'000;
constexpr std::uint64_t kDrainUs = 10'000'000;

Fd move_away(int fd) {
  return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, kLowestPrivateFd));
}

}  // namespace

HostStream::HostStream() : buffer_(kReadBuffer), outbox_(kOutbox, '\0') {
  outbox_.clear();
}

Status HostStream::take_over() {
  in_ = move_away(STDIN_FILENO);
  out_ = move_away(STDOUT_FILENO);
  if (!in_ || !out_) return errno_fault("internal", "take over the attached stream", errno);
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return errno_fault("internal", "open /dev/null", errno);
  if (::dup2(null.get(), STDIN_FILENO) < 0 || ::dup2(null.get(), STDOUT_FILENO) < 0) {
    return errno_fault("internal", "let go of standard input and output", errno);
  }
  // A write must never block: while the host is busy, the command's time runs and its output wants to be read.
  if (::fcntl(out_.get(), F_SETFL, O_NONBLOCK) != 0)
    return errno_fault("internal", "make the stream unblocking", errno);
  return {};
}

bool HostStream::fill() {
  if (!unread_.empty()) return true;
  const auto count = retry([&] { return ::read(in_.get(), buffer_.data(), buffer_.size()); });
  if (count < 0) return errno == EAGAIN;
  unread_ = {buffer_.data(), static_cast<std::size_t>(count)};
  return count > 0;
}

bool HostStream::wait_and_fill() {
  pollfd fds[] = {{in_.get(), POLLIN, 0}, {out_.get(), 0, 0}};
  if (retry([&] { return ::poll(fds, 2, -1); }) < 0) return false;
  if ((fds[1].revents & (POLLERR | POLLNVAL)) != 0) return false;
  return fill();
}

void HostStream::queue(init::InitFrame type, std::uint8_t index, std::string_view payload) {
  append_frame(outbox_, type, index, payload);
}

void HostStream::queue_header(init::InitFrame type, std::uint8_t index, std::size_t payload_size) {
  append_header(outbox_, type, index, payload_size);
}

bool HostStream::flush_some() {
  while (pending()) {
    const auto count = retry([&] { return ::write(out_.get(), outbox_.data() + sent_, outbox_.size() - sent_); });
    if (count < 0) return errno == EAGAIN;
    sent_ += static_cast<std::size_t>(count);
  }
  outbox_.clear();
  sent_ = 0;
  return true;
}

bool HostStream::flush() {
  while (true) {
    if (!flush_some()) return false;
    if (!pending()) return true;
    // POLLHUP of the input comes without being asked for: the host hung up and will not read either.
    pollfd fds[] = {{out_.get(), POLLOUT, 0}, {in_.get(), 0, 0}};
    if (retry([&] { return ::poll(fds, 2, kHostPatienceMs); }) <= 0) return false;
    if ((fds[0].revents & (POLLERR | POLLNVAL)) != 0 || fds[1].revents != 0) return false;
  }
}

void HostStream::drain() {
  const auto deadline = monotonic_us() + kDrainUs;
  for (auto now = monotonic_us(); now < deadline; now = monotonic_us()) {
    pollfd ready{in_.get(), POLLIN, 0};
    const int wait = static_cast<int>((deadline - now) / 1000 + 1);
    if (retry([&] { return ::poll(&ready, 1, wait); }) <= 0) return;
    unread_ = {};
    if (!fill()) return;
  }
}

}  // namespace skill_verifier::sandbox::guest
