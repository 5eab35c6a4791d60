#include "skill_verifier/auth/client_address.hpp"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::auth {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::size_t kMostText = 45;  ///< of an IPv6 address

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
std::optional<Address> parse_hop(std::string_view text) {
  text = trim(text);
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    const auto rest = text.substr(close + 1);
    if (!rest.empty() && !(rest.front() == ':' && is_port(rest.substr(1)))) return std::nullopt;
    text = text.substr(1, close - 1);
  } else if (std::ranges::count(text, ':') == 1) {
    const auto colon = text.find(':');
    if (!is_port(text.substr(colon + 1))) return std::nullopt;
    text = text.substr(0, colon);
  }
  const auto address = parse_address(text);
  return address ? std::optional(*address) : std::nullopt;
}

bool is_token_character(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kOthers.find(c) != std::string_view::npos;
}

/// Reads RFC 7239 §4 strictly from the left: a quote that a client opened and a proxy's text would have to close makes
/// the whole field malformed, because a quoted string must be followed by a separator.
class ForwardedReader {
 public:
  explicit ForwardedReader(std::string_view text) : text_(text) {}

  /// False when the text is malformed.
  bool read(std::vector<std::optional<Address>>& hops) {
    while (true) {
      std::optional<std::string> hop;
      if (!read_element(hop)) return false;
      if (hop) hops.push_back(parse_hop(*hop));
      if (at_end()) return true;
      ++at_;  // the comma
    }
  }

 private:
  bool at_end() const { return at_ == text_.size(); }
  bool at_character(char c) const { return !at_end() && text_[at_] == c; }
  void skip_space() {
    while (at_character(' ') || at_character('\t'))
      ++at_;
  }

  bool read_element(std::optional<std::string>& hop) {
    skip_space();
    while (!at_end() && !at_character(',')) {
      if (!read_pair(hop)) return false;
      skip_space();
      if (at_character(';')) {
        ++at_;
        skip_space();
      } else if (!at_end() && !at_character(',')) {
        return false;
      }
    }
    return true;
  }

  bool read_pair(std::optional<std::string>& hop) {
    std::string name, value;
    if (!read_token(name) || !at_character('=')) return false;
    ++at_;
    if (!(at_character('"') ? read_quoted(value) : read_token(value))) return false;
    std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + ('a' - 'A')) : c; });
    if (name != "for") return true;
    if (hop) return false;
    hop = std::move(value);
    return true;
  }

  bool read_token(std::string& out) {
    while (!at_end() && is_token_character(text_[at_]))
      out += text_[at_++];
    return !out.empty();
  }

  bool read_quoted(std::string& out) {
    for (++at_; !at_end(); ++at_) {
      if (at_character('"')) {
        ++at_;
        return true;
      }
      if (at_character('\\') && ++at_ == text_.size()) return false;
      out += text_[at_];
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

bool Address::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

bool Address::is_loopback() const {
  if (is_v4()) return bytes[12] == 127;
  return std::all_of(bytes.begin(), bytes.end() - 1, [](auto byte) { return byte == 0; }) && bytes.back() == 1;
}

std::string Address::counting_key() const {
  return {bytes.begin(), is_v4() ? bytes.end() : bytes.begin() + 8};
}

Result<Address> parse_address(std::string_view text) {
  const Error invalid(Errc::invalid_argument, "address_invalid",
                      fmt::format("'{}' is no IP address", core::shorten(text, 60)));
  if (text.empty() || text.size() > kMostText) return invalid;
  const std::string terminated(text);
  if (terminated.find('\0') != std::string::npos) return invalid;
  Address address;
  if (::inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) return address;
  std::ranges::copy(kMapped, address.bytes.begin());
  if (::inet_pton(AF_INET, terminated.c_str(), address.bytes.data() + kMapped.size()) == 1) return address;
  return invalid;
}

std::string to_string(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.is_v4()) {
    ::inet_ntop(AF_INET, address.bytes.data() + kMapped.size(), text.data(), text.size());
  } else {
    ::inet_ntop(AF_INET6, address.bytes.data(), text.data(), text.size());
  }
  return text.data();
}

bool Network::contains(const Address& other) const {
  for (int bit = 0; bit < prefix; ++bit) {
    const auto byte = static_cast<std::size_t>(bit / 8);
    const auto mask = static_cast<std::uint8_t>(0x80 >> (bit % 8));
    if (((address.bytes.at(byte) ^ other.bytes.at(byte)) & mask) != 0) return false;
  }
  return true;
}

Result<Network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  Network network;
  SKILL_VERIFIER_TRY(network.address, parse_address(text.substr(0, slash)));
  if (slash == std::string_view::npos) return network;
  const std::string_view bits = text.substr(slash + 1);
  const int most = network.address.is_v4() ? 32 : 128;
  const auto [end, error] = std::from_chars(bits.data(), bits.data() + bits.size(), network.prefix);
  if (error != std::errc() || end != bits.data() + bits.size() || network.prefix < 0 || network.prefix > most)
    return Error{Errc::invalid_argument, "network_invalid",
                 fmt::format("'{}' has no prefix length from 0 to {}", core::shorten(text, 60), most)};
  network.prefix += 128 - most;
  Network rest = network;
  for (int bit = network.prefix; bit < 128; ++bit)
    rest.address.bytes.at(static_cast<std::size_t>(bit / 8)) &= static_cast<std::uint8_t>(~(0x80 >> (bit % 8)));
  if (rest.address != network.address)
    return Error{Errc::invalid_argument, "network_invalid",
                 fmt::format("'{}' has bits beyond its prefix", core::shorten(text, 60))};
  return network;
}

std::vector<std::optional<Address>> forwarded_hops(ProxyField field, const std::vector<std::string_view>& values) {
  std::vector<std::optional<Address>> hops;
  std::string joined;
  for (const std::string_view value : values) {
    if (!joined.empty()) joined += ',';
    joined += value;
  }
  std::string_view text = joined;
  if (trim(text).empty()) return hops;
  if (field == ProxyField::forwarded) {
    if (!ForwardedReader(text).read(hops)) hops.clear();
    return hops;
  }
  while (true) {
    const auto comma = text.find(',');
    hops.push_back(parse_hop(text.substr(0, comma)));
    if (comma == std::string_view::npos) return hops;
    text.remove_prefix(comma + 1);
  }
}

bool is_any_of(const std::vector<Network>& networks, const Address& address) {
  return std::ranges::any_of(networks, [&address](const Network& network) { return network.contains(address); });
}

Address client_address(const Address& peer, const std::vector<Network>& trusted, ProxyField field,
                       const std::vector<std::string_view>& values) {
  Address client = peer;
  if (!is_any_of(trusted, peer)) return client;
  const auto hops = forwarded_hops(field, values);
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    if (!*hop) return client;
    client = **hop;
    if (!is_any_of(trusted, client)) return client;
  }
  return client;
}

}  // namespace skill_verifier::auth
