#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "http/problem.hpp"

namespace skill_verifier::http {

/// A request's head. Every view points into the text that was parsed, or to a literal.
struct RequestHead {
  std::string_view method;
  std::string_view path;   ///< as sent, still percent-encoded; starts with `/`, or is `*` for OPTIONS
  std::string_view query;  ///< without the `?`
  int minor_version = 1;
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool expects_continue = false;
  bool wants_close = false;

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
  /// Value of the first field of that name (ASCII case ignored), or an empty text.
  std::string_view field(std::string_view name) const;
  bool has_field(std::string_view name) const;
};

/// ASCII case ignored.
bool equals_ignoring_case(std::string_view left, std::string_view right);
/// RFC 9110 §5.6.2: one or more of the characters of a method or field name.
bool is_token(std::string_view text);

/// Reads a head, from the request line to the empty line inclusive. Stricter than RFC 9112 wherever leniency lets two
/// programs disagree on where a request ends: only CRLF ends a line, no folded lines, no space before a colon, one
/// Host, at most one Content-Length, Transfer-Encoding absent or exactly `chunked` and never beside Content-Length.
/// The connection must be closed after a problem.
tl::expected<RequestHead, Problem> parse_request_head(std::string_view text);

}  // namespace skill_verifier::http
