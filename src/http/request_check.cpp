#include "http/request_check.hpp"

#include <algorithm>
#include <charconv>
#include <string>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::http {
namespace {

constexpr std::size_t kMaxFields = 100;
constexpr std::size_t kMaxMethodLength = 32;

Problem bad_request(std::string code, std::string detail) {
  return Problem(400, std::move(code), std::move(detail));
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_token_char(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

tl::expected<std::string_view, Problem> take_line(std::string_view& text) {
  const auto end = text.find("\r\n");
  if (end == std::string_view::npos) return tl::unexpected(bad_request("head_invalid", "the request head is cut off"));
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 2);
  if (std::any_of(line.begin(), line.end(), is_control))
    return tl::unexpected(bad_request("head_invalid", "control character in the request head"));
  return line;
}

tl::expected<void, Problem> read_target(std::string_view target, RequestHead& head) {
  const auto foreign = [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) > 0x7e;
  };
  if (target.empty() || std::any_of(target.begin(), target.end(), foreign) ||
      target.find('#') != std::string_view::npos)
    return tl::unexpected(bad_request("target_invalid", "malformed request target " + core::shorten(target)));
  if (target == "*" && head.method == "OPTIONS") {
    head.path = target;
    return {};
  }
  // RFC 9112 §3.2.2: a server accepts the absolute form although only proxies are sent it.
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(std::min(target.find_first_of("/?", scheme.size()), target.size()));
    if (target.empty() || target.front() == '?') {
      head.path = "/";
      head.query = target.substr(std::min<std::size_t>(1, target.size()));
      return {};
    }
    break;
  }
  if (target.front() != '/')
    return tl::unexpected(bad_request("target_invalid", "request target " + core::shorten(target) + " is not a path"));
  const auto question = target.find('?');
  head.path = target.substr(0, question);
  if (question != std::string_view::npos) head.query = target.substr(question + 1);
  return {};
}

tl::expected<void, Problem> read_request_line(std::string_view line, RequestHead& head) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return tl::unexpected(bad_request("request_line_invalid", "malformed request line " + core::shorten(line)));
  head.method = line.substr(0, first);
  if (!is_token(head.method) || head.method.size() > kMaxMethodLength)
    return tl::unexpected(bad_request("method_invalid", "malformed method " + core::shorten(head.method)));
  const std::string_view version = line.substr(last + 1);
  if (version == "HTTP/1.1") {
    head.minor_version = 1;
  } else if (version == "HTTP/1.0") {
    head.minor_version = 0;
  } else if (version.starts_with("HTTP/")) {
    return tl::unexpected(
        Problem(505, "version_unsupported", core::shorten(version) + " is not spoken here, HTTP/1.1 is"));
  } else {
    return tl::unexpected(bad_request("request_line_invalid", "malformed request line " + core::shorten(line)));
  }
  return read_target(line.substr(first + 1, last - first - 1), head);
}

tl::expected<void, Problem> read_field(std::string_view line, RequestHead& head) {
  if (line.front() == ' ' || line.front() == '\t')
    return tl::unexpected(bad_request("header_folded", "folded header line"));
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return tl::unexpected(bad_request("header_invalid", "malformed header line " + core::shorten(line)));
  if (head.fields.size() == kMaxFields)
    return tl::unexpected(
        Problem(431, "too_many_headers", "more than " + std::to_string(kMaxFields) + " header lines"));
  head.fields.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
  return {};
}

tl::expected<void, Problem> read_length(RequestHead& head) {
  const std::string_view text = head.field("Content-Length");
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc{} || end != text.data() + text.size())
    return tl::unexpected(bad_request("content_length_invalid", "malformed Content-Length " + core::shorten(text)));
  head.content_length = length;
  return {};
}

/// Every name that decides where the body ends, whom the request is for or what the body is may appear once.
tl::expected<void, Problem> check_single_fields(const RequestHead& head) {
  for (const std::string_view name :
       {"Host", "Content-Length", "Transfer-Encoding", "Content-Type", "Content-Disposition", "Expect"}) {
    const auto same = [name](const auto& field) { return equals_ignoring_case(field.first, name); };
    if (std::count_if(head.fields.begin(), head.fields.end(), same) > 1)
      return tl::unexpected(bad_request("header_duplicate", "more than one " + std::string(name) + " header"));
  }
  return {};
}

tl::expected<void, Problem> check_host(const RequestHead& head) {
  if (!head.has_field("Host")) {
    if (head.minor_version == 0) return {};
    return tl::unexpected(bad_request("host_missing", "no Host header"));
  }
  const std::string_view host = head.field("Host");
  const auto foreign = [](char c) {
    return !is_token_char(c) && std::string_view("()[]:,;=%").find(c) == std::string_view::npos;
  };
  if (std::any_of(host.begin(), host.end(), foreign))
    return tl::unexpected(bad_request("host_invalid", "malformed Host " + core::shorten(host)));
  return {};
}

tl::expected<void, Problem> check_framing(RequestHead& head) {
  const bool has_length = head.has_field("Content-Length");
  if (head.has_field("Transfer-Encoding")) {
    const std::string_view coding = head.field("Transfer-Encoding");
    if (!equals_ignoring_case(coding, "chunked"))
      return tl::unexpected(
          bad_request("transfer_encoding_unsupported",
                      "Transfer-Encoding is " + core::shorten(coding) + ", only chunked is accepted"));
    if (head.minor_version == 0)
      return tl::unexpected(bad_request("transfer_encoding_unsupported", "Transfer-Encoding in an HTTP/1.0 request"));
    if (has_length)
      return tl::unexpected(bad_request("framing_ambiguous", "both Content-Length and Transfer-Encoding"));
    head.chunked = true;
  }
  if (has_length) return read_length(head);
  return {};
}

tl::expected<void, Problem> check_expectation(RequestHead& head) {
  if (!head.has_field("Expect") || head.minor_version == 0) return {};
  const std::string_view expected = head.field("Expect");
  if (!equals_ignoring_case(expected, "100-continue"))
    return tl::unexpected(Problem(417, "expectation_unsupported",
                                  "Expect is " + core::shorten(expected) + ", only 100-continue is understood"));
  head.expects_continue = true;
  return {};
}

bool asks_to_close(const RequestHead& head) {
  if (head.minor_version == 0) return true;
  for (const auto& [name, value] : head.fields) {
    if (!equals_ignoring_case(name, "Connection")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const auto comma = rest.find(',');
      if (equals_ignoring_case(trim(rest.substr(0, comma)), "close")) return true;
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
  }
  return false;
}

}  // namespace

bool equals_ignoring_case(std::string_view left, std::string_view right) {
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(), [](char a, char b) { return lower(a) == lower(b); });
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

std::string_view RequestHead::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (equals_ignoring_case(key, name)) return value;
  }
  return {};
}

bool RequestHead::has_field(std::string_view name) const {
  return std::any_of(fields.begin(), fields.end(),
                     [name](const auto& field) { return equals_ignoring_case(field.first, name); });
}

tl::expected<RequestHead, Problem> parse_request_head(std::string_view text) {
  RequestHead head;
  head.fields.reserve(12);
  const auto request_line = take_line(text);
  if (!request_line) return tl::unexpected(request_line.error());
  if (auto done = read_request_line(*request_line, head); !done) return tl::unexpected(done.error());
  while (true) {
    const auto line = take_line(text);
    if (!line) return tl::unexpected(line.error());
    if (line->empty()) break;
    if (auto done = read_field(*line, head); !done) return tl::unexpected(done.error());
  }
  if (!text.empty()) return tl::unexpected(bad_request("head_invalid", "bytes after the end of the request head"));
  if (auto done = check_single_fields(head); !done) return tl::unexpected(done.error());
  if (auto done = check_host(head); !done) return tl::unexpected(done.error());
  if (auto done = check_framing(head); !done) return tl::unexpected(done.error());
  if (auto done = check_expectation(head); !done) return tl::unexpected(done.error());
  head.wants_close = asks_to_close(head);
  return head;
}

}  // namespace skill_verifier::http
