#pragma once

#include <string>
#include <string_view>

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
  /// Nothing follows.
  void close();

  const std::string& text() const { return text_; }
  bool closed() const { return closed_; }
  /// Waits until there is text beyond `offset`, the log is closed, `limit` has passed or the coroutine is cancelled.
  core::awaitable<void> wait_beyond(std::size_t offset, core::Duration limit);

 private:
  void start_line();

  std::string text_;
  bool full_ = false;
  bool closed_ = false;
  core::Event grown_;
};

}  // namespace skill_verifier::service
