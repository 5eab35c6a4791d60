#include "skill_verifier/net/address_rules.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <charconv>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::net {
namespace {

namespace ip = boost::asio::ip;
using V4 = ip::address_v4;
using V6 = ip::address_v6;

struct Block4 {
  std::uint32_t network;
  unsigned prefix;
  std::string_view kind;
};

constexpr std::uint32_t quad(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

// IANA IPv4 Special-Purpose Address Registry, multicast (RFC 5771), and the one metadata address outside of them.
constexpr std::array kBlocks4{
    Block4{quad(0, 0, 0, 0), 8, "this-network"},
    Block4{quad(10, 0, 0, 0), 8, "private"},
    Block4{quad(100, 64, 0, 0), 10, "carrier-grade NAT"},
    Block4{quad(127, 0, 0, 0), 8, "loopback"},
    Block4{quad(168, 63, 129, 16), 32, "cloud metadata"},  // Azure's wire server
    Block4{quad(169, 254, 0, 0), 16, "link-local"},        // and most clouds' metadata
    Block4{quad(172, 16, 0, 0), 12, "private"},
    Block4{quad(192, 0, 0, 0), 24, "protocol assignment"},
    Block4{quad(192, 0, 2, 0), 24, "documentation"},
    Block4{quad(192, 31, 196, 0), 24, "protocol assignment"},
    Block4{quad(192, 52, 193, 0), 24, "protocol assignment"},
    Block4{quad(192, 88, 99, 0), 24, "6to4 relay"},
    Block4{quad(192, 168, 0, 0), 16, "private"},
    Block4{quad(192, 175, 48, 0), 24, "protocol assignment"},
    Block4{quad(198, 18, 0, 0), 15, "benchmarking"},
    Block4{quad(198, 51, 100, 0), 24, "documentation"},
    Block4{quad(203, 0, 113, 0), 24, "documentation"},
    Block4{quad(224, 0, 0, 0), 4, "multicast"},
    Block4{quad(240, 0, 0, 0), 4, "reserved"},  // and the limited broadcast
};

bool shares_prefix(const unsigned char* left, const unsigned char* right, unsigned bits) {
  const unsigned whole = bits / 8;
  if (!std::equal(left, left + whole, right)) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((left[whole] ^ right[whole]) >> (8 - rest)) == 0;
}

bool in_block(const V6& address, const char* network, unsigned prefix) {
  const auto bytes = address.to_bytes(), other = ip::make_address_v6(network).to_bytes();
  return shares_prefix(bytes.data(), other.data(), prefix);
}

V4 quad_at(const V6& address, std::size_t offset) {
  const auto bytes = address.to_bytes();
  return V4({bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]});
}

std::string_view special_purpose4(const V4& address) {
  const std::uint32_t number = address.to_uint();
  for (const Block4& block : kBlocks4)
    if ((number ^ block.network) >> (32 - block.prefix) == 0) return block.kind;
  return {};
}

/// RFC 5214 §6.1: interface identifiers 0:5efe:a.b.c.d and 200:5efe:a.b.c.d under any prefix.
bool is_isatap(const V6& address) {
  const auto bytes = address.to_bytes();
  return (bytes[8] & ~2) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;
}

std::string_view special_purpose6(const V6& address) {
  if (address.is_v4_mapped()) return special_purpose4(quad_at(address, 12));
  if (in_block(address, "64:ff9b::", 96)) return special_purpose4(quad_at(address, 12));  // NAT64, RFC 6052
  if (address.is_loopback()) return "loopback";
  if (address.is_unspecified()) return "this-network";
  if (in_block(address, "fc00::", 7)) return "unique-local";
  if (in_block(address, "fe80::", 10)) return "link-local";
  if (in_block(address, "fec0::", 10)) return "site-local";
  if (address.is_multicast()) return "multicast";
  if (!in_block(address, "2000::", 3)) return "reserved";
  if (in_block(address, "2001::", 23)) return "protocol assignment";  // Teredo among them
  if (in_block(address, "2001:db8::", 32) || in_block(address, "3fff::", 20)) return "documentation";
  if (in_block(address, "2620:4f:8000::", 48)) return "protocol assignment";
  if (in_block(address, "2002::", 16)) return special_purpose4(quad_at(address, 2));  // 6to4, RFC 3056
  if (is_isatap(address)) return special_purpose4(quad_at(address, 12));
  return {};
}

Address unmapped(const Address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  return address;
}

Error block_invalid(std::string_view text, std::string_view why) {
  return Error{Errc::invalid_argument, "address_block_invalid",
               fmt::format("'{}' is no block of addresses: {}", core::shorten(text), why),
               "write 10.1.0.0/16, fd00::/8 or one address"};
}

}  // namespace

bool AddressBlock::contains(const Address& address) const {
  const Address plain = unmapped(address);
  if (plain.is_v4() != network.is_v4()) return false;
  if (plain.is_v4()) {
    const auto left = plain.to_v4().to_bytes(), right = network.to_v4().to_bytes();
    return shares_prefix(left.data(), right.data(), prefix);
  }
  const auto left = plain.to_v6().to_bytes(), right = network.to_v6().to_bytes();
  return shares_prefix(left.data(), right.data(), prefix);
}

Result<AddressBlock> parse_address_block(std::string_view text) {
  const auto slash = text.find('/');
  boost::system::error_code error;
  AddressBlock block;
  block.network = ip::make_address(std::string(text.substr(0, slash)), error);
  if (error || (block.network.is_v6() && block.network.to_v6().scope_id() != 0))
    return block_invalid(text, "its first part is no IP address");
  if (block.network.is_v6() && block.network.to_v6().is_v4_mapped()) return block_invalid(text, "write the IPv4 form");
  const unsigned bits = block.network.is_v4() ? 32 : 128;
  block.prefix = bits;
  if (slash != std::string_view::npos) {
    const std::string_view length = text.substr(slash + 1);
    const auto [end, failed] = std::from_chars(length.data(), length.data() + length.size(), block.prefix);
    if (failed != std::errc() || end != length.data() + length.size() || block.prefix > bits)
      return block_invalid(text, fmt::format("the prefix is a number from 0 to {}", bits));
  }
  Address low;
  if (block.network.is_v4()) {
    const std::uint32_t mask = block.prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - block.prefix);
    low = V4(block.network.to_v4().to_uint() & mask);
  } else {
    auto bytes = block.network.to_v6().to_bytes();
    for (unsigned bit = block.prefix; bit < 128; ++bit)
      bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] & ~(0x80u >> (bit % 8)));
    low = V6(bytes);
  }
  if (low != block.network) return block_invalid(text, "bits are set beyond the prefix");
  return block;
}

std::string_view special_purpose(const Address& address) {
  return address.is_v4() ? special_purpose4(address.to_v4()) : special_purpose6(address.to_v6());
}

Result<void> AddressRules::check(const Address& address) const {
  const std::string_view kind = special_purpose(address);
  if (kind.empty()) return {};
  if (std::ranges::any_of(allowed, [&](const AddressBlock& block) { return block.contains(address); })) return {};
  return Error{Errc::rejected, "address_refused", fmt::format("a {} address is not connected to", kind)};
}

}  // namespace skill_verifier::net
