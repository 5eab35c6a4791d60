#include <algorithm>
#include <charconv>

#include "net/transport.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::net {
namespace {

constexpr std::size_t kMaxSocketPath = 107;  // sun_path without its terminating zero byte
constexpr std::size_t kMaxHost = 253;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

Error invalid(std::string_view url, std::string_view why) {
  return Error{Errc::invalid_argument, "endpoint_invalid",
               "endpoint \"" + core::shorten(url) + "\": " + std::string(why),
               "use unix:///path, tcp://host:port, http://host[:port] or https://host[:port]"};
}

Result<Endpoint> parse_socket(std::string_view url, std::string_view path) {
  if (!path.starts_with('/')) return invalid(url, "the socket's path is not absolute");
  if (path.size() > kMaxSocketPath) return invalid(url, "the socket's path has more than 107 bytes");
  if (path.find('\0') != std::string_view::npos) return invalid(url, "the socket's path has a zero byte");
  return Endpoint{.kind = Endpoint::Kind::unix_socket, .host = std::string(path), .port = 0};
}

bool is_host_name(std::string_view host) {
  const auto good = [](char c) { return is_alphanumeric(c) || c == '.' || c == '-' || c == '_'; };
  return !host.empty() && host.size() <= kMaxHost && std::all_of(host.begin(), host.end(), good);
}

bool is_ipv6_text(std::string_view host) {
  const auto good = [](char c) { return is_alphanumeric(c) || c == ':' || c == '.' || c == '%'; };
  return host.size() >= 2 && host.size() <= kMaxHost && std::all_of(host.begin(), host.end(), good);
}

Result<Endpoint> parse_host(std::string_view url, std::string_view rest, Endpoint endpoint) {
  if (rest.ends_with('/')) rest.remove_suffix(1);
  std::string_view host;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return invalid(url, "a bracket is not closed");
    host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (!is_ipv6_text(host)) return invalid(url, "the brackets hold no IPv6 address");
  } else {
    host = rest.substr(0, rest.find(':'));
    rest.remove_prefix(host.size());
    if (!is_host_name(host)) return invalid(url, "not a host name or address");
  }
  endpoint.host = host;
  if (rest.empty() && endpoint.port != 0) return endpoint;
  if (!rest.starts_with(':')) return invalid(url, "the port is missing");
  rest.remove_prefix(1);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), port);
  if (error != std::errc() || end != rest.data() + rest.size() || port == 0 || port > 65535) {
    return invalid(url, "the port is not a number from 1 to 65535");
  }
  endpoint.port = static_cast<std::uint16_t>(port);
  return endpoint;
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view url) {
  if (url.starts_with('/')) return parse_socket(url, url);
  const auto mark = url.find("://");
  if (mark == std::string_view::npos) return invalid(url, "no scheme");
  std::string scheme(url.substr(0, mark));
  std::transform(scheme.begin(), scheme.end(), scheme.begin(), to_lower);
  const std::string_view rest = url.substr(mark + 3);
  if (scheme == "unix") return parse_socket(url, rest);
  if (scheme == "tcp") return parse_host(url, rest, {.kind = Endpoint::Kind::tcp, .host = {}, .port = 0});
  if (scheme == "http") return parse_host(url, rest, {.kind = Endpoint::Kind::tcp, .host = {}, .port = 80});
  if (scheme == "https") return parse_host(url, rest, {.kind = Endpoint::Kind::tls, .host = {}, .port = 443});
  return invalid(url, "unknown scheme");
}

namespace {

std::string host_and_port(const Endpoint& endpoint) {
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

}  // namespace

std::string to_string(const Endpoint& endpoint) {
  if (endpoint.kind == Endpoint::Kind::unix_socket) return "unix://" + endpoint.host;
  return (endpoint.kind == Endpoint::Kind::tls ? "https://" : "http://") + host_and_port(endpoint);
}

std::string describe(const Endpoint& endpoint) {
  return endpoint.kind == Endpoint::Kind::unix_socket ? "the Unix socket" : host_and_port(endpoint);
}

std::string_view find_header(const Headers& headers, std::string_view name) {
  const auto same = [](char a, char b) { return to_lower(a) == to_lower(b); };
  for (const auto& [key, value] : headers) {
    if (std::equal(key.begin(), key.end(), name.begin(), name.end(), same)) return value;
  }
  return {};
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      unsigned byte = 0;
      const char* first = text.data() + i + 1;
      const bool room = text.size() - i > 2;
      if (!room || std::from_chars(first, first + 2, byte, 16).ptr != first + 2) {
        return Error{Errc::invalid_argument, "percent_escape_invalid",
                     "broken percent escape in \"" + core::shorten(text) + "\""};
      }
      c = static_cast<char>(byte);
      i += 2;
    }
    if (c == '\0')
      return Error{Errc::invalid_argument, "percent_escape_invalid", "zero byte in a percent-encoded text"};
    out += c;
  }
  return out;
}

}  // namespace skill_verifier::net
