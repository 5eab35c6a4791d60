#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sandbox/init/posix.hpp"
#include "sandbox/init/wire.hpp"

namespace skill_verifier::sandbox::guest {

/// The attached stream to the host: frames in, frames out.
class HostStream {
 public:
  HostStream();

  /// Takes descriptors 0 and 1 away from where a child could inherit them and puts /dev/null there.
  Status take_over();

  int input() const { return in_.get(); }
  int output() const { return out_.get(); }

  /// The next event among the bytes that were read.
  FrameParser::Event next() { return parser_.next(unread_); }
  const FrameParser& frame() const { return parser_; }
  /// Whether bytes that were read wait for next().
  bool unread() const { return !unread_.empty(); }
  /// Reads once, unless such bytes are left. False at the end of the stream.
  bool fill();
  /// Waits until something can be read, then fills. False when the host is gone.
  bool wait_and_fill();

  void queue(init::InitFrame type, std::uint8_t index, std::string_view payload);
  /// The beginning of a frame whose payload follows by queue_part.
  void queue_header(init::InitFrame type, std::uint8_t index, std::size_t payload_size);
  void queue_part(std::string_view part) { outbox_ += part; }
  bool pending() const { return sent_ < outbox_.size(); }
  /// Writes what the stream takes now. False when the host is gone.
  bool flush_some();
  /// Writes everything. False when the host is gone or takes nothing for half a minute.
  bool flush();
  /// Reads and forgets everything until the host hangs up, for ten seconds at most.
  void drain();

 private:
  Fd in_;
  Fd out_;
  std::vector<char> buffer_;
  std::string_view unread_;
  FrameParser parser_;
  std::string outbox_;  ///< has its memory from the beginning: a sandbox that is full later does not matter
  std::size_t sent_ = 0;
};

}  // namespace skill_verifier::sandbox::guest
