#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <string_view>
#include <vector>

#include "skill_verifier/core/result.hpp"

/// Which addresses a URL that a stranger gave may lead to. Pure: what is judged is the address that a connection is
/// about to be opened to, never a name.
namespace skill_verifier::net {

using Address = boost::asio::ip::address;

/// A block of addresses: `10.1.0.0/16`, `fd00::/8`, or one address.
struct AddressBlock {
  Address network;
  unsigned prefix = 0;  ///< bits

  /// An IPv4 block also has the IPv4-mapped IPv6 form of its addresses.
  bool contains(const Address& address) const;
};
/// Errors: invalid_argument `address_block_invalid`, also when bits are set beyond the prefix.
Result<AddressBlock> parse_address_block(std::string_view text);

/// Why an address is not one of the public Internet's (`loopback`, `private`, `link-local`, …), by the IANA
/// special-purpose registries (RFC 6890) and the addresses at which clouds serve metadata; empty for one that is.
/// IPv4 inside IPv6 (mapped, 6to4, NAT64, ISATAP) is judged as what it leads to.
std::string_view special_purpose(const Address& address);

/// Public addresses and whatever the operator named.
struct AddressRules {
  std::vector<AddressBlock> allowed;

  /// Errors: rejected `address_refused`, naming the kind of address and never the address itself: who gave the name
  /// must not learn from us what it resolves to here.
  Result<void> check(const Address& address) const;
};

}  // namespace skill_verifier::net
