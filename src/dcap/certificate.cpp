#include "dcap/certificate.hpp"

#include "dcap/der.hpp"
#include "dcap/oids.hpp"
#include "dcap/text.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr std::uint8_t kVersionTag = 0xa0;
constexpr std::uint8_t kExtensionsTag = 0xa3;
constexpr std::uint8_t kKeyIdentifierTag = 0x80;
constexpr std::uint32_t kVersion3 = 2;
constexpr std::size_t kMaxSerialOctets = 21;
constexpr std::uint8_t kDigitalSignature = 0x80, kKeyCertSign = 0x04, kCrlSign = 0x02;

Error invalid(std::string message) {
  return refusal("certificate_invalid", std::move(message));
}

bool read_version(der::Walk& fields) {
  const auto wrapped = fields.take(kVersionTag);
  const auto version = wrapped ? der::only(*wrapped, der::kInteger) : std::nullopt;
  return version && der::small_number(*version, kVersion3) == kVersion3;
}

bool read_validity(ByteView content, Certificate& certificate) {
  der::Walk fields(content);
  const auto begin = fields.next();
  const auto end = fields.next();
  const auto not_before = begin ? der::time(*begin) : std::nullopt;
  const auto not_after = end ? der::time(*end) : std::nullopt;
  if (!not_before || !not_after || !fields.done()) return false;
  certificate.not_before = *not_before;
  certificate.not_after = *not_after;
  return true;
}

bool read_public_key(ByteView content, Certificate& certificate) {
  der::Walk fields(content);
  const auto algorithm = fields.take(der::kSequence);
  const auto key = fields.take(der::kBitString);
  if (!algorithm || !key || !fields.done()) return false;
  der::Walk names(*algorithm);
  const auto type = names.take(der::kOid);
  const auto curve = names.take(der::kOid);
  if (!type || !curve || !names.done()) return false;
  if (!der::equals(*type, oid::kEcPublicKey) || !der::equals(*curve, oid::kPrime256v1)) return false;
  const auto point = whole_octets(*key);
  if (!point || point->size() != 65 || (*point)[0] != 0x04) return false;
  certificate.public_point = point->subspan(1);
  return true;
}

bool read_key_usage(const der::Extension& extension, Certificate& certificate) {
  const auto bits = der::only(extension.value, der::kBitString);
  if (!extension.critical || !bits || bits->size() != 2 || (*bits)[0] > 7) return false;
  const std::uint8_t usage = (*bits)[1];
  certificate.digital_signature = (usage & kDigitalSignature) != 0;
  certificate.key_cert_sign = (usage & kKeyCertSign) != 0;
  certificate.crl_sign = (usage & kCrlSign) != 0;
  return true;
}

bool read_basic_constraints(const der::Extension& extension, Certificate& certificate) {
  constexpr std::uint32_t kMaxPathLength = 16;
  const auto content = der::only(extension.value, der::kSequence);
  if (!extension.critical || !content) return false;
  der::Walk fields(*content);
  if (fields.at(der::kBoolean)) {
    const auto value = fields.take(der::kBoolean);
    const auto ca = value ? der::boolean(*value) : std::nullopt;
    if (!ca) return false;
    certificate.is_ca = *ca;
  }
  if (fields.at(der::kInteger)) {
    const auto value = fields.take(der::kInteger);
    certificate.path_length = value ? der::small_number(*value, kMaxPathLength) : std::nullopt;
    if (!certificate.path_length || !certificate.is_ca) return false;
  }
  return fields.done();
}

/// Intel SGX PCK Certificate and CRL Profile Specification: these five in every certificate, and the SGX extension in
/// PCK certificates.
Result<void> read_extensions(ByteView content, Certificate& certificate) {
  const auto list = der::only(content, der::kSequence);
  const auto all = list ? der::extensions(*list) : std::nullopt;
  if (!all) return invalid("its extensions are malformed or one stands there twice");
  for (const auto& extension : *all) {
    const bool understood = der::equals(extension.oid, oid::kKeyUsage) ||
                            der::equals(extension.oid, oid::kBasicConstraints) || !extension.critical;
    if (!understood) return invalid(text("it has the critical extension ", extension.oid, ", which nobody here knows"));
  }
  const auto* subject_key = der::find(*all, oid::kSubjectKeyId);
  const auto* authority_key = der::find(*all, oid::kAuthorityKeyId);
  const auto* usage = der::find(*all, oid::kKeyUsage);
  const auto* constraints = der::find(*all, oid::kBasicConstraints);
  if (!subject_key || !authority_key || !usage || !constraints || !der::find(*all, oid::kCrlDistributionPoints)) {
    return invalid("one of its five standard extensions is missing");
  }
  const auto key_id = der::only(subject_key->value, der::kOctetString);
  if (!key_id || !authority_key_id_of(authority_key->value)) return invalid("a key identifier is malformed");
  if (!read_key_usage(*usage, certificate)) return invalid("its key usage is malformed or not critical");
  if (!read_basic_constraints(*constraints, certificate)) {
    return invalid("its basic constraints are malformed or not critical");
  }
  certificate.subject_key_id = *key_id;
  if (const auto* sgx = der::find(*all, oid::kSgx)) certificate.sgx_extension = sgx->value;
  return {};
}

Result<void> read_tbs(ByteView content, ByteView outer_algorithm, Certificate& certificate) {
  der::Walk fields(content);
  if (!read_version(fields)) return invalid("it is not of version 3");
  const auto serial = fields.take(der::kInteger);
  if (!serial || serial->empty() || serial->size() > kMaxSerialOctets || (*serial)[0] >= 0x80) {
    return invalid("its serial number is malformed");
  }
  certificate.serial = *serial;
  const auto algorithm = fields.take(der::kSequence);
  if (!algorithm || !der::equals(*algorithm, outer_algorithm) || !is_ecdsa_with_sha256(*algorithm)) {
    return invalid("its signature algorithm is not ecdsa-with-SHA256 in both places");
  }
  const auto issuer = fields.next();
  const auto validity = fields.take(der::kSequence);
  const auto subject = fields.next();
  const auto key = fields.take(der::kSequence);
  const auto extensions = fields.take(kExtensionsTag);
  if (!issuer || !validity || !subject || !key || !extensions || !fields.done()) {
    return invalid("it does not have the fields of a certificate");
  }
  certificate.issuer = issuer->whole;
  certificate.subject = subject->whole;
  certificate.issuer_common_name = common_name_of(issuer->whole);
  certificate.common_name = common_name_of(subject->whole);
  if (certificate.issuer_common_name.empty() || certificate.common_name.empty()) {
    return invalid("its issuer or subject has no single common name");
  }
  if (!read_validity(*validity, certificate)) return invalid("its validity is malformed");
  if (!read_public_key(*key, certificate)) return invalid("its key is not an uncompressed P-256 point");
  return read_extensions(*extensions, certificate);
}

}  // namespace

Result<Certificate> parse_certificate(Bytes der) {
  if (der.size() > kMaxCertificateBytes) {
    return invalid(text("it has ", der.size(), " bytes, the limit is ", kMaxCertificateBytes));
  }
  Certificate certificate;
  certificate.der = std::move(der);
  const auto content = der::only(certificate.der, der::kSequence);
  if (!content) return invalid("it is not one DER sequence");
  der::Walk fields(*content);
  const auto tbs = fields.next();
  const auto algorithm = fields.take(der::kSequence);
  const auto signature = fields.take(der::kBitString);
  const auto signature_octets = signature ? whole_octets(*signature) : std::nullopt;
  if (!tbs || tbs->tag != der::kSequence || !algorithm || !signature_octets || !fields.done()) {
    return invalid("it does not have the shape of a certificate");
  }
  certificate.tbs = tbs->whole;
  certificate.signature = *signature_octets;
  if (auto read = read_tbs(tbs->content, *algorithm, certificate); !read) return read.error();
  return certificate;
}

std::string_view common_name_of(ByteView name) {
  std::string_view found;
  const auto sets = der::only(name, der::kSequence);
  if (!sets) return {};
  der::Walk list(*sets);
  while (list.more()) {
    const auto set = list.take(der::kSet);
    const auto attribute = set ? der::only(*set, der::kSequence) : std::nullopt;
    if (!attribute) return {};
    der::Walk fields(*attribute);
    const auto type = fields.take(der::kOid);
    const auto value = fields.next();
    if (!type || !value || !fields.done()) return {};
    if (!der::equals(*type, oid::kCommonName)) continue;
    const bool is_text = value->tag == der::kUtf8String || value->tag == der::kPrintableString;
    if (!found.empty() || !is_text) return {};
    found = core::as_text(value->content);
  }
  return list.done() ? found : std::string_view{};
}

bool is_ecdsa_with_sha256(ByteView algorithm) {
  const auto name = der::only(algorithm, der::kOid);
  return name && der::equals(*name, oid::kEcdsaWithSha256);
}

std::optional<ByteView> whole_octets(ByteView bit_string) {
  if (bit_string.empty() || bit_string[0] != 0) return std::nullopt;
  return bit_string.subspan(1);
}

std::optional<ByteView> authority_key_id_of(ByteView extension_value) {
  const auto content = der::only(extension_value, der::kSequence);
  if (!content) return std::nullopt;
  return der::only(*content, kKeyIdentifierTag);
}

}  // namespace skill_verifier::dcap
