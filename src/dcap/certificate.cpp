#include "dcap/certificate.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "dcap/der.hpp"
#include "dcap/oids.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr std::size_t kMaxCertificateBytes = 8192;

Refusal bad(std::string what) {
  return {{}, "the certificate's " + std::move(what)};
}

bool is_ecdsa_with_sha256(ByteView algorithm) {
  der::Reader reader(algorithm);
  const auto oid = reader.take(der::kOid);
  return oid && der::is_oid(*oid, oids::kEcdsaWithSha256) && reader.empty();
}

/// The last commonName of a Name.
Checked<std::string> common_name(ByteView name) {
  std::string found;
  der::Reader sets(name);
  while (!sets.empty()) {
    const auto set = sets.take(der::kSet);
    if (!set) return bad("name is malformed");
    der::Reader attributes(*set);
    while (!attributes.empty()) {
      const auto attribute = attributes.take(der::kSequence);
      if (!attribute) return bad("name is malformed");
      der::Reader parts(*attribute);
      const auto type = parts.take(der::kOid);
      const auto value = parts.take();
      if (!type || !value || !parts.empty()) return bad("name is malformed");
      if (der::is_oid(*type, oids::kCommonName)) found = core::as_text(value->content);
    }
  }
  return found;
}

Checked<void> read_validity(ByteView content, Certificate& certificate) {
  der::Reader reader(content);
  const auto first = reader.take(), second = reader.take();
  const auto not_before = first ? der::time(*first) : std::nullopt;
  const auto not_after = second ? der::time(*second) : std::nullopt;
  if (!not_before || !not_after || !reader.empty()) return bad("validity is malformed");
  certificate.not_before = *not_before;
  certificate.not_after = *not_after;
  return {};
}

Checked<void> read_public_key(ByteView content, Certificate& certificate) {
  der::Reader reader(content);
  const auto algorithm = reader.take(der::kSequence);
  const auto bits = reader.take(der::kBitString);
  if (!algorithm || !bits || !reader.empty()) return bad("public key is malformed");
  der::Reader parts(*algorithm);
  const auto type = parts.take(der::kOid), curve = parts.take(der::kOid);
  const bool p256 = type && curve && parts.empty() && der::is_oid(*type, oids::kEcPublicKey) &&
                    der::is_oid(*curve, oids::kPrime256v1);
  const auto point = der::whole_bits(*bits);
  if (!p256 || !point || point->size() != 65 || (*point)[0] != 0x04) return bad("public key is not on P-256");
  certificate.public_point = point->subspan(1);
  return {};
}

Checked<void> read_key_usage(ByteView value, Certificate& certificate) {
  const auto bits = der::whole(value, der::kBitString);
  if (!bits || bits->content.size() < 2 || bits->content[0] > 7) return bad("key usage is malformed");
  const std::uint8_t first = bits->content[1];
  certificate.digital_signature = (first & 0x80) != 0;
  certificate.key_cert_sign = (first & 0x04) != 0;
  certificate.crl_sign = (first & 0x02) != 0;
  return {};
}

Checked<void> read_basic_constraints(ByteView value, Certificate& certificate) {
  const auto sequence = der::whole(value, der::kSequence);
  if (!sequence) return bad("basic constraints are malformed");
  der::Reader reader(sequence->content);
  if (reader.next_is(der::kBoolean)) {
    const auto ca = der::boolean(*reader.take(der::kBoolean));
    if (!ca) return bad("basic constraints are malformed");
    certificate.ca = *ca;
  }
  if (reader.next_is(der::kInteger)) {
    const auto content = reader.take(der::kInteger);
    const auto length = content ? der::small_unsigned(*content, 255) : std::nullopt;
    if (!length) return bad("path length is malformed");
    certificate.path_length = *length;
  }
  if (!reader.empty()) return bad("basic constraints are malformed");
  return {};
}

Checked<void> read_key_id(ByteView value, Certificate& certificate) {
  const auto id = der::whole(value, der::kOctetString);
  if (!id || id->content.empty()) return bad("subject key identifier is malformed");
  certificate.subject_key_id = id->content;
  return {};
}

Checked<void> read_authority_key_id(ByteView value, Certificate& certificate) {
  const auto id = authority_key_id(value);
  if (!id) return bad("authority key identifier is malformed");
  certificate.authority_key_id = *id;
  return {};
}

/// Which of the profile's extensions were there, to find the missing and the repeated ones.
class Seen {
 public:
  /// False when it was there before.
  bool note(ByteView oid) {
    const auto text = core::as_text(oid);
    if (std::ranges::find(oids_, text) != oids_.end()) return false;
    oids_.push_back(text);
    return true;
  }
  bool has(std::string_view oid) const { return std::ranges::find(oids_, oid) != oids_.end(); }

 private:
  std::vector<std::string_view> oids_;
};

Checked<void> read_extension(const Extension& extension, Certificate& certificate) {
  if (der::is_oid(extension.oid, oids::kKeyUsage)) return read_key_usage(extension.value, certificate);
  if (der::is_oid(extension.oid, oids::kBasicConstraints)) return read_basic_constraints(extension.value, certificate);
  if (der::is_oid(extension.oid, oids::kSubjectKeyId)) return read_key_id(extension.value, certificate);
  if (der::is_oid(extension.oid, oids::kAuthorityKeyId)) return read_authority_key_id(extension.value, certificate);
  if (der::is_oid(extension.oid, oids::kSgx)) {
    certificate.sgx_extension = extension.value;
    return {};
  }
  if (extension.critical && !der::is_oid(extension.oid, oids::kCrlDistributionPoints))
    return bad(fmt::format("critical extension {} is unknown", core::to_hex(extension.oid)));
  return {};
}

Checked<void> read_extensions(ByteView content, Certificate& certificate) {
  const auto list = der::whole(content, der::kSequence);
  if (!list) return bad("extensions are malformed");
  Seen seen;
  der::Reader reader(list->content);
  while (!reader.empty()) {
    const auto item = reader.take(der::kSequence);
    const auto extension = item ? parse_extension(*item) : std::nullopt;
    if (!extension) return bad("extensions are malformed");
    if (!seen.note(extension->oid)) return bad(fmt::format("extension {} stands twice", core::to_hex(extension->oid)));
    if (auto read = read_extension(*extension, certificate); !read) return read;
  }
  for (const auto& [oid, name] : {std::pair{oids::kAuthorityKeyId, "authority key identifier"},
                                  {oids::kCrlDistributionPoints, "CRL distribution points"},
                                  {oids::kSubjectKeyId, "subject key identifier"},
                                  {oids::kKeyUsage, "key usage"},
                                  {oids::kBasicConstraints, "basic constraints"}})
    if (!seen.has(oid)) return bad(fmt::format("extension {} is missing", name));
  return {};
}

Checked<void> read_tbs(ByteView content, Certificate& certificate) {
  der::Reader reader(content);
  const auto version = reader.take(der::kContext0);
  const auto number = version ? der::whole(*version, der::kInteger) : std::nullopt;
  if (!number || der::small_unsigned(number->content, 2) != 2U) return bad("version is not 3");
  const auto serial = reader.take(der::kInteger);
  const auto algorithm = reader.take(der::kSequence);
  if (!serial || serial->empty() || !algorithm) return bad("head is malformed");
  if (!is_ecdsa_with_sha256(*algorithm)) return bad("algorithm is not ecdsa-with-SHA256");
  certificate.serial = *serial;
  const auto issuer = reader.take();
  const auto validity = reader.take(der::kSequence);
  const auto subject = reader.take();
  const auto key = reader.take(der::kSequence);
  const auto extensions = reader.take(der::kContext3);
  const bool complete = issuer && issuer->tag == der::kSequence && validity && subject &&
                        subject->tag == der::kSequence && key && extensions && reader.empty();
  if (!complete) return bad("fields are not those of version 3");
  certificate.issuer = issuer->whole;
  certificate.subject = subject->whole;
  SKILL_VERIFIER_TRY(certificate.common_name, common_name(subject->content));
  SKILL_VERIFIER_TRY_VOID(read_validity(*validity, certificate));
  SKILL_VERIFIER_TRY_VOID(read_public_key(*key, certificate));
  return read_extensions(*extensions, certificate);
}

}  // namespace

Checked<Certificate> parse_certificate(Bytes bytes) {
  if (bytes.size() > kMaxCertificateBytes)
    return bad(fmt::format("size is {} bytes, the limit is {}", bytes.size(), kMaxCertificateBytes));
  Certificate certificate;
  certificate.der = std::move(bytes);
  const auto outer = der::whole(certificate.der, der::kSequence);
  if (!outer) return bad("outer structure is not DER");
  der::Reader reader(outer->content);
  const auto tbs = reader.take();
  const auto algorithm = reader.take(der::kSequence);
  const auto bits = reader.take(der::kBitString);
  const auto signature = bits ? der::whole_bits(*bits) : std::nullopt;
  if (!tbs || tbs->tag != der::kSequence || !algorithm || !signature || !reader.empty())
    return bad("outer structure is malformed");
  if (!is_ecdsa_with_sha256(*algorithm)) return bad("algorithm is not ecdsa-with-SHA256");
  certificate.tbs = tbs->whole;
  certificate.signature = *signature;
  SKILL_VERIFIER_TRY_VOID(read_tbs(tbs->content, certificate));
  return certificate;
}

Issuance check_issuance(const Crypto& crypto, const Certificate& issued, const Certificate& issuer,
                        const PublicKey& issuer_key) {
  if (!std::ranges::equal(issued.issuer, issuer.subject)) return Issuance::wrong_issuer;
  return issuer_key.verify_der(crypto, issued.tbs, issued.signature) ? Issuance::good : Issuance::wrong_signature;
}

}  // namespace skill_verifier::dcap
