#include "scan/url.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

namespace skill_verifier::scan {
namespace {

constexpr std::size_t kMaxUrl = 2048;

bool ends_url(char c) {
  const auto value = static_cast<unsigned char>(c);
  return value <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '`' || c == ')' || c == '|' ||
         c == '\\' || c == '}' || c == ',';
}

/// One number (decimal, 0x or leading 0) of an IPv4 address as inet_aton reads it.
std::optional<std::uint32_t> number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.front() == '0') {
    base = 8;
  }
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// An address in one of the spellings that programs accept, as four decimal numbers.
std::string dotted(const std::string& host) {
  std::array<std::uint32_t, 4> parts{};
  std::size_t count = 0;
  for (std::size_t at = 0; at <= host.size();) {
    const auto dot = std::min(host.find('.', at), host.size());
    const auto value = number(std::string_view(host).substr(at, dot - at));
    if (!value || count == parts.size()) return host;
    parts[count++] = *value;
    at = dot + 1;
  }
  if (count == 1) {
    if (parts[0] < (1u << 24)) return host;
    return fmt::format("{}.{}.{}.{}", parts[0] >> 24, (parts[0] >> 16) & 255, (parts[0] >> 8) & 255, parts[0] & 255);
  }
  if (count != 4 || std::ranges::any_of(parts, [](std::uint32_t part) { return part > 255; })) return host;
  return fmt::format("{}.{}.{}.{}", parts[0], parts[1], parts[2], parts[3]);
}

std::string undefang(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i, 5);
    if (rest.starts_with("[.]") || rest.starts_with("(.)")) {
      out.push_back('.');
      i += 2;
    } else if (rest == "[dot]") {
      out.push_back('.');
      i += 4;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace

std::string normalise_url(std::string_view url) {
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) return std::string(url);
  std::string scheme(url.substr(0, colon));
  std::ranges::transform(scheme, scheme.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (scheme.starts_with("hxxp")) scheme.replace(1, 2, "tt");
  const std::string rest = undefang(url.substr(colon + 3));
  const auto path = std::min(rest.find_first_of("/?#"), rest.size());
  std::string authority = rest.substr(0, path);
  if (const auto user = authority.rfind('@'); user != std::string::npos) authority.erase(0, user + 1);
  std::ranges::transform(authority, authority.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto port = std::min(authority.find(':'), authority.size());
  return scheme + "://" + dotted(authority.substr(0, port)) + authority.substr(port) + rest.substr(path);
}

std::string_view host_of(std::string_view url) {
  const auto at = url.find("://");
  if (at == std::string_view::npos) return {};
  url.remove_prefix(at + 3);
  return url.substr(0, url.find_first_of(":/?#"));
}

void for_each_url(MappedView text, const UrlSink& sink) {
  for (std::size_t at = text.text.find("://"); at != std::string_view::npos; at = text.text.find("://", at + 3)) {
    std::size_t begin = at;
    while (begin > 0 && at - begin < 8 && std::isalpha(static_cast<unsigned char>(text.text[begin - 1])))
      --begin;
    if (at - begin < 2) continue;
    std::size_t end = at + 3;
    while (end < text.size() && end - begin < kMaxUrl && !ends_url(text.text[end]))
      ++end;
    while (end > at + 3 && std::string_view(".;:!?*]").find(text.text[end - 1]) != std::string_view::npos &&
           !text.text.substr(0, end).ends_with("[.]"))
      --end;
    if (end == at + 3) continue;
    const MappedView raw = text.substr(begin, end - begin);
    sink(normalise_url(raw.text), raw);
  }
}

}  // namespace skill_verifier::scan
