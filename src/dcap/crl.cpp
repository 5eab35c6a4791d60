#include "dcap/crl.hpp"

#include <algorithm>

#include "dcap/der.hpp"
#include "dcap/oids.hpp"
#include "dcap/text.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr std::uint8_t kExtensionsTag = 0xa0;
constexpr std::uint32_t kVersion2 = 1;

Error malformed(std::string message) {
  return refusal("FORMAT", std::move(message));
}

Error critical_extension() {
  return refusal("CRIT_EXT", "the list has a critical extension, so it does not say everything by itself");
}

Result<void> read_entry(ByteView entry, Crl& crl) {
  der::Walk fields(entry);
  const auto serial = fields.take(der::kInteger);
  const auto date = fields.next();
  if (!serial || serial->empty() || !date || !der::time(*date)) return malformed("an entry of the list is malformed");
  if (fields.more()) {
    const auto list = fields.take(der::kSequence);
    const auto extensions = list ? der::extensions(*list) : std::nullopt;
    if (!extensions) return malformed("the extensions of an entry are malformed");
    if (std::ranges::any_of(*extensions, &der::Extension::critical)) return critical_extension();
  }
  if (!fields.done()) return malformed("an entry of the list is malformed");
  crl.revoked.push_back(*serial);
  return {};
}

Result<void> read_revoked(ByteView content, Crl& crl) {
  der::Walk entries(content);
  while (entries.more()) {
    const auto entry = entries.take(der::kSequence);
    if (!entry) return malformed("the revoked certificates are malformed");
    if (auto read = read_entry(*entry, crl); !read) return read;
  }
  if (!entries.done()) return malformed("the revoked certificates are malformed");
  return {};
}

Result<void> read_extensions(ByteView content, Crl& crl) {
  const auto list = der::only(content, der::kSequence);
  const auto all = list ? der::extensions(*list) : std::nullopt;
  if (!all) return malformed("its extensions are malformed or one stands there twice");
  if (std::ranges::any_of(*all, &der::Extension::critical)) return critical_extension();
  const auto* authority_key = der::find(*all, oid::kAuthorityKeyId);
  const auto key_id = authority_key ? authority_key_id_of(authority_key->value) : std::nullopt;
  if (!key_id || !der::find(*all, oid::kCrlNumber)) {
    return refusal("MISSING_EXT", "the list lacks its number or the identifier of its issuer's key");
  }
  crl.authority_key_id = *key_id;
  return {};
}

Result<void> read_tbs(ByteView content, ByteView outer_algorithm, Crl& crl) {
  der::Walk fields(content);
  const auto version = fields.take(der::kInteger);
  if (!version || der::small_number(*version, kVersion2) != kVersion2) return malformed("it is not of version 2");
  const auto algorithm = fields.take(der::kSequence);
  if (!algorithm || !der::equals(*algorithm, outer_algorithm) || !is_ecdsa_with_sha256(*algorithm)) {
    return malformed("its signature algorithm is not ecdsa-with-SHA256 in both places");
  }
  const auto issuer = fields.next();
  const auto begin = fields.next();
  const auto this_update = begin ? der::time(*begin) : std::nullopt;
  if (!issuer || issuer->tag != der::kSequence || !this_update)
    return malformed("it does not have the fields of a list");
  if (!fields.at(der::kUtcTime) && !fields.at(der::kGeneralizedTime)) {
    return refusal("NO_NEXTUPDATE", "the list does not say when the next one comes");
  }
  const auto end = fields.next();
  const auto next_update = end ? der::time(*end) : std::nullopt;
  if (!next_update) return malformed("its nextUpdate is malformed");
  crl.issuer = issuer->whole;
  crl.this_update = *this_update;
  crl.next_update = *next_update;
  if (fields.at(der::kSequence)) {
    if (auto read = read_revoked(fields.take(der::kSequence).value_or(ByteView{}), crl); !read) return read;
  }
  if (fields.done()) return refusal("MISSING_EXT", "the list has no extensions");
  const auto extensions = fields.take(kExtensionsTag);
  if (!extensions || !fields.done()) return malformed("it does not have the fields of a list");
  return read_extensions(*extensions, crl);
}

}  // namespace

bool Crl::revokes(const Certificate& certificate) const {
  return std::ranges::any_of(revoked, [&](ByteView serial) { return der::equals(serial, certificate.serial); });
}

Result<Crl> parse_crl(Bytes der) {
  Crl crl;
  crl.der = std::move(der);
  const auto content = der::only(crl.der, der::kSequence);
  if (!content) return malformed("it is not one DER sequence");
  der::Walk fields(*content);
  const auto tbs = fields.next();
  const auto algorithm = fields.take(der::kSequence);
  const auto signature = fields.take(der::kBitString);
  const auto signature_octets = signature ? whole_octets(*signature) : std::nullopt;
  if (!tbs || tbs->tag != der::kSequence || !algorithm || !signature_octets || !fields.done()) {
    return malformed("it does not have the shape of a revocation list");
  }
  crl.tbs = tbs->whole;
  crl.signature = *signature_octets;
  if (auto read = read_tbs(tbs->content, *algorithm, crl); !read) return read.error();
  return crl;
}

}  // namespace skill_verifier::dcap
