#pragma once

#include <string>
#include <string_view>

#include "dcap/certificate.hpp"
#include "dcap/crl.hpp"
#include "dcap/ecdsa.hpp"

namespace skill_verifier::dcap {

/// The pinned certificate with its key.
struct Root {
  Certificate certificate;
  PublicKey key;
};

/// Errors: `ROOT_CERT_PARSE` where it is no self-issued CA certificate in Intel's profile.
Result<Root> load_root(ByteView der, const Ecdsa& ecdsa);

/// The last certificate of a chain must be the pin, byte for byte. Errors: PREFIX_CERT_PARSE,
/// PREFIX_ROOT_UNTRUSTED.
Result<void> check_is_root(const Bytes& der, const Root& root, std::string_view prefix);

/// parse_certificate with the code PREFIX_CERT_PARSE.
Result<Certificate> parse_link(Bytes der, std::string_view prefix);
/// Errors: PREFIX_CERT_PARSE for a point that is not on the curve.
Result<PublicKey> import_key(const Certificate& certificate, const Ecdsa& ecdsa, std::string_view prefix);
/// `child` names `parent` as its issuer and carries its signature. Errors: PREFIX_ISSUER, PREFIX_SIGNATURE.
Result<void> check_issued_by(const Certificate& child, const Certificate& parent, const PublicKey& parent_key,
                             const Ecdsa& ecdsa, std::string_view prefix);
/// Errors: PREFIX_IS_CA, PREFIX_KEYUSAGE, PREFIX_CN.
Result<void> check_end_entity(const Certificate& certificate, std::string_view common_name, std::string_view prefix);
/// Errors: PCKCA_NOT_CA, PCKCA_KEYUSAGE, PCKCA_CN.
Result<void> check_pck_ca(const Certificate& certificate);
/// Errors: PREFIX_NOT_YET_VALID, PREFIX_EXPIRED.
Result<void> check_window(std::int64_t begin, std::int64_t end, std::int64_t now, std::string_view prefix,
                          std::string_view what);

/// hex of DER to a list that its issuer signed. Errors: PREFIX_FORMAT and all others about its form.
Result<Crl> load_crl(std::string_view hex, std::string_view prefix);
Result<void> check_crl_issuer(const Crl& crl, const Certificate& issuer, const PublicKey& issuer_key,
                              const Ecdsa& ecdsa, std::string_view prefix);

/// Exact hex digits, no prefix, no white space.
Result<Bytes> parse_plain_hex(std::string_view text);

}  // namespace skill_verifier::dcap
