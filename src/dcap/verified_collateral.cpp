#include "dcap/verified_collateral.hpp"

#include <algorithm>

#include "dcap/pem.hpp"
#include "dcap/text.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr std::string_view kTcbSigning = "Intel SGX TCB Signing";

Result<std::vector<Bytes>> parse_chain(std::string_view pem, std::size_t length, std::string_view prefix) {
  auto chain = parse_pem_certificates(pem);
  if (!chain) return refusal(text(prefix, "_PEM"), chain.error().message);
  if (chain->size() != length) {
    return refusal(text(prefix, "_CHAIN_LENGTH"), text("the chain has ", chain->size(), " certificates, not ", length));
  }
  return chain;
}

Result<void> check_certificate_window(const Certificate& certificate, std::int64_t now, std::string_view prefix,
                                      std::string_view what) {
  return check_window(certificate.not_before, certificate.not_after, now, prefix, what);
}

}  // namespace

Result<void> VerifiedCollateral::Impl::load_root_crl(const Collateral& collateral, const TrustRoot& trusted) {
  SKILL_VERIFIER_TRY(root, load_root(trusted.der, ecdsa));
  SKILL_VERIFIER_TRY(root_crl, load_crl(collateral.root_ca_crl, "ROOTCRL"));
  SKILL_VERIFIER_TRY_VOID(check_crl_issuer(*root_crl, root->certificate, root->key, ecdsa, "ROOTCRL"));
  if (root_crl->revokes(root->certificate)) return refusal("ROOT_REVOKED", "the root's list names the root itself");
  return {};
}

Result<void> VerifiedCollateral::Impl::check_root_crl(std::int64_t now) const {
  SKILL_VERIFIER_TRY_VOID(check_certificate_window(root->certificate, now, "ROOT", "the root certificate"));
  return check_window(root_crl->this_update, root_crl->next_update, now, "ROOTCRL", "the root's revocation list");
}

Result<Certificate> VerifiedCollateral::Impl::load_signer(const std::string& chain, std::string_view prefix) const {
  SKILL_VERIFIER_TRY(auto certificates, parse_chain(chain, 2, prefix));
  SKILL_VERIFIER_TRY(auto signer, parse_link(std::move(certificates[0]), prefix));
  SKILL_VERIFIER_TRY_VOID(check_is_root(certificates[1], *root, prefix));
  SKILL_VERIFIER_TRY_VOID(check_issued_by(signer, root->certificate, root->key, ecdsa, prefix));
  SKILL_VERIFIER_TRY_VOID(check_end_entity(signer, kTcbSigning, prefix));
  if (root_crl->revokes(signer)) {
    return refusal(text(prefix, "_CERT_REVOKED"), "the signer's certificate is on the root's revocation list");
  }
  return signer;
}

Result<void> VerifiedCollateral::Impl::check_signature(const Certificate& signer, std::string_view signed_text,
                                                       std::string_view signature, std::string_view prefix) const {
  const auto octets = parse_plain_hex(signature);
  if (!octets || octets->size() != 64) {
    return refusal(text(prefix, "_SIG_FIELD"), "the signature is not 128 hex digits");
  }
  SKILL_VERIFIER_TRY(const auto key, import_key(signer, ecdsa, prefix));
  if (!ecdsa.verify_raw(key, core::as_bytes(signed_text), *octets)) {
    return refusal(text(prefix, "_SIGNATURE"), "the signature over the document's text does not verify");
  }
  return {};
}

Result<void> VerifiedCollateral::Impl::load_tcb_info(const Collateral& collateral) {
  SKILL_VERIFIER_TRY(tcb_signing, load_signer(collateral.tcb_info_issuer_chain, "TCB"));
  SKILL_VERIFIER_TRY_VOID(check_signature(*tcb_signing, collateral.tcb_info, collateral.tcb_info_signature, "TCB"));
  SKILL_VERIFIER_TRY(tcb_info, parse_tcb_info(collateral.tcb_info));
  return {};
}

Result<void> VerifiedCollateral::Impl::check_tcb_info(std::int64_t now) const {
  SKILL_VERIFIER_TRY_VOID(check_certificate_window(*tcb_signing, now, "TCB_CERT", "the tcb signing certificate"));
  return check_window(tcb_info->issue_date, tcb_info->next_update, now, "TCB", "the tcb info");
}

Result<void> VerifiedCollateral::Impl::load_qe_identity(const Collateral& collateral) {
  // Intel sends the same chain with both; its one signature need not be verified twice.
  if (collateral.qe_identity_issuer_chain != collateral.tcb_info_issuer_chain) {
    SKILL_VERIFIER_TRY(qe_signing, load_signer(collateral.qe_identity_issuer_chain, "QEID"));
  }
  const auto& signer = qe_signing ? *qe_signing : *tcb_signing;
  SKILL_VERIFIER_TRY_VOID(check_signature(signer, collateral.qe_identity, collateral.qe_identity_signature, "QEID"));
  SKILL_VERIFIER_TRY(qe_identity, parse_qe_identity(collateral.qe_identity));
  return {};
}

Result<void> VerifiedCollateral::Impl::check_qe_identity(std::int64_t now) const {
  if (qe_signing) {
    SKILL_VERIFIER_TRY_VOID(check_certificate_window(*qe_signing, now, "QEID_CERT", "the qe identity's signer"));
  }
  return check_window(qe_identity->issue_date, qe_identity->next_update, now, "QEID", "the qe identity");
}

Result<PublicKey> VerifiedCollateral::Impl::check_pck_ca(const Certificate& ca) const {
  SKILL_VERIFIER_TRY_VOID(check_issued_by(ca, root->certificate, root->key, ecdsa, "PCKCA"));
  SKILL_VERIFIER_TRY_VOID(dcap::check_pck_ca(ca));
  if (root_crl->revokes(ca)) return refusal("PCKCA_REVOKED", "the pck ca is on the root's revocation list");
  return import_key(ca, ecdsa, "PCK");
}

Result<Crl> VerifiedCollateral::Impl::load_pck_crl(const Certificate& ca, const PublicKey& key) const {
  SKILL_VERIFIER_TRY(auto crl, load_crl(pck_crl, "PCKCRL"));
  SKILL_VERIFIER_TRY_VOID(check_crl_issuer(crl, ca, key, ecdsa, "PCKCRL"));
  return crl;
}

void VerifiedCollateral::Impl::load_pck_issuer(const Collateral& collateral) {
  auto chain = parse_chain(collateral.pck_crl_issuer_chain, 2, "PCKCRL");
  if (!chain || (*chain)[1] != root->certificate.der) return;
  auto ca = parse_certificate(std::move(chain->front()));
  if (!ca) return;
  auto key = check_pck_ca(*ca);
  if (!key) return;
  auto crl = load_pck_crl(*ca, *key);
  if (crl) pck_issuer.emplace(PckIssuer{std::move(*ca), std::move(*key), std::move(*crl)});
}

VerifiedCollateral::VerifiedCollateral(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
VerifiedCollateral::VerifiedCollateral(VerifiedCollateral&&) noexcept = default;
VerifiedCollateral& VerifiedCollateral::operator=(VerifiedCollateral&&) noexcept = default;
VerifiedCollateral::~VerifiedCollateral() = default;

Result<VerifiedCollateral> verify_collateral(const Collateral& collateral, const TrustRoot& root, std::int64_t now) {
  auto impl = std::make_shared<VerifiedCollateral::Impl>();
  impl->pck_crl = collateral.pck_crl;
  const auto load = [&]() -> Result<void> {
    SKILL_VERIFIER_TRY_VOID(impl->load_root_crl(collateral, root));
    SKILL_VERIFIER_TRY_VOID(impl->check_root_crl(now));
    SKILL_VERIFIER_TRY_VOID(impl->load_tcb_info(collateral));
    SKILL_VERIFIER_TRY_VOID(impl->check_tcb_info(now));
    SKILL_VERIFIER_TRY_VOID(impl->load_qe_identity(collateral));
    return impl->check_qe_identity(now);
  };
  if (auto loaded = load(); !loaded) {
    auto error = std::move(loaded).error();
    for (char& c : error.id)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return error;
  }
  impl->load_pck_issuer(collateral);
  return VerifiedCollateral(std::move(impl));
}

}  // namespace skill_verifier::dcap
