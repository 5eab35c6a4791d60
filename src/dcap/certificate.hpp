#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dcap/checked.hpp"
#include "dcap/signature.hpp"

namespace skill_verifier::dcap {

/// An X.509 certificate in Intel's profile (facts: RFC 5280; "Intel SGX PCK Certificate and CRL Profile"). The views
/// point into `der`; the object may be moved, not copied.
struct Certificate {
  Bytes der;
  ByteView tbs;
  ByteView signature;  ///< DER
  ByteView serial;     ///< content octets
  ByteView issuer;     ///< raw Name
  ByteView subject;
  std::string common_name;
  std::int64_t not_before = 0;
  std::int64_t not_after = 0;
  ByteView public_point;  ///< x, y
  ByteView subject_key_id;
  ByteView authority_key_id;  ///< empty where the extension has none
  bool ca = false;
  std::optional<std::uint32_t> path_length;
  bool digital_signature = false;
  bool key_cert_sign = false;
  bool crl_sign = false;
  ByteView sgx_extension;  ///< content of 1.2.840.113741.1.13.1; empty where there is none

  Certificate() = default;
  Certificate(Certificate&&) = default;
  Certificate& operator=(Certificate&&) = default;
};

/// Only the profile's algorithms (ecdsa-with-SHA256, P-256), version 3, its five extensions, no unknown critical one,
/// none twice, nothing after the DER. The refusal's code is empty: the caller knows which certificate it was.
Checked<Certificate> parse_certificate(Bytes der);

/// Whether `issued` names `issuer` and its signature is `issuer_key`'s.
enum class Issuance { good, wrong_issuer, wrong_signature };
Issuance check_issuance(const Crypto& crypto, const Certificate& issued, const Certificate& issuer,
                        const PublicKey& issuer_key);

/// Intel's certificates by the names of their subjects.
inline constexpr const char* kTcbSigningName = "Intel SGX TCB Signing";
inline constexpr const char* kPckName = "Intel SGX PCK Certificate";
inline constexpr const char* kPlatformCaName = "Intel SGX PCK Platform CA";
inline constexpr const char* kProcessorCaName = "Intel SGX PCK Processor CA";

}  // namespace skill_verifier::dcap
