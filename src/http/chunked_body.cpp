#include "http/chunked_body.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "http/request_check.hpp"

namespace skill_verifier::http {
namespace {

Error malformed(std::string_view what) {
  return Error(Errc::invalid_argument, "body_malformed", fmt::format("malformed chunked encoding: {}", what),
               "send it with a Content-Length");
}

bool is_text(char byte) {
  const auto value = static_cast<unsigned char>(byte);
  return byte == '\t' || (value >= 0x20 && value != 0x7f);
}

}  // namespace

Result<std::size_t> ChunkedBody::take(std::string_view& input, std::span<char> space) {
  std::size_t count = 0;
  while (!input.empty() && !done()) {
    if (state_ != State::data) {
      SKILL_VERIFIER_TRY_VOID(step(input.front()));
      input.remove_prefix(1);
      continue;
    }
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>({chunk_, input.size(), space.size() - count}));
    if (size == 0) break;
    input.copy(space.data() + count, size);
    input.remove_prefix(size);
    count += size;
    chunk_ -= size;
    if (chunk_ == 0) state_ = State::data_end;
  }
  return count;
}

Result<void> ChunkedBody::step(char byte) {
  switch (state_) {
    case State::size:
      return on_size(byte);
    case State::extension:
      return on_extension(byte);
    case State::size_end:
      SKILL_VERIFIER_TRY_VOID(expect(byte, '\n', State::data));
      return end_of_size();
    case State::data_end:
      return expect(byte, '\r', State::data_line_feed);
    case State::data_line_feed:
      return expect(byte, '\n', State::size);
    case State::last_line_feed:
      return expect(byte, '\n', State::done);
    case State::trailer:
    case State::trailer_name:
    case State::trailer_value:
    case State::trailer_end:
      return on_trailer(byte);
    case State::data:
    case State::done:
      break;  // not framing
  }
  return {};
}

Result<void> ChunkedBody::on_size(char byte) {
  std::uint8_t value = 0;
  if (std::from_chars(&byte, &byte + 1, value, 16).ec == std::errc()) {
    if (++digits_ > kMaxSizeDigits)
      return malformed(fmt::format("a chunk size of more than {} digits", kMaxSizeDigits));
    chunk_ = chunk_ << 4 | value;
    return {};
  }
  if (digits_ == 0) return malformed("a chunk without a size");
  if (byte == ';') {
    state_ = State::extension;
    return {};
  }
  if (byte != '\r') return malformed("a chunk size is hexadecimal digits, then ';' or CR LF");
  state_ = State::size_end;
  return {};
}

Result<void> ChunkedBody::on_extension(char byte) {
  if (byte == '\r') {
    // To some readers a quoted string goes on over the line's end.
    if (quoted_) return malformed("an open quote in a chunk extension");
    return expect(byte, '\r', State::size_end);
  }
  if (!is_text(byte)) return malformed("a control character in a chunk extension");
  if (++extensions_ > kMaxExtensions)
    return malformed(fmt::format("chunk extensions of more than {} bytes", kMaxExtensions));
  if (byte == '"' && !escaped_) quoted_ = !quoted_;
  escaped_ = quoted_ && byte == '\\' && !escaped_;
  return {};
}

Result<void> ChunkedBody::end_of_size() {
  digits_ = 0;
  if (chunk_ > left_)
    return Error(Errc::too_large, "body_too_large", fmt::format("the body is longer than {} bytes", limit_));
  left_ -= chunk_;
  if (chunk_ == 0) state_ = State::trailer;
  return {};
}

Result<void> ChunkedBody::on_trailer(char byte) {
  if (++trailers_ > kMaxTrailers) return malformed(fmt::format("trailers of more than {} bytes", kMaxTrailers));
  if (state_ == State::trailer_end) return expect(byte, '\n', State::trailer);
  if (state_ == State::trailer_value) {
    if (byte == '\r') return expect(byte, '\r', State::trailer_end);
    return is_text(byte) ? Result<void>() : malformed("a control character in a trailer");
  }
  if (state_ == State::trailer && byte == '\r') return expect(byte, '\r', State::last_line_feed);
  const bool named = state_ == State::trailer_name;
  state_ = named && byte == ':' ? State::trailer_value : State::trailer_name;
  if (state_ == State::trailer_value || is_token(std::string_view(&byte, 1))) return {};
  return malformed("a trailer is a name, ':' and a value");
}

Result<void> ChunkedBody::expect(char byte, char wanted, State next) {
  if (byte != wanted) return malformed(wanted == '\n' ? "a CR without LF" : "a chunk is longer than its size");
  state_ = next;
  return {};
}

}  // namespace skill_verifier::http
