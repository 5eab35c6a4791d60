#pragma once

#include <memory>
#include <optional>
#include <string>

#include "dcap/certificate_chain.hpp"
#include "dcap/tcb_info.hpp"
#include "skill_verifier/dcap/verify.hpp"

namespace skill_verifier::dcap {

/// A PCK CA below the root, and the list that it signed.
struct PckIssuer {
  Certificate ca;
  PublicKey key;
  Crl crl;
};

/// Collateral in the order in which it is verified. What was loaded has good signatures; the `check_` functions compare
/// instants alone, so that they can be asked again and again.
struct VerifiedCollateral::Impl {
  Ecdsa ecdsa;
  std::optional<Root> root;
  std::optional<Crl> root_crl;
  std::optional<Certificate> tcb_signing;
  std::optional<Certificate> qe_signing;  ///< absent: the same as tcb_signing
  std::optional<TcbInfo> tcb_info;
  std::optional<QeIdentity> qe_identity;
  std::string pck_crl;                  ///< hex; verified under the quote's PCK CA
  std::optional<PckIssuer> pck_issuer;  ///< verified ahead, when the collateral names the issuer of its list

  Result<void> load_root_crl(const Collateral& collateral, const TrustRoot& trusted);
  Result<void> check_root_crl(std::int64_t now) const;
  Result<void> load_tcb_info(const Collateral& collateral);
  Result<void> check_tcb_info(std::int64_t now) const;
  Result<void> load_qe_identity(const Collateral& collateral);
  Result<void> check_qe_identity(std::int64_t now) const;

  /// The PCK CA of a chain: issued by the root, not revoked. Errors: PCKCA_….
  Result<PublicKey> check_pck_ca(const Certificate& ca) const;
  /// pck_crl as that CA signed it. Errors: PCKCRL_….
  Result<Crl> load_pck_crl(const Certificate& ca, const PublicKey& key) const;
  /// Fills pck_issuer from the collateral's pck_crl_issuer_chain, which may hold anything.
  void load_pck_issuer(const Collateral& collateral);

 private:
  Result<Certificate> load_signer(const std::string& chain, std::string_view prefix) const;
  Result<void> check_signature(const Certificate& signer, std::string_view text, std::string_view signature,
                               std::string_view prefix) const;
};

}  // namespace skill_verifier::dcap
