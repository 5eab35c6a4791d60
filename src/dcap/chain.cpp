#include "dcap/chain.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "dcap/pem.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr std::size_t kMaxPemBytes = 32u << 10;

Refusal refusal(std::string_view prefix, std::string_view suffix, std::string message) {
  return {fmt::format("{}_{}", prefix, suffix), std::move(message)};
}

}  // namespace

Checked<std::vector<Certificate>> read_chain(std::string_view prefix, std::string_view pem, std::size_t count,
                                             const Certificate& root) {
  if (pem.size() > kMaxPemBytes)
    return refusal(prefix, "PEM", fmt::format("the chain has {} bytes, the limit is {}", pem.size(), kMaxPemBytes));
  auto blocks = parse_pem_certificates(pem);
  if (!blocks) return refusal(prefix, "PEM", blocks.error().message);
  if (blocks->empty() && !pem.empty()) return refusal(prefix, "PEM", "the chain has no certificate");
  if (blocks->size() != count)
    return refusal(prefix, "CHAIN_LENGTH", fmt::format("the chain has {} certificates, not {}", blocks->size(), count));
  std::vector<Certificate> chain;
  chain.reserve(count);
  for (auto& der : *blocks) {
    auto certificate = parse_certificate(std::move(der));
    if (!certificate) return refusal(prefix, "CERT_PARSE", certificate.error().message);
    chain.push_back(std::move(*certificate));
  }
  if (chain.back().der != root.der)
    return refusal(prefix, "ROOT_UNTRUSTED",
                   fmt::format("the chain ends at '{}' with SHA-256 {}, which is not the trusted root's",
                               core::shorten(chain.back().common_name), core::to_hex(core::sha256(chain.back().der))));
  return chain;
}

Checked<void> check_issued_by(std::string_view prefix, const Crypto& crypto, const Certificate& certificate,
                              const Issuer& issuer) {
  switch (check_issuance(crypto, certificate, issuer.certificate, issuer.key)) {
    case Issuance::good:
      return {};
    case Issuance::wrong_issuer:
      return refusal(prefix, "ISSUER",
                     fmt::format("'{}' was not issued by '{}'", core::shorten(certificate.common_name),
                                 core::shorten(issuer.certificate.common_name)));
    case Issuance::wrong_signature:
      break;
  }
  return refusal(prefix, "SIGNATURE",
                 fmt::format("the signature of '{}' is not that of '{}'", core::shorten(certificate.common_name),
                             core::shorten(issuer.certificate.common_name)));
}

Checked<void> check_end_entity(std::string_view prefix, const Certificate& certificate, std::string_view name) {
  if (certificate.ca)
    return refusal(prefix, "IS_CA", fmt::format("'{}' is a CA", core::shorten(certificate.common_name)));
  if (!certificate.digital_signature)
    return refusal(prefix, "KEYUSAGE", fmt::format("'{}' may not sign data", core::shorten(certificate.common_name)));
  if (certificate.common_name != name)
    return refusal(prefix, "CN",
                   fmt::format("the certificate is '{}', not '{}'", core::shorten(certificate.common_name), name));
  return {};
}

Checked<void> check_not_listed(std::string_view prefix, const Certificate& certificate, const Crl& crl) {
  if (!crl.lists(certificate.serial)) return {};
  return refusal(prefix, "REVOKED",
                 fmt::format("'{}' with serial {} is revoked", core::shorten(certificate.common_name),
                             core::to_hex(certificate.serial)));
}

Checked<PublicKey> public_key(std::string_view prefix, const Certificate& certificate) {
  auto key = PublicKey::from_point(certificate.public_point);
  if (!key)
    return refusal(prefix, "CERT_PARSE",
                   fmt::format("the key of '{}' is not on P-256", core::shorten(certificate.common_name)));
  return std::move(*key);
}

}  // namespace skill_verifier::dcap
