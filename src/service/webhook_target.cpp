#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/service/webhooks.hpp"

namespace skill_verifier::service {
namespace {

constexpr std::size_t kMaxUrl = 2048;

Error invalid(std::string why, std::string hint = {}) {
  return Error{Errc::invalid_argument, "webhook_invalid", "the webhook's URL " + std::move(why), std::move(hint)};
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool is_url_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '\\' && c != '"'; });
}

struct Parts {
  std::string scheme;     ///< lower case
  std::string authority;  ///< lower case
  std::string target;     ///< path and query
};

Result<Parts> split(std::string_view url) {
  if (url.empty() || url.size() > kMaxUrl) return invalid(fmt::format("has not 1 to {} characters", kMaxUrl));
  if (!is_url_text(url)) return invalid("has characters that a URL cannot have", "percent-encode them");
  const auto mark = url.find("://");
  Parts parts;
  if (mark != std::string_view::npos) parts.scheme = lower(url.substr(0, mark));
  if (parts.scheme != "https" && parts.scheme != "http") return invalid("begins with neither https:// nor http://");
  const std::string_view rest = url.substr(mark + 3);
  const auto end = std::min(rest.find_first_of("/?#"), rest.size());
  if (rest.find('#') != std::string_view::npos) return invalid("has a fragment, which is never sent");
  parts.authority = lower(rest.substr(0, end));
  if (parts.authority.find('@') != std::string::npos)
    return invalid("has a user name or password", "messages are signed; a token may stand in the query");
  if (parts.authority.find('%') != std::string::npos) return invalid("has a host that is no name and no address");
  parts.target = rest.substr(end);
  if (!parts.target.starts_with('/')) parts.target.insert(0, "/");
  return parts;
}

bool may_use(std::uint16_t port, const std::vector<PortRange>& ports) {
  return std::ranges::any_of(ports, [&](const PortRange& range) { return port >= range.first && port <= range.last; });
}

std::string to_text(const std::vector<PortRange>& ports) {
  std::string text;
  for (const PortRange& range : ports) {
    if (!text.empty()) text += ", ";
    text += range.first == range.last ? std::to_string(range.first) : fmt::format("{}-{}", range.first, range.last);
  }
  return text;
}

}  // namespace

Result<std::pair<net::Endpoint, std::string>> webhook_endpoint(std::string_view url) {
  SKILL_VERIFIER_TRY(Parts parts, split(url));
  const auto endpoint = net::parse_endpoint(parts.scheme + "://" + parts.authority);
  if (!endpoint) return invalid("has no host, or a port that is no number from 1 to 65535");
  return std::pair(*endpoint, std::move(parts.target));
}

Result<store::Webhook> parse_webhook(std::string_view url, const WebhookOptions& options) {
  SKILL_VERIFIER_TRY(const auto parsed, webhook_endpoint(url));
  const net::Endpoint& endpoint = parsed.first;
  if (!may_use(endpoint.port, options.ports))
    return invalid(fmt::format("has port {}, permitted are {}", endpoint.port, to_text(options.ports)));
  boost::system::error_code is_name;
  const auto address = boost::asio::ip::make_address(endpoint.host, is_name);
  if (!is_name)
    if (const auto checked = options.addresses.check(address); !checked)
      return invalid("cannot be used: " + checked.error().message);
  return store::Webhook{std::string(url), endpoint.host, {}};
}

std::string webhook_origin(std::string_view url) {
  const auto parsed = webhook_endpoint(url);
  return parsed ? net::to_string(parsed->first) : std::string();
}

Result<PortRange> parse_port_range(std::string_view text) {
  const auto dash = text.find('-');
  const auto number = [](std::string_view digits) {
    std::uint16_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size() ? value : std::uint16_t{0};
  };
  PortRange range;
  range.first = number(text.substr(0, dash));
  range.last = dash == std::string_view::npos ? range.first : number(text.substr(dash + 1));
  if (range.first != 0 && range.last >= range.first) return range;
  return Error{Errc::invalid_argument, "port_range_invalid",
               fmt::format("'{}' is no port and no range of ports such as 8000-8999", core::shorten(text))};
}

}  // namespace skill_verifier::service
