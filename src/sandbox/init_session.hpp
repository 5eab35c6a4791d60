#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/engine.hpp"
#include "sandbox/init_frames.hpp"
#include "sandbox/outcome.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::sandbox {

/// One of several commands for the same container.
struct SeriesCommand {
  std::vector<std::string> argv;
  std::vector<std::string> env;  ///< complete, `K=V`
  std::chrono::milliseconds timeout{30'000};
  std::uint64_t kept_bytes = 64u << 10;
  bool watch = false;
};

/// What is to be said to one init, from `ready` to the end.
struct Conversation {
  init::Mode mode = init::Mode::test;
  bool use_prepared = false;
  std::filesystem::path pack;  ///< not read with use_prepared
  std::vector<std::string> argv;
  std::vector<std::string> env;  ///< complete, `K=V`
  std::chrono::milliseconds timeout{30'000};
  std::uint64_t kept_bytes = 1u << 20;
  core::Duration unpack_limit = std::chrono::seconds(60);
  core::Duration grace = std::chrono::milliseconds(700);  ///< on top of `timeout`, for init's report to begin
  core::Duration late = std::chrono::milliseconds(250);   ///< on top of `grace`, while a report is arriving
  core::Duration finish_limit = std::chrono::seconds(30);
  OutputSink sink;  ///< may be empty
  /// When there are any, they are run instead of argv, each with the limits of its own, in this order.
  std::vector<SeriesCommand> series;
  core::Duration series_limit = std::chrono::seconds(60);  ///< none of them begins that might end after it
};

/// What was seen of a series. `stopped` says why there are fewer observations than commands.
struct Series {
  std::vector<Observation> seen;
  std::string stopped;
};

/// One conversation with the init of one container over its attached stream, in three steps: `greet`, `talk`, `end`.
/// From the first to the last the stream is read without a break (an engine that cannot deliver output cannot even
/// kill), however long the session waits for its job or for its removal. One command a conversation, or one series.
class InitSession {
 public:
  InitSession(core::asio::any_io_executor executor, core::WorkPool& pool, std::unique_ptr<net::Stream> stream);
  InitSession(const InitSession&) = delete;
  InitSession& operator=(const InitSession&) = delete;

  /// Begins to read and waits for init's first word. Once it was called, `end` must be awaited before the session is
  /// destroyed. Errors: unavailable `sandbox_lost`, cancelled.
  awaitable<Result<void>> greet(core::Duration limit);
  /// What init said in its greeting.
  const init::Confinement& confinement() const { return confinement_; }
  /// Whether init has greeted, was given nothing yet, and its stream is open.
  bool waiting() const { return phase_ == Phase::idle && !given_ && !failure_ && !over_; }
  /// Called when nothing more can be read. At most one; from the reading coroutine, so it only takes note.
  void on_over(std::function<void()> note) { note_over_ = std::move(note); }

  /// Called once, after `greet`. Gives what was seen of the command; an init that vanished or missed the deadline after
  /// the command was sent is part of that, not an error. When it returns the stream is closed, unless a tested command
  /// has ended by itself: then init waits for `end`, and nothing of the command is left. Errors: unavailable
  /// `sandbox_lost` (protocol broken, or gone before the command was sent), rejected `package_refused`, too_large
  /// `command_too_large`, cancelled, internal `pack_unreadable`.
  awaitable<Result<Observation>> talk(Conversation conversation);
  /// The same with Conversation::series; the stream is closed when it returns. A series that ends early is a result.
  awaitable<Result<Series>> talk_series(Conversation conversation);
  /// Whether init may have begun the command: an error before that says nothing about the job.
  bool command_sent() const { return command_sent_; }

  /// Hangs up: init kills what is left and exits. Returns when nothing reads any more, also when cancelled. Harmless
  /// when repeated.
  awaitable<void> end();

  /// Ends the conversation from another coroutine: `talk` fails with `reason`.
  void abort(Error reason);

  /// What init wrote to its standard error, shortened: for our log only.
  std::string diagnostics() const;

 private:
  enum class Phase { starting, unpacking, idle, running, reported, finishing, done };

  awaitable<void> pump();
  awaitable<void> pump_ended();
  awaitable<Result<void>> say_everything(Conversation conversation);
  awaitable<Result<void>> say_package(const Conversation& conversation);
  awaitable<Result<void>> run_series(Conversation conversation);
  awaitable<Result<void>> deliver_package(std::filesystem::path pack, core::Duration limit);
  awaitable<Result<void>> announce_prepared(core::Duration limit);
  awaitable<Result<void>> run_command(Conversation conversation);
  awaitable<Result<void>> await_report(core::Duration limit, core::Duration late);
  awaitable<Result<void>> finish(core::Duration limit);

  awaitable<Result<void>> write(Bytes frame, core::Duration limit);
  /// Waits until `phase` was reached, or the session failed or ended.
  awaitable<Result<void>> until(Phase phase, core::Duration limit, std::string what);
  bool arriving() const;
  Error reason_for_end(std::string_view what) const;

  Result<void> take(ByteView bytes);
  Result<void> take_messages();
  Result<void> on_message(init::Message message);
  Result<void> on(init::Ready ready);
  Result<void> on(const init::Unpacked& unpacked);
  Result<void> on(const init::Started& started);
  Result<void> on(const init::OutputBytes& output);
  Result<void> on(init::Exit exit);
  Result<void> on(const init::Fault& fault);
  Result<void> on(const init::Done& done);
  Result<void> on(init::Seen seen);
  Result<void> expect(bool legal, std::string_view frame) const;
  Result<void> settle(StreamId stream, std::uint64_t total, std::string& tail);
  Result<void> keep(StreamId stream, std::string_view bytes);

  core::WorkPool& pool_;
  std::unique_ptr<net::Stream> stream_;
  OutputSink sink_;
  core::Event changed_;
  StdStreams std_streams_;
  init::MessageReader reader_;
  std::string diagnostics_;
  Phase phase_ = Phase::starting;
  std::uint64_t kept_bytes_ = 0;
  init::Confinement confinement_;
  Observation seen_;
  Series series_;
  std::uint8_t command_ = 0;  ///< number of the one that runs
  std::optional<Error> failure_;
  bool given_ = false;         ///< `talk` has begun
  bool command_sent_ = false;  ///< at least in part
  bool over_ = false;          ///< nothing more will be read
  std::function<void()> note_over_;
  core::TaskGroup reading_;
  std::chrono::steady_clock::time_point last_read_{};
};

}  // namespace skill_verifier::sandbox
