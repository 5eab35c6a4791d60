#pragma once

#include <string_view>
#include <vector>

#include "dcap/crl.hpp"

namespace skill_verifier::dcap {

/// A chain of exactly `count` certificates that ends at the root's very bytes. Codes `_PEM`, `_CHAIN_LENGTH`,
/// `_CERT_PARSE`, `_ROOT_UNTRUSTED` after `prefix`.
Checked<std::vector<Certificate>> read_chain(std::string_view prefix, std::string_view pem, std::size_t count,
                                             const Certificate& root);

/// Who issued a certificate, and whether the issuer may.
struct Issuer {
  const Certificate& certificate;
  const PublicKey& key;
};
/// Codes `_ISSUER`, `_SIGNATURE`.
Checked<void> check_issued_by(std::string_view prefix, const Crypto& crypto, const Certificate& certificate,
                              const Issuer& issuer);
/// An end entity of that name: codes `_IS_CA`, `_KEYUSAGE`, `_CN`.
Checked<void> check_end_entity(std::string_view prefix, const Certificate& certificate, std::string_view name);
/// Code `_REVOKED` after `prefix`.
Checked<void> check_not_listed(std::string_view prefix, const Certificate& certificate, const Crl& crl);
/// The certificate's public key; code `_CERT_PARSE` for a point that is not on the curve.
Checked<PublicKey> public_key(std::string_view prefix, const Certificate& certificate);

}  // namespace skill_verifier::dcap
