#include "dcap/verified_collateral.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "dcap/window.hpp"

namespace skill_verifier::dcap {
namespace {

using Impl = VerifiedCollateral::Impl;

constexpr std::size_t kSignerChainLength = 2;
constexpr std::size_t kSignatureDigits = 128;

CollateralWindow window_of(const Certificate& certificate) {
  return {certificate.not_before, certificate.not_after};
}

Checked<Authority> read_root(const Crypto& crypto, const TrustRoot& root) {
  auto certificate = parse_certificate(root.der);
  if (!certificate) return Refusal{"ROOT_CERT_PARSE", "the trusted root: " + certificate.error().message};
  auto key = PublicKey::from_point(certificate->public_point);
  if (!key) return Refusal{"ROOT_CERT_PARSE", "the trusted root's key is not on P-256"};
  if (check_issuance(crypto, *certificate, *certificate, *key) != Issuance::good)
    return Refusal{"ROOT_UNTRUSTED", "the trusted root has not signed itself"};
  if (!certificate->ca || !certificate->key_cert_sign)
    return Refusal{"ROOT_UNTRUSTED", "the trusted root may not issue certificates"};
  return Authority{std::move(*certificate), std::move(*key)};
}

/// Texts that Intel signed: TCB info and QE identity.
struct SignedText {
  std::string_view prefix;
  const std::string& chain;
  const std::string& text;
  const std::string& signature;
};

/// The signer of an earlier text: both usually have the same, which then need not be verified twice.
struct KnownSigner {
  const Certificate* certificate = nullptr;
  const PublicKey* key = nullptr;
};

Checked<void> check_signed_text(const Impl& impl, const SignedText& wanted, const Certificate& signer,
                                const PublicKey& key) {
  const auto signature = wanted.signature.size() == kSignatureDigits ? core::parse_hex(wanted.signature)
                                                                     : Result<Bytes>(Error{Errc::invalid_argument, ""});
  if (!signature || signature->size() != kSignatureDigits / 2)
    return Refusal{fmt::format("{}_SIG_FIELD", wanted.prefix),
                   fmt::format("the signature is not {} hex digits", kSignatureDigits)};
  if (key.verify_raw(impl.crypto, core::as_bytes(wanted.text), *signature)) return {};
  return Refusal{fmt::format("{}_SIGNATURE", wanted.prefix),
                 fmt::format("the signature over the text is not that of '{}'", signer.common_name)};
}

Checked<void> check_signer(const Impl& impl, std::string_view prefix, const Certificate& signer) {
  SKILL_VERIFIER_TRY_VOID(check_issued_by(prefix, impl.crypto, signer, impl.root->issuer()));
  SKILL_VERIFIER_TRY_VOID(check_end_entity(prefix, signer, kTcbSigningName));
  return check_not_listed(fmt::format("{}_CERT", prefix), signer, impl.root_crl);
}

/// Reads and checks the chain; the key of its signer verifies the text.
Checked<std::vector<Certificate>> check_text(const Impl& impl, const SignedText& wanted, const KnownSigner& known,
                                             std::optional<PublicKey>& key) {
  SKILL_VERIFIER_TRY(auto chain, read_chain(wanted.prefix, wanted.chain, kSignerChainLength, impl.root->certificate));
  const auto& signer = chain.front();
  if (known.certificate != nullptr && known.certificate->der == signer.der) {
    SKILL_VERIFIER_TRY_VOID(check_signed_text(impl, wanted, signer, *known.key));
    return chain;
  }
  SKILL_VERIFIER_TRY_VOID(check_signer(impl, wanted.prefix, signer));
  SKILL_VERIFIER_TRY(PublicKey own, public_key(wanted.prefix, signer));
  SKILL_VERIFIER_TRY_VOID(check_signed_text(impl, wanted, signer, own));
  key = std::move(own);
  return chain;
}

/// The CA of the collateral's own PCK CRL chain. It only saves work: what is wrong with it is no refusal.
std::optional<Authority> read_pck_ca(const Impl& impl, const std::string& pem) {
  auto chain = read_chain("PCKCA", pem, kSignerChainLength, impl.root->certificate);
  if (!chain || !check_pck_ca(impl.crypto, chain->front(), impl.root->issuer(), impl.root_crl)) return std::nullopt;
  auto key = PublicKey::from_point(chain->front().public_point);
  if (!key || !check_crl_issuer("PCKCRL", impl.crypto, impl.pck_crl, chain->front(), *key)) return std::nullopt;
  return Authority{std::move(chain->front()), std::move(*key)};
}

}  // namespace

Checked<void> check_pck_ca(const Crypto& crypto, const Certificate& ca, const Issuer& root, const Crl& root_crl) {
  SKILL_VERIFIER_TRY_VOID(check_issued_by("PCKCA", crypto, ca, root));
  const auto refuse = [&](const char* suffix, std::string_view what) {
    return Refusal{fmt::format("PCKCA_{}", suffix), fmt::format("'{}' {}", core::shorten(ca.common_name), what)};
  };
  if (!ca.ca) return refuse("NOT_CA", "is not a CA");
  if (!ca.key_cert_sign) return refuse("KEYUSAGE", "may not issue certificates");
  if (ca.common_name != kPlatformCaName && ca.common_name != kProcessorCaName)
    return refuse("CN", fmt::format("is neither '{}' nor '{}'", kPlatformCaName, kProcessorCaName));
  return check_not_listed("PCKCA", ca, root_crl);
}

Checked<std::shared_ptr<const Impl>> check_collateral(const Collateral& collateral, const TrustRoot& root) {
  const auto impl = std::make_shared<Impl>();
  SKILL_VERIFIER_TRY(impl->root, read_root(impl->crypto, root));
  SKILL_VERIFIER_TRY(impl->root_crl, parse_crl("ROOTCRL", collateral.root_ca_crl));
  const auto issuer = impl->root->issuer();
  SKILL_VERIFIER_TRY_VOID(check_crl_issuer("ROOTCRL", impl->crypto, impl->root_crl, issuer.certificate, issuer.key));
  SKILL_VERIFIER_TRY_VOID(check_not_listed("ROOT", issuer.certificate, impl->root_crl));

  std::optional<PublicKey> tcb_key, qe_key;
  const SignedText info{"TCB", collateral.tcb_info_issuer_chain, collateral.tcb_info, collateral.tcb_info_signature};
  SKILL_VERIFIER_TRY(impl->tcb_chain, check_text(*impl, info, {}, tcb_key));
  const SignedText identity{"QEID", collateral.qe_identity_issuer_chain, collateral.qe_identity,
                            collateral.qe_identity_signature};
  const KnownSigner known{&impl->tcb_chain.front(), &*tcb_key};
  SKILL_VERIFIER_TRY(impl->qe_chain, check_text(*impl, identity, known, qe_key));
  SKILL_VERIFIER_TRY(impl->tcb_info, parse_tcb_info(collateral.tcb_info));
  SKILL_VERIFIER_TRY(impl->qe_identity, parse_qe_identity(collateral.qe_identity));
  SKILL_VERIFIER_TRY(impl->pck_crl, parse_crl("PCKCRL", collateral.pck_crl));
  if (!collateral.pck_crl_issuer_chain.empty()) impl->pck_ca = read_pck_ca(*impl, collateral.pck_crl_issuer_chain);
  return std::shared_ptr<const Impl>(impl);
}

Checked<void> check_root_time(const Impl& collateral, std::int64_t now) {
  SKILL_VERIFIER_TRY_VOID(check_window("ROOT", "the root certificate", window_of(collateral.root->certificate), now));
  return check_crl_time("ROOTCRL", collateral.root_crl, now);
}

Checked<void> check_tcb_info_time(const Impl& collateral, std::int64_t now) {
  SKILL_VERIFIER_TRY_VOID(
      check_window("TCB_CERT", "the TCB info's signing certificate", window_of(collateral.tcb_chain.front()), now));
  return check_window("TCB", "the TCB info", collateral.tcb_info.window, now);
}

Checked<void> check_qe_identity_time(const Impl& collateral, std::int64_t now) {
  SKILL_VERIFIER_TRY_VOID(
      check_window("QEID_CERT", "the QE identity's signing certificate", window_of(collateral.qe_chain.front()), now));
  return check_window("QEID", "the QE identity", collateral.qe_identity.window, now);
}

}  // namespace skill_verifier::dcap
