#include "http/multipart.hpp"

#include <algorithm>

#include "http/header_value.hpp"
#include "http/request_check.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::http {
namespace {

constexpr std::size_t kMaxBoundary = 70;
constexpr std::size_t kMaxPadding = 32;

Error invalid(std::string message) {
  return Error(Errc::invalid_argument, "multipart_invalid", std::move(message));
}

MultipartEvent event(MultipartEvent::Kind kind) {
  MultipartEvent result;
  result.kind = kind;
  return result;
}

/// RFC 2046 §5.1.1.
bool is_boundary(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= kMaxBoundary && text.back() != ' ' &&
         std::all_of(text.begin(), text.end(), allowed);
}

Result<MultipartPart> parse_disposition(std::string_view text) {
  const auto value = parse_header_value(text);
  if (!value) return invalid("malformed Content-Disposition " + core::shorten(text));
  if (value->value != "form-data")
    return invalid("Content-Disposition is " + core::shorten(value->value) + ", not form-data");
  auto name = value->parameter("name");
  if (!name) return invalid("part without a name");
  return MultipartPart{std::move(*name), value->parameter("filename")};
}

Result<void> check_encoding(std::string_view text) {
  for (const std::string_view plain : {"binary", "8bit", "7bit"}) {
    if (equals_ignoring_case(text, plain)) return {};
  }
  return invalid("Content-Transfer-Encoding " + core::shorten(text) + " is not accepted, only binary is");
}

/// `text` is the header lines with the CRLF of each.
Result<MultipartPart> parse_part_header(std::string_view text) {
  std::optional<MultipartPart> part;
  while (!text.empty()) {
    const auto end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    const auto colon = line.find(':');
    const bool control = line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
    if (control || colon == std::string_view::npos || !is_token(line.substr(0, colon)))
      return invalid("malformed header line " + core::shorten(line) + " in a part");
    const std::string_view name = line.substr(0, colon);
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t'))
      value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t'))
      value.remove_suffix(1);
    if (equals_ignoring_case(name, "Content-Disposition")) {
      if (part) return invalid("part with two Content-Disposition headers");
      SKILL_VERIFIER_TRY(part, parse_disposition(value));
    } else if (equals_ignoring_case(name, "Content-Transfer-Encoding")) {
      if (auto checked = check_encoding(value); !checked) return checked.error();
    }
  }
  if (!part) return invalid("part without a Content-Disposition");
  return std::move(*part);
}

}  // namespace

Result<std::string> multipart_boundary(std::string_view content_type) {
  const auto value = parse_header_value(content_type);
  if (!value) return invalid("malformed Content-Type " + core::shorten(content_type));
  auto boundary = value->parameter("boundary");
  if (!boundary) return invalid("multipart/form-data without a boundary");
  if (!is_boundary(*boundary)) return invalid("malformed boundary " + core::shorten(*boundary));
  return std::move(*boundary);
}

// The body is read as if a line break stood before it: then every delimiter, the first one included, looks the same.
MultipartParser::MultipartParser(std::string_view boundary, MultipartLimits limits)
    : delimiter_("\r\n--" + std::string(boundary)), limits_(limits), buffer_("\r\n") {}

void MultipartParser::feed(std::string_view piece) {
  buffer_.erase(0, consumed_);
  consumed_ = 0;
  if (state_ != State::epilogue) buffer_ += piece;
}

Result<MultipartEvent> MultipartParser::next() {
  switch (state_) {
    case State::preamble:
      return skip_preamble();
    case State::delimiter_end:
      return read_delimiter_end();
    case State::header:
      return read_header();
    case State::data:
      return read_data();
    case State::epilogue:
      break;
  }
  consumed_ = buffer_.size();
  return event(MultipartEvent::Kind::need_more);
}

Result<void> MultipartParser::finish() const {
  if (state_ != State::epilogue) return invalid("the body ends before its closing boundary");
  return {};
}

Result<MultipartEvent> MultipartParser::skip_preamble() {
  const auto found = buffer_.find(delimiter_, consumed_);
  const bool seen = found != std::string::npos;
  const std::size_t held = std::min(buffer_.size() - consumed_, delimiter_.size() - 1);
  const std::size_t end = seen ? found : buffer_.size() - held;
  skipped_ += end - consumed_;
  if (skipped_ > limits_.preamble_bytes) return invalid("no boundary at the beginning of the body");
  consumed_ = seen ? found + delimiter_.size() : end;
  if (!seen) return event(MultipartEvent::Kind::need_more);
  state_ = State::delimiter_end;
  return read_delimiter_end();
}

Result<MultipartEvent> MultipartParser::read_delimiter_end() {
  const std::string_view rest = std::string_view(buffer_).substr(consumed_);
  if (rest.size() < 2) return event(MultipartEvent::Kind::need_more);
  if (rest.starts_with("--")) {
    consumed_ += 2;
    state_ = State::epilogue;
    return event(MultipartEvent::Kind::end);
  }
  const auto padding = std::min(rest.find_first_not_of(" \t"), rest.size());
  if (padding > kMaxPadding) return invalid("too much white space after a boundary");
  if (rest.size() < padding + 2) return event(MultipartEvent::Kind::need_more);
  if (rest.substr(padding, 2) != "\r\n") return invalid("a boundary is not followed by a line break");
  if (++parts_ > limits_.parts)
    return Error(Errc::too_large, "multipart_too_many_parts",
                 "more than " + std::to_string(limits_.parts) + " parts in the form");
  consumed_ += padding + 2;
  state_ = State::header;
  return read_header();
}

Result<MultipartEvent> MultipartParser::read_header() {
  const std::string_view rest = std::string_view(buffer_).substr(consumed_);
  if (rest.starts_with("\r\n")) return invalid("part without a Content-Disposition");
  const auto end = rest.find("\r\n\r\n");
  // Up to three bytes of the end may have arrived already.
  if (std::min(end, rest.size()) > limits_.part_header_bytes + (end == std::string_view::npos ? 3 : 0))
    return Error(Errc::too_large, "multipart_header_too_large",
                 "header of a part is longer than " + std::to_string(limits_.part_header_bytes) + " bytes");
  if (end == std::string_view::npos) return event(MultipartEvent::Kind::need_more);
  MultipartEvent result = event(MultipartEvent::Kind::part);
  SKILL_VERIFIER_TRY(result.part, parse_part_header(rest.substr(0, end + 2)));
  consumed_ += end + 4;
  state_ = State::data;
  return result;
}

Result<MultipartEvent> MultipartParser::read_data() {
  const auto found = buffer_.find(delimiter_, consumed_);
  if (found == consumed_) {
    consumed_ += delimiter_.size();
    state_ = State::delimiter_end;
    return event(MultipartEvent::Kind::part_end);
  }
  const std::size_t held = std::min(buffer_.size() - consumed_, delimiter_.size() - 1);
  const std::size_t end = found != std::string::npos ? found : buffer_.size() - held;
  if (end == consumed_) return event(MultipartEvent::Kind::need_more);
  MultipartEvent result = event(MultipartEvent::Kind::data);
  result.data = std::string_view(buffer_).substr(consumed_, end - consumed_);
  consumed_ = end;
  return result;
}

}  // namespace skill_verifier::http
