#include "net/request_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::net {
namespace {

// RFC 9110 §5.6.2
bool is_token(std::string_view text) {
  const auto good = [](char c) {
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return alphanumeric || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), good);
}

bool is_target(std::string_view text) {
  const auto good = [](char c) { return c > ' ' && c < 0x7f; };
  return text.starts_with('/') && std::all_of(text.begin(), text.end(), good);
}

bool is_field_value(std::string_view text) {
  const auto good = [](char c) { return c == '\t' || static_cast<unsigned char>(c) >= 0x20; };
  return std::all_of(text.begin(), text.end(), good) && text.find('\x7f') == std::string_view::npos;
}

bool same_name(std::string_view left, std::string_view right) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

Error invalid(std::string_view what, std::string_view value) {
  return Error{Errc::invalid_argument, "request_invalid",
               fmt::format("request {} \"{}\" cannot be sent", what, core::shorten(value))};
}

std::string host_of(const Endpoint& endpoint) {
  if (endpoint.kind == Endpoint::Kind::unix_socket) return "localhost";
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  const std::string host = ipv6 ? "[" + endpoint.host + "]" : endpoint.host;
  const bool usual = endpoint.port == (endpoint.kind == Endpoint::Kind::tls ? 443 : 80);
  return usual ? host : host + ":" + std::to_string(endpoint.port);
}

Result<void> check(const Request& request) {
  if (!is_token(request.method)) return invalid("method", request.method);
  if (!is_target(request.target)) return invalid("target", request.target);
  constexpr std::array<std::string_view, 3> kOurs = {"Connection", "Content-Length", "Transfer-Encoding"};
  for (const auto& [name, value] : request.headers) {
    const bool ours =
        std::any_of(kOurs.begin(), kOurs.end(), [&](std::string_view our) { return same_name(our, name); });
    if (!is_token(name) || ours) return invalid("header", name);
    if (!is_field_value(value)) return invalid("header value of", name);
  }
  return {};
}

}  // namespace

Result<std::string> request_head(const Endpoint& endpoint, const Request& request, Framing framing) {
  if (auto good = check(request); !good) return std::move(good).error();
  std::string head = request.method + " " + request.target + " HTTP/1.1\r\n";
  if (find_header(request.headers, "Host").empty()) head += "Host: " + host_of(endpoint) + "\r\n";
  for (const auto& [name, value] : request.headers)
    head += name + ": " + value + "\r\n";
  if (framing == Framing::upgrade) {
    head += "Connection: Upgrade\r\n";
    if (find_header(request.headers, "Upgrade").empty()) head += "Upgrade: tcp\r\n";
  }
  const bool may_have_body = request.method != "GET" && request.method != "HEAD" && request.method != "DELETE";
  if (framing == Framing::chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (!request.body.empty() || may_have_body) {
    head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  return head + "\r\n";
}

std::string chunk_of(std::string_view bytes) {
  std::string chunk = fmt::format("{:x}\r\n", bytes.size());
  chunk.append(bytes);
  return chunk + "\r\n";
}

}  // namespace skill_verifier::net
