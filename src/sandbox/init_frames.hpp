#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sandbox/init_protocol.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"

/// The host's side of init_protocol.hpp as pure functions: frames to init as bytes, bytes from init as messages.
namespace skill_verifier::sandbox::init {

enum class Mode : std::uint8_t { test = 0, prepare = 1 };

/// The user that every tested command runs as.
inline constexpr std::uint32_t kJobUid = 65534;
inline constexpr std::uint32_t kJobGid = 65534;

Bytes encode_hello(Mode mode);
/// At most kMaxFrame bytes.
Bytes encode_pack_data(ByteView bytes);
Bytes encode_pack_end();
Bytes encode_use_prepared();
/// `env` are `K=V` texts, the whole environment. Errors: too_large `command_too_large` when the frame would exceed
/// kMaxFrame.
Result<Bytes> encode_run(std::uint8_t index, const std::vector<std::string>& argv, const std::vector<std::string>& env,
                         std::chrono::milliseconds timeout, std::uint64_t kept_bytes, bool watched = false);
Bytes encode_finish();

/// What init found itself held by, as init_protocol.hpp has it.
struct Confinement {
  std::uint64_t capabilities = 0;
  std::uint8_t bits = 0;
  std::uint64_t open_files = 0;
  std::uint64_t core_bytes = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t processes = 0;
  std::string kernel;
};
struct Ready {
  std::uint32_t version = 0;
  Confinement confinement;
};
struct Unpacked {
  std::uint32_t files = 0;
  std::uint64_t bytes = 0;
};
struct Started {
  std::uint32_t pid = 0;
};
struct OutputBytes {
  StreamId stream = StreamId::out;
  std::string_view bytes;  ///< where they were fed
};
struct Exit {
  ExitReason reason = ExitReason::exited;
  std::int32_t wait_status = 0;
  bool memory_killed = false;
  std::chrono::microseconds duration{0};
  std::uint64_t peak_memory_bytes = 0;
  std::uint64_t out_total = 0;
  std::uint64_t err_total = 0;
  std::string out_tail;
  std::string err_tail;
};
struct Fault {
  std::string code;
  std::string message;
};
struct Done {};
struct Seen {
  Watched watched;
};

struct Message {
  std::uint8_t index = 0;
  std::variant<Ready, Unpacked, Started, OutputBytes, Exit, Fault, Done, Seen> body;
};

/// Turns the bytes of init's standard output into messages, however they are cut. What a command wrote is passed on as
/// it comes, uncopied; of other frames it holds one at most. Once it has refused something it refuses everything.
class MessageReader {
 public:
  /// After `next` gave nothing. `bytes` stay where they are until it does so again.
  void feed(ByteView bytes) { rest_ = bytes; }
  /// The next message; nothing when more bytes are needed. An output frame can become several. Errors: unavailable
  /// `sandbox_lost` naming what is wrong with the frame.
  Result<std::optional<Message>> next();
  /// True when bytes of an incomplete frame are left, or missing.
  bool partial() const { return !buffer_.empty() || !rest_.empty() || output_left_ > 0; }

 private:
  Result<std::optional<Message>> read_frame();
  std::optional<Message> read_output();
  ByteView gather(std::size_t count);
  void drop(std::size_t count);

  ByteView rest_;  ///< fed, and not read
  Bytes buffer_;   ///< the beginning of a frame that was cut
  std::size_t output_left_ = 0;
  StreamId output_stream_ = StreamId::out;
  std::uint8_t output_index_ = 0;
  bool broken_ = false;
};

}  // namespace skill_verifier::sandbox::init
