#include "dcap/certificate_chain.hpp"

#include <algorithm>

#include "dcap/der.hpp"
#include "dcap/iso_time.hpp"
#include "dcap/text.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr std::string_view kPlatformCa = "Intel SGX PCK Platform CA";
constexpr std::string_view kProcessorCa = "Intel SGX PCK Processor CA";

std::string quoted(std::string_view name) {
  return text("'", core::shorten(name), "'");
}

}  // namespace

Result<Root> load_root(ByteView der, const Ecdsa& ecdsa) {
  auto certificate = parse_certificate(Bytes(der.begin(), der.end()));
  if (!certificate) return refusal("ROOT_CERT_PARSE", text("the root certificate: ", certificate.error().message));
  const bool is_root = certificate->is_ca && certificate->key_cert_sign && certificate->crl_sign &&
                       der::equals(certificate->issuer, certificate->subject) &&
                       certificate->path_length.value_or(1) >= 1;
  if (!is_root) return refusal("ROOT_CERT_PARSE", "the root certificate is not one of a self-issued CA of CAs");
  auto key = ecdsa.import(certificate->public_point);
  if (!key) return refusal("ROOT_CERT_PARSE", "the root certificate's key is not a point of P-256");
  return Root{std::move(*certificate), std::move(*key)};
}

Result<void> check_is_root(const Bytes& der, const Root& root, std::string_view prefix) {
  if (der == root.certificate.der) return {};
  if (auto parsed = parse_link(der, prefix); !parsed) return parsed.error();
  return refusal(text(prefix, "_ROOT_UNTRUSTED"),
                 text("the chain ends at the certificate with SHA-256 ", core::sha256(der), ", the trusted root has ",
                      core::sha256(root.certificate.der)));
}

Result<Certificate> parse_link(Bytes der, std::string_view prefix) {
  auto certificate = parse_certificate(std::move(der));
  if (!certificate) {
    return refusal(text(prefix, "_CERT_PARSE"), text("a certificate of the chain: ", certificate.error().message));
  }
  return certificate;
}

Result<PublicKey> import_key(const Certificate& certificate, const Ecdsa& ecdsa, std::string_view prefix) {
  auto key = ecdsa.import(certificate.public_point);
  if (!key) {
    return refusal(text(prefix, "_CERT_PARSE"),
                   text("the key of ", quoted(certificate.common_name), " is not a point of P-256"));
  }
  return std::move(*key);
}

Result<void> check_issued_by(const Certificate& child, const Certificate& parent, const PublicKey& parent_key,
                             const Ecdsa& ecdsa, std::string_view prefix) {
  if (!der::equals(child.issuer, parent.subject)) {
    return refusal(text(prefix, "_ISSUER"),
                   text(quoted(child.common_name), " names ", quoted(child.issuer_common_name),
                        " as its issuer, the next certificate is of ", quoted(parent.common_name)));
  }
  if (!ecdsa.verify(parent_key, child.tbs, child.signature)) {
    return refusal(text(prefix, "_SIGNATURE"), text("the signature of ", quoted(parent.common_name), " on ",
                                                    quoted(child.common_name), " does not verify"));
  }
  return {};
}

Result<void> check_end_entity(const Certificate& certificate, std::string_view common_name, std::string_view prefix) {
  if (certificate.is_ca) {
    return refusal(text(prefix, "_IS_CA"), text(quoted(certificate.common_name), " is a CA, not an end entity"));
  }
  if (!certificate.digital_signature) {
    return refusal(text(prefix, "_KEYUSAGE"), text(quoted(certificate.common_name), " may not sign data"));
  }
  if (certificate.common_name != common_name) {
    return refusal(text(prefix, "_CN"),
                   text("the certificate is of ", quoted(certificate.common_name), ", not ", quoted(common_name)));
  }
  return {};
}

Result<void> check_pck_ca(const Certificate& certificate) {
  if (!certificate.is_ca) {
    return refusal("PCKCA_NOT_CA", text(quoted(certificate.common_name), ", the PCK's issuer, is not a CA"));
  }
  if (!certificate.key_cert_sign || !certificate.crl_sign) {
    return refusal("PCKCA_KEYUSAGE", text(quoted(certificate.common_name), " may not sign certificates and CRLs"));
  }
  if (certificate.common_name != kPlatformCa && certificate.common_name != kProcessorCa) {
    return refusal("PCKCA_CN", text("the PCK's issuer is ", quoted(certificate.common_name), ", not ",
                                    quoted(kPlatformCa), " or ", quoted(kProcessorCa)));
  }
  return {};
}

Result<void> check_window(std::int64_t begin, std::int64_t end, std::int64_t now, std::string_view prefix,
                          std::string_view what) {
  if (now < begin) {
    return refusal(text(prefix, "_NOT_YET_VALID"),
                   text(what, " is valid from ", format_time(begin), ", now is ", format_time(now)));
  }
  if (now > end) {
    return refusal(text(prefix, "_EXPIRED"),
                   text(what, " is valid until ", format_time(end), ", now is ", format_time(now)));
  }
  return {};
}

Result<Crl> load_crl(std::string_view hex, std::string_view prefix) {
  auto der = parse_plain_hex(hex);
  if (!der) return refusal(text(prefix, "_FORMAT"), "the list is not hex");
  auto crl = parse_crl(std::move(*der));
  if (!crl) return refusal(text(prefix, "_", crl.error().id), crl.error().message);
  return crl;
}

Result<void> check_crl_issuer(const Crl& crl, const Certificate& issuer, const PublicKey& issuer_key,
                              const Ecdsa& ecdsa, std::string_view prefix) {
  if (!der::equals(crl.issuer, issuer.subject)) {
    return refusal(text(prefix, "_ISSUER"),
                   text("the list is of ", quoted(common_name_of(crl.issuer)), ", not ", quoted(issuer.common_name)));
  }
  if (!der::equals(crl.authority_key_id, issuer.subject_key_id)) {
    return refusal(text(prefix, "_AKI"), text("the list was signed by key ", crl.authority_key_id, ", its issuer has ",
                                              issuer.subject_key_id));
  }
  if (!ecdsa.verify(issuer_key, crl.tbs, crl.signature)) {
    return refusal(text(prefix, "_SIGNATURE"),
                   text("the signature of ", quoted(issuer.common_name), " on the list does not verify"));
  }
  return {};
}

Result<Bytes> parse_plain_hex(std::string_view text) {
  if (text.size() > 1 && text[1] == 'x') return refusal("hex_invalid", "text with a prefix");
  return core::parse_hex(text);
}

}  // namespace skill_verifier::dcap
