#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::dcap {

/// An X.509 certificate in Intel's profile (RFC 5280; ECDSA with SHA-256 over P-256). The views point into `der`.
struct Certificate {
  Bytes der;
  ByteView tbs;
  ByteView signature;  ///< DER of r and s
  ByteView serial;     ///< content octets
  ByteView issuer;     ///< DER of the name
  ByteView subject;
  std::string_view issuer_common_name;
  std::string_view common_name;
  std::int64_t not_before = 0;
  std::int64_t not_after = 0;
  ByteView public_point;  ///< x, y; not checked to be on the curve
  ByteView subject_key_id;
  bool is_ca = false;
  std::optional<std::uint32_t> path_length;
  bool digital_signature = false;
  bool key_cert_sign = false;
  bool crl_sign = false;
  std::optional<ByteView> sgx_extension;

  Certificate() = default;
  // Moving a vector keeps its bytes where they are; a copy would point into the original.
  Certificate(Certificate&&) noexcept = default;
  Certificate& operator=(Certificate&&) noexcept = default;
};

inline constexpr std::size_t kMaxCertificateBytes = 8u << 10;

/// Errors: invalid_argument `certificate_invalid`: no DER, another algorithm or curve, a duplicate or unknown critical
/// extension, one of the five that Intel's certificates all have missing.
Result<Certificate> parse_certificate(Bytes der);

/// The one common name of a DER name; empty where there is none, more than one, or the name is no name.
std::string_view common_name_of(ByteView name);

/// AlgorithmIdentifier content: ecdsa-with-SHA256 without parameters.
bool is_ecdsa_with_sha256(ByteView algorithm);
/// The bytes of a BIT STRING content without unused bits.
std::optional<ByteView> whole_octets(ByteView bit_string);
/// keyIdentifier of an AuthorityKeyIdentifier.
std::optional<ByteView> authority_key_id_of(ByteView extension_value);

}  // namespace skill_verifier::dcap
