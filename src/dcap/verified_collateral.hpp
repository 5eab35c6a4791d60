#pragma once

#include <optional>

#include "dcap/chain.hpp"
#include "dcap/tcb_info.hpp"

namespace skill_verifier::dcap {

/// A certificate and its key.
struct Authority {
  Certificate certificate;
  PublicKey key;

  Issuer issuer() const { return {certificate, key}; }
};

struct VerifiedCollateral::Impl {
  Crypto crypto;
  std::optional<Authority> root;
  Crl root_crl;
  std::vector<Certificate> tcb_chain, qe_chain;  ///< signer, root
  TcbInfo tcb_info;
  QeIdentity qe_identity;
  Crl pck_crl;
  /// Whose the PCK CRL is, where the collateral says it and it is true: a quote that names the same CA needs no
  /// signature of that CA to be checked again.
  std::optional<Authority> pck_ca;
};

/// Everything about the collateral that does not depend on the time. Codes of facts/dcap.md §14.
Checked<std::shared_ptr<const VerifiedCollateral::Impl>> check_collateral(const Collateral& collateral,
                                                                          const TrustRoot& root);
/// Certificates' and CRL's validity, issueDate and nextUpdate; the PCK CRL is checked with the PCK chain.
Checked<void> check_root_time(const VerifiedCollateral::Impl& collateral, std::int64_t now);
Checked<void> check_tcb_info_time(const VerifiedCollateral::Impl& collateral, std::int64_t now);
Checked<void> check_qe_identity_time(const VerifiedCollateral::Impl& collateral, std::int64_t now);

/// A PCK CA: issued by the root, a CA of that name with the right to issue, not revoked. Codes PCKCA_….
Checked<void> check_pck_ca(const Crypto& crypto, const Certificate& ca, const Issuer& root, const Crl& root_crl);

}  // namespace skill_verifier::dcap
