#pragma once

#include <optional>
#include <string_view>

#include "dcap/der.hpp"

namespace skill_verifier::dcap {

/// Contents of OBJECT IDENTIFIERs.
namespace oids {
using namespace std::string_view_literals;
inline constexpr auto kEcdsaWithSha256 = "\x2a\x86\x48\xce\x3d\x04\x03\x02"sv;  ///< 1.2.840.10045.4.3.2
inline constexpr auto kEcPublicKey = "\x2a\x86\x48\xce\x3d\x02\x01"sv;          ///< 1.2.840.10045.2.1
inline constexpr auto kPrime256v1 = "\x2a\x86\x48\xce\x3d\x03\x01\x07"sv;       ///< 1.2.840.10045.3.1.7
inline constexpr auto kCommonName = "\x55\x04\x03"sv;                           ///< 2.5.4.3
inline constexpr auto kSubjectKeyId = "\x55\x1d\x0e"sv;                         ///< 2.5.29.14
inline constexpr auto kKeyUsage = "\x55\x1d\x0f"sv;                             ///< 2.5.29.15
inline constexpr auto kBasicConstraints = "\x55\x1d\x13"sv;                     ///< 2.5.29.19
inline constexpr auto kCrlNumber = "\x55\x1d\x14"sv;                            ///< 2.5.29.20
inline constexpr auto kCrlDistributionPoints = "\x55\x1d\x1f"sv;                ///< 2.5.29.31
inline constexpr auto kAuthorityKeyId = "\x55\x1d\x23"sv;                       ///< 2.5.29.35
inline constexpr auto kSgx = "\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01"sv;          ///< 1.2.840.113741.1.13.1
}  // namespace oids

/// One element of a certificate's or a CRL's Extensions.
struct Extension {
  ByteView oid;
  bool critical = false;
  ByteView value;  ///< inside the OCTET STRING
};
/// `content` is that of the SEQUENCE.
std::optional<Extension> parse_extension(ByteView content);
/// keyIdentifier of an AuthorityKeyIdentifier; empty where it has none.
std::optional<ByteView> authority_key_id(ByteView value);

}  // namespace skill_verifier::dcap
