#include "sandbox/init/job.hpp"

#include <poll.h>

#include <algorithm>

namespace skill_verifier::sandbox::guest {
namespace {

using init::ExitReason;
using init::InitFrame;

constexpr std::size_t kReadBuffer = 64u << 10;
// The longest exit frame: reason, status, memory flag, four numbers, two tails.
static_assert(1 + 4 + 1 + 4 * 8 + 2 * (4 + init::kMaxKept / 2) <= init::kMaxFrame);

int remaining_ms(std::uint64_t deadline_us) {
  const auto now = monotonic_us();
  if (now >= deadline_us) return 0;
  // Rounded up, so that the wait does not end just before the deadline; in slices, because poll counts in int.
  return static_cast<int>(std::min<std::uint64_t>((deadline_us - now + 999) / 1000, 60'000));
}

}  // namespace

Job::Job(HostStream& host, Reaper& reaper, const Identity& identity, const InodeWatch& inodes, std::uint8_t index,
         const RunRequest& run, bool watched)
    : host_(host),
      reaper_(reaper),
      identity_(identity),
      inodes_(inodes),
      run_(run),
      index_(index),
      out_(static_cast<std::size_t>(run.kept)),
      err_(static_cast<std::size_t>(run.kept)),
      buffer_(kReadBuffer) {
  if (watched) watch_.emplace();
}

Status Job::supervise(bool& host_gone) {
  memory_before_ = read_memory_counters();
  begun_us_ = monotonic_us();
  if (watch_) {
    if (auto fault = watch_->open()) return fault;
  }
  if (auto fault = start_child(run_, identity_, watch_ ? watch_->child_channel() : -1, child_)) return fault;
  reaper_.watch(child_.pid);

  End end = wait();
  ended_us_ = monotonic_us();
  if (!reaper_.kill_all(identity_)) return Fault{"internal", "processes of the command do not die"};
  read_setup();
  if (fault_) return std::move(fault_);
  host_gone = end == End::host_gone;
  if (host_gone) return {};
  // What its processes made up to their end is this command's and not the next one's.
  if (has_too_many_files()) end = End::killed;
  // Every writer is dead: what is in the pipes is all there will be, and reading it does not block.
  while (read_pipe(child_.out, out_)) {
  }
  while (read_pipe(child_.err, err_)) {
  }
  err_.add(note_);
  host_gone = !report(end);
  return {};
}

Job::End Job::wait() {
  End end = End::none;
  while (end == End::none)
    end = wait_once();
  return end;
}

Job::End Job::wait_once() {
  if (!send_output()) return End::host_gone;
  // What came in one read with the run frame does not show in poll.
  if (host_.unread()) return read_host();
  const auto deadline = begun_us_ + std::uint64_t{run_.timeout_ms} * 1000;
  const short when_pending = host_.pending() ? POLLOUT : 0;
  enum : std::size_t { setup, ended, out, err, input, output, watch, count };
  pollfd fds[count] = {
      {child_.setup.get(), POLLIN, 0},         {reaper_.fd(), POLLIN, 0},  {child_.out.get(), POLLIN, 0},
      {child_.err.get(), POLLIN, 0},           {host_.input(), POLLIN, 0}, {host_.output(), when_pending, 0},
      {watch_ ? watch_->fd() : -1, POLLIN, 0},
  };
  const int left = remaining_ms(deadline);
  const int ready = ::poll(fds, count, inodes_.empty() ? left : std::min(left, InodeWatch::kPeriodMs));
  if (ready > 0 && fds[setup].revents != 0) read_setup();
  if (ready > 0 && fds[out].revents != 0) read_pipe(child_.out, out_);
  if (ready > 0 && fds[err].revents != 0) read_pipe(child_.err, err_);
  if (ready > 0 && fds[watch].revents != 0) watch_->answer(identity_, fds[watch].revents);
  if (ready > 0 && fds[ended].revents != 0) reaper_.collect();
  if (fault_) return End::exited;
  if (has_too_many_files()) return End::killed;
  if (reaper_.main_status()) return End::exited;
  if (monotonic_us() >= deadline) return End::timeout;
  if (ready > 0 && (fds[output].revents & (POLLERR | POLLNVAL)) != 0) return End::host_gone;
  if (ready > 0 && fds[input].revents != 0) return read_host();
  return End::none;
}

Job::End Job::read_host() {
  if (!host_.fill()) return End::host_gone;
  const auto event = host_.next();
  if (event == FrameParser::Event::need_more) return End::none;
  if (event == FrameParser::Event::frame && host_.frame().type() == init::HostFrame::kill) return End::killed;
  const bool invalid = event == FrameParser::Event::invalid;
  fault_ = Fault{"protocol", invalid ? host_.frame().error() : "only kill may come while a command runs"};
  return End::exited;
}

/// One frame at a time, so that the outbox stays small while the host is slow.
bool Job::send_output() {
  while (true) {
    if (!host_.flush_some()) return false;
    if (!started_ || host_.pending()) return true;
    const auto out = out_.next_piece();
    KeptOutput& stream = out.empty() ? err_ : out_;
    const auto piece = out.empty() ? err_.next_piece() : out;
    if (piece.empty()) return true;
    host_.queue(out.empty() ? InitFrame::err : InitFrame::out, index_, piece);
    stream.sent(piece.size());
  }
}

bool Job::has_too_many_files() {
  auto full = inodes_.exceeded();
  if (full) note_ = "skill-verifier-init: " + *full + "\n";
  return full.has_value();
}

/// True when there may be more.
bool Job::read_pipe(Fd& pipe, KeptOutput& output) {
  if (!pipe) return false;
  const auto count = retry([&] { return ::read(pipe.get(), buffer_.data(), buffer_.size()); });
  if (count > 0) output.add({buffer_.data(), static_cast<std::size_t>(count)});
  if (count == 0) pipe.reset();
  return count > 0;
}

void Job::read_setup() {
  if (!child_.setup) return;
  SetupFailure failure{};
  const auto count = retry([&] { return ::read(child_.setup.get(), &failure, sizeof failure); });
  if (count < 0) return;
  child_.setup.reset();
  if (count == sizeof failure) {
    fault_ = setup_fault(failure);
    return;
  }
  started_ = true;
  if (watch_) watch_->listen();
  host_.queue(InitFrame::started, index_, Payload().u32(static_cast<std::uint32_t>(child_.pid)).bytes());
}

bool Job::send_rest(KeptOutput& stream, InitFrame type) {
  stream.end();
  for (auto piece = stream.next_piece(); !piece.empty(); piece = stream.next_piece()) {
    host_.queue(type, index_, piece);
    stream.sent(piece.size());
    if (!host_.flush()) return false;
  }
  return true;
}

bool Job::send_tail(const KeptOutput& stream) {
  const auto tail = stream.tail();
  host_.queue_part(Payload().u32(static_cast<std::uint32_t>(tail[0].size() + tail[1].size())).bytes());
  for (auto part : tail) {
    while (!part.empty()) {
      const auto piece = part.substr(0, init::kOutputFrame);
      part.remove_prefix(piece.size());
      host_.queue_part(piece);
      if (!host_.flush()) return false;
    }
  }
  return true;
}

/// What is kept goes out in pieces, without a copy of it all: the sandbox may have no memory left, with files in a
/// tmpfs that nobody can kill.
bool Job::report(End end) {
  if (!host_.flush() || !send_rest(out_, InitFrame::out) || !send_rest(err_, InitFrame::err)) return false;
  if (watch_) host_.queue(InitFrame::seen, index_, watch_->report());
  const auto reason = end == End::timeout  ? ExitReason::timeout
                      : end == End::killed ? ExitReason::killed
                                           : ExitReason::exited;
  const auto memory = read_memory_counters();
  Payload payload;
  payload.u8(static_cast<std::uint8_t>(reason))
      .u32(static_cast<std::uint32_t>(reaper_.main_status().value_or(0)))
      .u8(memory.oom_kills > memory_before_.oom_kills ? 1 : 0)
      .u64(ended_us_ - begun_us_)
      .u64(memory.peak)
      .u64(out_.total())
      .u64(err_.total());
  std::size_t size = payload.bytes().size();
  for (const auto* stream : {&out_, &err_})
    size += sizeof(std::uint32_t) + stream->tail()[0].size() + stream->tail()[1].size();
  host_.queue_header(InitFrame::exit, index_, size);
  host_.queue_part(payload.bytes());
  return send_tail(out_) && send_tail(err_) && host_.flush();
}

}  // namespace skill_verifier::sandbox::guest
