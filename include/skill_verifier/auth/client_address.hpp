#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/core/result.hpp"

/// Who speaks to us, by address: behind proxies, and as a key for counting.
namespace skill_verifier::auth {

/// An IPv6 address, or an IPv4 one as IPv6 maps it (::ffff:0:0/96).
struct Address {
  std::array<std::uint8_t, 16> bytes{};

  bool is_v4() const;
  bool is_loopback() const;
  /// What is counted as one client: an IPv4 address, a /64 of IPv6.
  std::string counting_key() const;
  bool operator==(const Address&) const = default;
};

/// An address without port, brackets or zone. Errors: invalid_argument.
Result<Address> parse_address(std::string_view text);
std::string to_string(const Address& address);

struct Network {
  Address address;
  int prefix = 128;  ///< bits, counted in IPv6's 128

  bool contains(const Address& other) const;
};

/// `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.1`. Bits beyond the prefix must be zero. Errors: invalid_argument.
Result<Network> parse_network(std::string_view text);

/// Which field the trusted proxies write. Only one is read: of the other one a client could send what it likes.
enum class ProxyField { x_forwarded_for, forwarded };

bool is_any_of(const std::vector<Network>& networks, const Address& address);

/// The address that the connection's other end, `peer`, speaks for: `peer` itself unless it is a trusted proxy; then
/// the rightmost hop that the field's values (in the order of their lines) name and that is no trusted proxy. A hop
/// that cannot be read ends the search at the proxy that wrote it.
Address client_address(const Address& peer, const std::vector<Network>& trusted, ProxyField field,
                       const std::vector<std::string_view>& values);

/// The hops of X-Forwarded-For, or the `for` of RFC 7239's Forwarded, in their order; what is no address is empty.
/// Nothing for a malformed Forwarded field as a whole.
std::vector<std::optional<Address>> forwarded_hops(ProxyField field, const std::vector<std::string_view>& values);

}  // namespace skill_verifier::auth
