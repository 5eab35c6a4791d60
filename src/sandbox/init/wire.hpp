#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/init_protocol.hpp"

/// The program skill-verifier-init. Everything here runs as PID 1 of a sandbox, has no library but libc and libstdc++'s
/// containers, and is built without exceptions: what cannot go on becomes a Fault, and a broken invariant ends PID 1,
/// which makes the kernel end everything in the sandbox.
namespace skill_verifier::sandbox::guest {

/// Why init cannot go on: the content of a fault frame. `code` is one of those in init_protocol.hpp.
struct Fault {
  const char* code;
  std::string message;
};
/// Nothing = fine.
using Status = std::optional<Fault>;

/// "`what`: <reason of errno>" with the given code.
Fault errno_fault(const char* code, std::string_view what, int error);
/// At most 200 bytes, bytes that are not printable ASCII replaced: for names from outside in messages.
std::string printable(std::string_view text);

/// Big-endian fields of a payload.
class Payload {
 public:
  Payload& u8(std::uint8_t value);
  Payload& u32(std::uint32_t value);
  Payload& u64(std::uint64_t value);
  Payload& text(std::string_view value);
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

void append_header(std::string& to, init::InitFrame type, std::uint8_t index, std::size_t payload_size);
void append_frame(std::string& to, init::InitFrame type, std::uint8_t index, std::string_view payload);

struct Hello {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool prepare = false;
};
/// Refuses another version, an unknown mode, and root as the tested user of a test.
Status parse_hello(std::string_view payload, Hello& hello);

struct RunRequest {
  std::uint32_t timeout_ms = 0;
  std::uint64_t kept = 0;
  std::vector<std::string> argv;
  std::vector<std::string> env;
};
/// Refuses a time-out of 0, more than kMaxKept, an empty command, a NUL in a text, and an entry without a name.
Status parse_run(std::string_view payload, RunRequest& run);

/// Cuts the host's bytes into frames. Pack data is handed on as it comes; the payload of any other frame is collected.
class FrameParser {
 public:
  enum class Event {
    need_more,  ///< the input is used up
    frame,      ///< type(), index() and payload() of a complete frame
    piece,      ///< piece(): bytes of a pack_data frame
    invalid,    ///< not a frame of this protocol; error() says why. Final
  };
  /// Takes bytes off the front of `input`. What payload() and piece() show is valid until the next call.
  Event next(std::string_view& input);

  init::HostFrame type() const { return type_; }
  std::uint8_t index() const { return index_; }
  std::string_view payload() const { return payload_; }
  std::string_view piece() const { return piece_; }
  const char* error() const { return error_; }

 private:
  bool begin();
  bool refuse(const char* why);

  std::string header_;
  std::string payload_;
  std::string_view piece_;
  init::HostFrame type_{};
  std::uint8_t index_ = 0;
  std::uint32_t left_ = 0;  ///< payload bytes still to come
  bool inside_ = false;     ///< the header is complete
  const char* error_ = nullptr;
};

}  // namespace skill_verifier::sandbox::guest
