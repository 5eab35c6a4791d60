#include "sandbox/init/wire.hpp"

#include <algorithm>
#include <cstring>

namespace skill_verifier::sandbox::guest {
namespace {

using init::HostFrame;

constexpr std::size_t kHeader = 8;

/// Reads big-endian fields; once something is missing, everything reads as zero and complete() is false.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t integer(std::size_t size) {
    std::uint64_t value = 0;
    for (const char byte : take(size))
      value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(integer(4)); }
  std::uint64_t u64() { return integer(8); }
  std::string_view text() { return take(u32()); }
  std::size_t left() const { return rest_.size(); }
  bool ok() const { return ok_; }
  bool complete() const { return ok_ && rest_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken(rest_.data(), size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool ok_ = true;
};

Fault protocol(const char* message) {
  return {"protocol", message};
}

/// False when the count cannot be true or a text has a NUL, which execve would cut.
bool read_texts(Cursor& cursor, std::vector<std::string>& texts) {
  const auto count = cursor.u32();
  if (count > cursor.left() / 4) return false;  // each takes four bytes at least: no allocation beyond the payload
  texts.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto text = cursor.text();
    if (text.find('\0') != std::string_view::npos) return false;
    texts.emplace_back(text);
  }
  return cursor.ok();
}

bool known(std::uint8_t type) {
  return type >= static_cast<std::uint8_t>(HostFrame::hello) &&
         type <= static_cast<std::uint8_t>(HostFrame::run_watched);
}

}  // namespace

Fault errno_fault(const char* code, std::string_view what, int error) {
  std::string message(what);
  message += ": ";
  message += std::strerror(error);
  return {code, std::move(message)};
}

std::string printable(std::string_view text) {
  constexpr std::size_t kLimit = 200;
  std::string result(text.data(), std::min(text.size(), kLimit));
  for (char& byte : result) {
    if (byte < ' ' || byte > '~') byte = '?';
  }
  if (text.size() > kLimit) result += "...";
  return result;
}

Payload& Payload::u8(std::uint8_t value) {
  bytes_ += static_cast<char>(value);
  return *this;
}

Payload& Payload::u32(std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes_ += static_cast<char>(value >> shift & 0xff);
  return *this;
}

Payload& Payload::u64(std::uint64_t value) {
  return u32(static_cast<std::uint32_t>(value >> 32)).u32(static_cast<std::uint32_t>(value));
}

Payload& Payload::text(std::string_view value) {
  u32(static_cast<std::uint32_t>(value.size()));
  bytes_ += value;
  return *this;
}

void append_header(std::string& to, init::InitFrame type, std::uint8_t index, std::size_t payload_size) {
  Payload header;
  header.u8(static_cast<std::uint8_t>(type)).u8(index).u8(0).u8(0).u32(static_cast<std::uint32_t>(payload_size));
  to += header.bytes();
}

void append_frame(std::string& to, init::InitFrame type, std::uint8_t index, std::string_view payload) {
  append_header(to, type, index, payload.size());
  to += payload;
}

Status parse_hello(std::string_view payload, Hello& hello) {
  Cursor cursor(payload);
  const auto version = cursor.u32();
  hello.uid = cursor.u32();
  hello.gid = cursor.u32();
  const auto mode = cursor.u8();
  if (!cursor.complete()) return protocol("hello has a wrong length");
  if (version != init::kProtocolVersion) return protocol("hello asks for another protocol version");
  if (mode > 1) return protocol("hello asks for an unknown mode");
  hello.prepare = mode == 1;
  if (hello.prepare) hello.uid = hello.gid = 0;
  constexpr auto kNoId = ~std::uint32_t{0};  // to setresuid it means "leave as it is"
  const bool usable = hello.uid != 0 && hello.gid != 0 && hello.uid != kNoId && hello.gid != kNoId;
  if (!hello.prepare && !usable) return protocol("a test may not run as root");
  return {};
}

Status parse_run(std::string_view payload, RunRequest& run) {
  Cursor cursor(payload);
  run.timeout_ms = cursor.u32();
  run.kept = cursor.u64();
  if (!read_texts(cursor, run.argv)) return protocol("malformed arguments in run");
  if (!read_texts(cursor, run.env)) return protocol("malformed environment in run");
  if (!cursor.complete()) return protocol("run has a wrong length");
  if (run.timeout_ms == 0) return protocol("run has no time-out");
  if (run.kept > init::kMaxKept) return protocol("run asks to keep more output than the protocol can carry");
  if (run.argv.empty() || run.argv.front().empty()) return protocol("run has no command");
  for (const auto& entry : run.env) {
    const auto equals = entry.find('=');
    if (equals == 0 || equals == std::string::npos) return protocol("an environment entry has no name");
  }
  return {};
}

bool FrameParser::refuse(const char* why) {
  error_ = why;
  return false;
}

bool FrameParser::begin() {
  Cursor cursor(header_);
  const auto type = cursor.u8();
  index_ = cursor.u8();
  const auto zero = cursor.u16();
  left_ = cursor.u32();
  if (!known(type)) return refuse("unknown frame type");
  if (zero != 0) return refuse("reserved bytes of a frame header are not zero");
  if (left_ > init::kMaxFrame) return refuse("frame is too long");
  type_ = static_cast<HostFrame>(type);
  if (index_ != 0 && type_ != HostFrame::run && type_ != HostFrame::run_watched)
    return refuse("frame that is not about a command has an index");
  inside_ = true;
  header_.clear();
  payload_.clear();
  return true;
}

FrameParser::Event FrameParser::next(std::string_view& input) {
  if (error_ != nullptr) return Event::invalid;
  if (!inside_) {
    const auto count = std::min(kHeader - header_.size(), input.size());
    header_.append(input.data(), count);
    input.remove_prefix(count);
    if (header_.size() < kHeader) return Event::need_more;
    if (!begin()) return Event::invalid;
  }
  const auto count = std::min<std::size_t>(left_, input.size());
  const std::string_view bytes(input.data(), count);
  input.remove_prefix(count);
  left_ -= static_cast<std::uint32_t>(count);
  inside_ = left_ > 0;
  if (type_ == HostFrame::pack_data) {
    if (count == 0 && inside_) return Event::need_more;
    piece_ = bytes;
    return Event::piece;
  }
  payload_ += bytes;
  return inside_ ? Event::need_more : Event::frame;
}

}  // namespace skill_verifier::sandbox::guest
