#include "sandbox/init_frames.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace skill_verifier::sandbox::init {
namespace {

constexpr std::size_t kHeader = 8;

template <class Integer>
void put(Bytes& bytes, Integer value) {
  for (int shift = static_cast<int>(sizeof(Integer)) * 8 - 8; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

void put_text(Bytes& bytes, std::string_view text) {
  put(bytes, static_cast<std::uint32_t>(text.size()));
  bytes.insert(bytes.end(), text.begin(), text.end());
}

Bytes begin_frame(HostFrame type, std::uint8_t index, std::size_t payload) {
  Bytes bytes;
  bytes.reserve(kHeader + payload);
  put(bytes, static_cast<std::uint8_t>(type));
  put(bytes, index);
  put(bytes, std::uint16_t{0});
  put(bytes, static_cast<std::uint32_t>(payload));
  return bytes;
}

/// Reads big-endian fields off the front; once something is missing every later read gives zero and `ok` is false.
class Fields {
 public:
  explicit Fields(ByteView bytes) : rest_(bytes) {}

  template <class Integer>
  Integer integer() {
    const auto bytes = take(sizeof(Integer));
    Integer value = 0;
    for (const auto byte : bytes)
      value = static_cast<Integer>((value << 8) | byte);
    return value;
  }
  std::string text() {
    const auto bytes = take(integer<std::uint32_t>());
    return std::string(core::as_text(bytes));
  }
  /// Whatever is left is of no interest.
  void skip() { rest_ = {}; }
  bool complete() const { return ok_ && rest_.empty(); }

 private:
  ByteView take(std::size_t count) {
    if (!ok_ || count > rest_.size()) {
      ok_ = false;
      return {};
    }
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  ByteView rest_;
  bool ok_ = true;
};

Error broken(std::string message) {
  return Error{Errc::unavailable, "sandbox_lost", "the sandbox's init broke the protocol: " + std::move(message)};
}

/// Another version's fields would be read as ours: only the number counts then.
Ready read_ready(Fields& fields) {
  Ready ready{fields.integer<std::uint32_t>(), {}};
  if (ready.version != kProtocolVersion) {
    fields.skip();
    return ready;
  }
  auto& held = ready.confinement;
  held.capabilities = fields.integer<std::uint64_t>();
  held.bits = fields.integer<std::uint8_t>();
  held.open_files = fields.integer<std::uint64_t>();
  held.core_bytes = fields.integer<std::uint64_t>();
  held.file_bytes = fields.integer<std::uint64_t>();
  held.memory_bytes = fields.integer<std::uint64_t>();
  held.processes = fields.integer<std::uint64_t>();
  held.kernel = fields.text();
  return ready;
}

Exit read_exit(Fields& fields) {
  Exit exit;
  exit.reason = static_cast<ExitReason>(fields.integer<std::uint8_t>());
  exit.wait_status = static_cast<std::int32_t>(fields.integer<std::uint32_t>());
  exit.memory_killed = fields.integer<std::uint8_t>() != 0;
  const auto duration = fields.integer<std::uint64_t>();
  exit.duration = std::chrono::microseconds(
      static_cast<std::int64_t>(std::min<std::uint64_t>(duration, std::numeric_limits<std::int64_t>::max())));
  exit.peak_memory_bytes = fields.integer<std::uint64_t>();
  exit.out_total = fields.integer<std::uint64_t>();
  exit.err_total = fields.integer<std::uint64_t>();
  exit.out_tail = fields.text();
  exit.err_tail = fields.text();
  return exit;
}

Fault read_fault(Fields& fields) {
  Fault fault;
  fault.code = fields.text();
  fault.message = fields.text();
  return fault;
}

/// More sightings than allowed leave bytes unread, which the caller refuses.
Seen read_seen(Fields& fields) {
  Seen seen;
  auto& watched = seen.watched;
  const auto bits = fields.integer<std::uint8_t>();
  watched.calls = (bits & 1) != 0;
  watched.network = (bits & 2) != 0;
  watched.unroutable = fields.integer<std::uint64_t>();
  watched.unreadable = fields.integer<std::uint32_t>();
  watched.more = fields.integer<std::uint32_t>();
  const auto count = std::min(fields.integer<std::uint32_t>(), kMaxSightings);
  for (std::uint32_t i = 0; i < count; ++i) {
    Watched::Asked asked;
    asked.what = static_cast<Watched::What>(fields.integer<std::uint8_t>());
    asked.times = fields.integer<std::uint32_t>();
    asked.target = fields.text();
    watched.asked.push_back(std::move(asked));
  }
  return seen;
}

std::optional<StreamId> output_of(InitFrame type) {
  if (type == InitFrame::out) return StreamId::out;
  return type == InitFrame::err ? std::optional(StreamId::err) : std::nullopt;
}

/// Nothing for a type that init never sends.
std::optional<decltype(Message::body)> read_body(InitFrame type, Fields& fields) {
  switch (type) {
    case InitFrame::ready:
      return read_ready(fields);
    case InitFrame::unpacked: {
      const auto files = fields.integer<std::uint32_t>();
      return Unpacked{files, fields.integer<std::uint64_t>()};
    }
    case InitFrame::started:
      return Started{fields.integer<std::uint32_t>()};
    case InitFrame::out:
    case InitFrame::err:
      break;  // passed on as it comes
    case InitFrame::exit:
      return read_exit(fields);
    case InitFrame::fault:
      return read_fault(fields);
    case InitFrame::done:
      return Done{};
    case InitFrame::seen:
      return read_seen(fields);
  }
  return std::nullopt;
}

bool about_a_command(InitFrame type) {
  return type == InitFrame::started || type == InitFrame::out || type == InitFrame::err || type == InitFrame::exit ||
         type == InitFrame::seen;
}

bool known_values(const Message& message) {
  if (const auto* ready = std::get_if<Ready>(&message.body)) return ready->confinement.kernel.size() <= kMaxRelease;
  if (const auto* exit = std::get_if<Exit>(&message.body)) return exit->reason <= ExitReason::killed;
  const auto* seen = std::get_if<Seen>(&message.body);
  return seen == nullptr || std::ranges::all_of(seen->watched.asked, [](const Watched::Asked& asked) {
           return asked.what <= Watched::What::connect && asked.target.size() <= kMaxTarget;
         });
}

}  // namespace

Bytes encode_hello(Mode mode) {
  auto bytes = begin_frame(HostFrame::hello, 0, 13);
  put(bytes, kProtocolVersion);
  put(bytes, kJobUid);
  put(bytes, kJobGid);
  put(bytes, static_cast<std::uint8_t>(mode));
  return bytes;
}

Bytes encode_pack_data(ByteView data) {
  auto bytes = begin_frame(HostFrame::pack_data, 0, data.size());
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

Bytes encode_pack_end() {
  return begin_frame(HostFrame::pack_end, 0, 0);
}

Bytes encode_use_prepared() {
  return begin_frame(HostFrame::use_prepared, 0, 0);
}

Result<Bytes> encode_run(std::uint8_t index, const std::vector<std::string>& argv, const std::vector<std::string>& env,
                         std::chrono::milliseconds timeout, std::uint64_t kept_bytes, bool watched) {
  std::size_t payload = 4 + 8 + 4 + 4;
  for (const auto& text : argv)
    payload += 4 + text.size();
  for (const auto& text : env)
    payload += 4 + text.size();
  if (payload > kMaxFrame) {
    return Error{Errc::too_large, "command_too_large",
                 fmt::format("the command and its environment take {} bytes, the limit is {}", payload, kMaxFrame)};
  }
  const auto limit = std::clamp<std::int64_t>(timeout.count(), 0, std::numeric_limits<std::uint32_t>::max());
  auto bytes = begin_frame(watched ? HostFrame::run_watched : HostFrame::run, index, payload);
  put(bytes, static_cast<std::uint32_t>(limit));
  put(bytes, kept_bytes);
  put(bytes, static_cast<std::uint32_t>(argv.size()));
  for (const auto& text : argv)
    put_text(bytes, text);
  put(bytes, static_cast<std::uint32_t>(env.size()));
  for (const auto& text : env)
    put_text(bytes, text);
  return bytes;
}

Bytes encode_finish() {
  return begin_frame(HostFrame::finish, 0, 0);
}

/// The first `count` bytes that are not read yet, in one piece; empty when they are not all there.
ByteView MessageReader::gather(std::size_t count) {
  if (buffer_.empty() && rest_.size() >= count) return rest_.first(count);
  const auto missing = rest_.first(std::min(rest_.size(), count - std::min(count, buffer_.size())));
  buffer_.insert(buffer_.end(), missing.begin(), missing.end());
  rest_ = rest_.subspan(missing.size());
  return buffer_.size() >= count ? ByteView(buffer_) : ByteView();
}

/// What was gathered last.
void MessageReader::drop(std::size_t count) {
  if (buffer_.empty()) rest_ = rest_.subspan(count);
  buffer_.clear();
}

std::optional<Message> MessageReader::read_output() {
  if (rest_.empty()) return std::nullopt;
  const auto bytes = rest_.first(std::min(output_left_, rest_.size()));
  rest_ = rest_.subspan(bytes.size());
  output_left_ -= bytes.size();
  return Message{output_index_, OutputBytes{output_stream_, core::as_text(bytes)}};
}

Result<std::optional<Message>> MessageReader::next() {
  if (broken_) return broken("bytes after a refused frame");
  if (output_left_ > 0) return read_output();
  auto message = read_frame();
  // A refusal may not be followed by a second reading of the same bytes.
  broken_ = !message;
  return message;
}

Result<std::optional<Message>> MessageReader::read_frame() {
  const auto head = gather(kHeader);
  if (head.empty()) return std::optional<Message>{};
  Fields header(head.first(kHeader));
  const auto type = static_cast<InitFrame>(header.integer<std::uint8_t>());
  Message message;
  message.index = header.integer<std::uint8_t>();
  const auto zero = header.integer<std::uint16_t>();
  const auto length = header.integer<std::uint32_t>();
  if (zero != 0) return broken(fmt::format("reserved header bytes are {}, not 0", zero));
  if (length > kMaxFrame) return broken(fmt::format("a frame of {} bytes, the limit is {}", length, kMaxFrame));
  if (message.index != 0 && !about_a_command(type)) {
    return broken(fmt::format("frame type {} with index {}", static_cast<int>(type), message.index));
  }
  if (const auto stream = output_of(type)) {
    drop(kHeader);
    output_stream_ = *stream;
    output_index_ = message.index;
    output_left_ = length;
    message.body = OutputBytes{*stream, {}};
    return length == 0 ? std::optional<Message>(std::move(message)) : read_output();
  }
  const auto frame = gather(kHeader + length);
  if (frame.empty()) return std::optional<Message>{};
  Fields fields(frame.subspan(kHeader, length));
  auto body = read_body(type, fields);
  if (!body) return broken(fmt::format("unknown frame type {}", static_cast<int>(type)));
  message.body = std::move(*body);
  if (!fields.complete() || !known_values(message)) {
    return broken(fmt::format("malformed payload of frame type {} ({} bytes)", static_cast<int>(type), length));
  }
  drop(kHeader + length);
  return std::optional<Message>(std::move(message));
}

}  // namespace skill_verifier::sandbox::init
