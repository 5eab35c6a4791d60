#include "sandbox/init_session.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sandbox/file_chunks.hpp"
#include "sandbox/uninterrupted.hpp"

namespace skill_verifier::sandbox {
namespace {

using core::Duration;
using std::chrono::steady_clock;

constexpr std::size_t kReadBuffer = 64u << 10;
constexpr std::size_t kPackChunk = 256u << 10;
constexpr std::size_t kDiagnostics = 2048;
constexpr Duration kQuiet = std::chrono::milliseconds(50);  ///< after which a stream is not in the middle of anything
constexpr Duration kCommandWriteLimit = std::chrono::seconds(10);
/// Reads end with the session: by end of file, by close, or by cancellation.
constexpr Duration kNoLimit = std::chrono::hours(24 * 365);

Error lost(std::string message) {
  return Error{Errc::unavailable, "sandbox_lost", std::move(message)};
}

bool about_a_command(const init::Message& message) {
  const auto& body = message.body;
  return std::holds_alternative<init::Started>(body) || std::holds_alternative<init::OutputBytes>(body) ||
         std::holds_alternative<init::Exit>(body) || std::holds_alternative<init::Seen>(body);
}

Error cancelled_error() {
  return Error{Errc::cancelled, "cancelled", "the run was cancelled"};
}

}  // namespace

InitSession::InitSession(core::asio::any_io_executor executor, core::WorkPool& pool,
                         std::unique_ptr<net::Stream> stream)
    : pool_(pool), stream_(std::move(stream)), changed_(executor), reading_(executor) {}

awaitable<Result<void>> InitSession::greet(Duration limit) {
  reading_.spawn("read from a sandbox", pump());
  auto ready = until(Phase::idle, limit, "init's greeting");
  auto greeted = co_await std::move(ready);
  const bool cancelled = co_await core::cancelled();
  if (cancelled) co_return cancelled_error();
  co_return greeted;
}

awaitable<Result<Observation>> InitSession::talk(Conversation conversation) {
  given_ = true;
  kept_bytes_ = conversation.kept_bytes;
  sink_ = std::move(conversation.sink);
  const bool test = conversation.mode == init::Mode::test;
  auto saying = say_everything(std::move(conversation));
  const auto said = co_await std::move(saying);
  const bool cancelled = co_await core::cancelled();
  if (cancelled || !said || !seen_.exit || !test) co_await end();
  if (cancelled) co_return cancelled_error();
  if (!said) co_return said.error();
  co_return std::move(seen_);
}

awaitable<Result<Series>> InitSession::talk_series(Conversation conversation) {
  given_ = true;
  auto running = run_series(std::move(conversation));
  const auto ran = co_await std::move(running);
  const bool cancelled = co_await core::cancelled();
  co_await end();
  if (cancelled) co_return cancelled_error();
  if (!ran && series_.seen.empty()) co_return ran.error();
  if (!ran) series_.stopped = ran.error().message;
  co_return std::move(series_);
}

awaitable<void> InitSession::end() {
  stream_->close();
  if (reading_.size() > 0) co_await uninterrupted(pump_ended());
}

awaitable<void> InitSession::pump_ended() {
  co_await reading_.wait(kNoLimit);
}

void InitSession::abort(Error reason) {
  if (!failure_) failure_ = std::move(reason);
  stream_->close();
  changed_.notify_all();
}

std::string InitSession::diagnostics() const {
  return core::shorten(diagnostics_, 500);
}

awaitable<void> InitSession::pump() {
  co_await core::asio::this_coro::throw_if_cancelled(false);
  std::array<std::uint8_t, kReadBuffer> buffer;
  while (!failure_) {
    const auto count = co_await stream_->read_some(buffer, kNoLimit);
    if (!count || *count == 0) break;
    last_read_ = steady_clock::now();
    const auto taken = take(ByteView(buffer).first(*count));
    if (!taken) failure_ = taken.error();
    changed_.notify_all();
  }
  over_ = true;
  // A write that init no longer reads ends with the stream.
  stream_->close();
  changed_.notify_all();
  if (note_over_) note_over_();
}

awaitable<Result<void>> InitSession::say_package(const Conversation& conversation) {
  const auto begin = steady_clock::now();
  SKILL_VERIFIER_CO_TRY_VOID(co_await write(init::encode_hello(conversation.mode), conversation.unpack_limit));
  phase_ = Phase::unpacking;
  if (conversation.use_prepared) {
    SKILL_VERIFIER_CO_TRY_VOID(co_await announce_prepared(conversation.unpack_limit));
  } else {
    SKILL_VERIFIER_CO_TRY_VOID(co_await deliver_package(conversation.pack, conversation.unpack_limit));
  }
  seen_.unpacking = std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begin);
  co_return Result<void>{};
}

awaitable<Result<void>> InitSession::run_series(Conversation conversation) {
  const auto end = steady_clock::now() + conversation.series_limit;
  SKILL_VERIFIER_CO_TRY_VOID(co_await say_package(conversation));
  for (std::size_t i = 0; i < conversation.series.size(); ++i) {
    const auto& command = conversation.series[i];
    // One that is cut short by our limit instead of its own would look as if it hung.
    if (end - steady_clock::now() < command.timeout) {
      series_.stopped = "the time for all commands together was used up";
      break;
    }
    SKILL_VERIFIER_CO_TRY(auto frame, init::encode_run(static_cast<std::uint8_t>(i), command.argv, command.env,
                                                       command.timeout, command.kept_bytes, command.watch));
    seen_ = Observation{};
    kept_bytes_ = command.kept_bytes;
    command_ = static_cast<std::uint8_t>(i);
    phase_ = Phase::running;
    command_sent_ = true;
    SKILL_VERIFIER_CO_TRY_VOID(co_await write(std::move(frame), kCommandWriteLimit));
    SKILL_VERIFIER_CO_TRY_VOID(co_await await_report(command.timeout + conversation.grace, conversation.late));
    const bool too_many_files = seen_.exit->reason == init::ExitReason::killed;
    series_.seen.push_back(std::move(seen_));
    // The files stay: whatever came next would be ended for them.
    if (too_many_files) {
      series_.stopped = "an earlier command left more files than the sandbox may hold";
      break;
    }
  }
  co_return Result<void>{};
}

awaitable<Result<void>> InitSession::say_everything(Conversation conversation) {
  SKILL_VERIFIER_CO_TRY_VOID(co_await say_package(conversation));
  const auto mode = conversation.mode;
  const auto finish_limit = conversation.finish_limit;
  SKILL_VERIFIER_CO_TRY_VOID(co_await run_command(std::move(conversation)));
  // A test container is removed as it is; a prepared one must put its tree where the image keeps it.
  if (mode == init::Mode::prepare && seen_.exit) SKILL_VERIFIER_CO_TRY_VOID(co_await finish(finish_limit));
  co_return Result<void>{};
}

awaitable<Result<void>> InitSession::deliver_package(std::filesystem::path pack, Duration limit) {
  const auto end = steady_clock::now() + limit;
  FileChunks chunks(pool_, std::move(pack));
  while (true) {
    SKILL_VERIFIER_CO_TRY(const auto chunk, co_await chunks.next(kPackChunk));
    auto frame = chunk.empty() ? init::encode_pack_end() : init::encode_pack_data(chunk);
    SKILL_VERIFIER_CO_TRY_VOID(co_await write(std::move(frame), end - steady_clock::now()));
    if (chunk.empty()) break;
  }
  co_return co_await until(Phase::idle, end - steady_clock::now(), "unpacking the package");
}

awaitable<Result<void>> InitSession::announce_prepared(Duration limit) {
  const auto end = steady_clock::now() + limit;
  SKILL_VERIFIER_CO_TRY_VOID(co_await write(init::encode_use_prepared(), limit));
  co_return co_await until(Phase::idle, end - steady_clock::now(), "copying the prepared package");
}

awaitable<Result<void>> InitSession::run_command(Conversation conversation) {
  SKILL_VERIFIER_CO_TRY(auto frame, init::encode_run(0, conversation.argv, conversation.env, conversation.timeout,
                                                     conversation.kept_bytes));
  const auto begin = steady_clock::now();
  phase_ = Phase::running;
  command_sent_ = true;
  // From here on a silent or vanished init is an observation: the command may be what silenced it.
  const auto written = co_await write(std::move(frame), kCommandWriteLimit);
  if (!written && !over_) co_return written.error();
  const auto reported = co_await await_report(conversation.timeout + conversation.grace, conversation.late);
  seen_.waited = std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begin);
  if (reported) co_return Result<void>{};
  if (failure_) co_return *failure_;
  seen_.deadline_passed = !over_;
  co_return Result<void>{};
}

awaitable<Result<void>> InitSession::await_report(Duration limit, Duration late) {
  const auto begin = steady_clock::now();
  auto reported = co_await until(Phase::reported, limit, "the command");
  while (!reported && !failure_ && !over_ && arriving()) {
    const auto left = begin + limit + late - steady_clock::now();
    const bool stopped = co_await core::cancelled();
    if (stopped || left <= Duration::zero()) break;
    reported = co_await until(Phase::reported, std::min(left, kQuiet), "the command's report");
  }
  co_return reported;
}

awaitable<Result<void>> InitSession::finish(Duration limit) {
  phase_ = Phase::finishing;
  SKILL_VERIFIER_CO_TRY_VOID(co_await write(init::encode_finish(), kCommandWriteLimit));
  co_return co_await until(Phase::done, limit, "keeping the prepared package");
}

awaitable<Result<void>> InitSession::write(Bytes frame, Duration limit) {
  auto written = co_await stream_->write_all(frame, limit);
  if (written) co_return written;
  if (failure_) co_return *failure_;
  if (over_) co_return reason_for_end("the package was sent");
  co_return written.error();
}

awaitable<Result<void>> InitSession::until(Phase phase, Duration limit, std::string what) {
  const auto end = steady_clock::now() + limit;
  while (phase_ != phase && !failure_ && !over_) {
    const bool stopped = co_await core::cancelled();
    if (stopped) co_return cancelled_error();
    const auto left = end - steady_clock::now();
    if (left <= Duration::zero()) {
      co_return lost(fmt::format("{} took longer than {:g} s", what, std::chrono::duration<double>(limit).count()));
    }
    co_await changed_.wait(left);
  }
  if (phase_ == phase) co_return Result<void>{};
  if (failure_) co_return *failure_;
  co_return reason_for_end(what);
}

bool InitSession::arriving() const {
  if (!std_streams_.at_boundary() || reader_.partial()) return true;
  return steady_clock::now() - last_read_ < kQuiet;
}

Error InitSession::reason_for_end(std::string_view what) const {
  if (!std_streams_.at_boundary() || reader_.partial()) {
    return lost(fmt::format("the sandbox's stream was cut inside a frame, during: {}", what));
  }
  return lost(fmt::format("the sandbox ended during: {}", what));
}

Result<void> InitSession::take(ByteView bytes) {
  Result<void> taken;
  auto sink = [this, &taken](StdStreams::Source source, ByteView part) {
    if (source == StdStreams::Source::out) {
      if (!taken) return;
      reader_.feed(part);
      taken = take_messages();
      return;
    }
    const auto room = kDiagnostics - std::min(kDiagnostics, diagnostics_.size());
    diagnostics_ += core::as_text(part).substr(0, room);
  };
  const auto fed = std_streams_.feed(bytes, sink);
  if (!taken) return taken;
  if (!fed) return lost("the engine broke the attach protocol: " + fed.error().message);
  return {};
}

Result<void> InitSession::take_messages() {
  while (true) {
    SKILL_VERIFIER_TRY(auto message, reader_.next());
    if (!message) return {};
    const auto expected = about_a_command(*message) ? command_ : std::uint8_t{0};
    if (message->index != expected)
      return lost(fmt::format("init spoke of command {}, which does not run", message->index));
    SKILL_VERIFIER_TRY_VOID(on_message(std::move(*message)));
  }
}

Result<void> InitSession::on_message(init::Message message) {
  return std::visit([this](auto& body) { return on(std::move(body)); }, message.body);
}

Result<void> InitSession::on(init::Ready ready) {
  SKILL_VERIFIER_TRY_VOID(expect(phase_ == Phase::starting, "ready"));
  if (ready.version != init::kProtocolVersion) {
    return lost(fmt::format("init speaks protocol {}, we speak {}", ready.version, init::kProtocolVersion));
  }
  confinement_ = std::move(ready.confinement);
  phase_ = Phase::idle;
  return {};
}

Result<void> InitSession::on(const init::Unpacked&) {
  SKILL_VERIFIER_TRY_VOID(expect(phase_ == Phase::unpacking, "unpacked"));
  phase_ = Phase::idle;
  return {};
}

Result<void> InitSession::on(const init::Started&) {
  SKILL_VERIFIER_TRY_VOID(expect(phase_ == Phase::running && !seen_.started, "started"));
  seen_.started = true;
  return {};
}

Result<void> InitSession::on(const init::OutputBytes& output) {
  SKILL_VERIFIER_TRY_VOID(expect(phase_ == Phase::running && seen_.started, "output"));
  return keep(output.stream, output.bytes);
}

Result<void> InitSession::on(init::Exit exit) {
  SKILL_VERIFIER_TRY_VOID(expect(phase_ == Phase::running && seen_.started, "exit"));
  SKILL_VERIFIER_TRY_VOID(settle(StreamId::out, exit.out_total, exit.out_tail));
  SKILL_VERIFIER_TRY_VOID(settle(StreamId::err, exit.err_total, exit.err_tail));
  seen_.exit = std::move(exit);
  phase_ = Phase::reported;
  return {};
}

Result<void> InitSession::on(const init::Fault& fault) {
  return error_of(fault);
}

Result<void> InitSession::on(init::Seen seen) {
  SKILL_VERIFIER_TRY_VOID(expect(phase_ == Phase::running && seen_.started && !seen_.watched, "seen"));
  seen_.watched = std::move(seen.watched);
  return {};
}

Result<void> InitSession::on(const init::Done&) {
  SKILL_VERIFIER_TRY_VOID(expect(phase_ == Phase::finishing, "done"));
  phase_ = Phase::done;
  return {};
}

Result<void> InitSession::expect(bool legal, std::string_view frame) const {
  if (legal) return {};
  return lost(fmt::format("init sent {} out of turn (phase {})", frame, static_cast<int>(phase_)));
}

Result<void> InitSession::settle(StreamId stream, std::uint64_t total, std::string& tail) {
  const auto& head = stream == StreamId::out ? seen_.out_head : seen_.err_head;
  const auto known = head.size() + tail.size();
  if (known > total || known > kept_bytes_) {
    return lost(fmt::format("init kept {} bytes of a stream of {}, the limit is {}", known, total, kept_bytes_));
  }
  if (known < total) return {};
  // Nothing was cut: the tail is simply the rest of the head.
  const auto rest = std::exchange(tail, {});
  return keep(stream, rest);
}

Result<void> InitSession::keep(StreamId stream, std::string_view bytes) {
  if (bytes.empty()) return {};
  auto& head = stream == StreamId::out ? seen_.out_head : seen_.err_head;
  if (bytes.size() > kept_bytes_ - std::min<std::uint64_t>(kept_bytes_, head.size())) {
    return lost(fmt::format("init sent more than the {} bytes of a stream that it may keep", kept_bytes_));
  }
  head += bytes;
  if (sink_) sink_(stream, bytes);
  return {};
}

}  // namespace skill_verifier::sandbox
