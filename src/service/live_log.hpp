#pragma once

#include <string>
#include <string_view>

#include "service/journal.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"

namespace skill_verifier::service {

/// The log of one job while it is not final: grows up to a limit, wakes those who read along. One thread.
class LiveLog {
 public:
  explicit LiveLog(core::asio::any_io_executor executor) : grown_(std::move(executor)) {}

  /// Bytes of the skill, as they are.
  void write(std::string_view bytes);
  /// `== text` on a line of its own.
  void heading(std::string_view text);
  /// A line of ours without mark, e.g. progress of a pull.
  void line(std::string_view text);
  /// What the live stream of a command lacked: the kept tail of a stream that was cut.
  void write_tail(std::string_view stream, const sandbox::Output& output);
  /// Ends a line that was begun.
  void start_line();
  /// The job changes its state here.
  void mark(store::JobState state, int attempt, core::Time at);
  /// Nothing follows.
  void close();

  const std::string& text() const { return text_; }
  const Journal& journal() const { return journal_; }
  bool closed() const { return closed_; }
  /// As soon as anything is added; false when `limit` has passed or the coroutine was cancelled.
  core::awaitable<bool> grown(core::Duration limit) { return grown_.wait(limit); }
  /// Waits until there is text beyond `offset`, the log is closed, `limit` has passed or the coroutine is cancelled.
  core::awaitable<void> wait_beyond(std::size_t offset, core::Duration limit);

 private:
  std::string text_;
  Journal journal_;
  bool full_ = false;
  bool closed_ = false;
  core::Event grown_;
};

}  // namespace skill_verifier::service
