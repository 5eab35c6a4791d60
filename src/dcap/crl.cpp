#include "dcap/crl.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "dcap/der.hpp"
#include "dcap/oids.hpp"
#include "dcap/window.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr std::size_t kMaxHexDigits = 512u << 10;

Refusal refusal(std::string_view prefix, std::string_view suffix, std::string message) {
  return {fmt::format("{}_{}", prefix, suffix), std::move(message)};
}

bool less(ByteView left, ByteView right) {
  return std::ranges::lexicographical_compare(left, right);
}

/// Reads one list; every malformed thing is the same refusal.
class Parser {
 public:
  Parser(std::string_view prefix, Crl& crl) : prefix_(prefix), crl_(crl) {}

  Checked<void> parse() {
    const auto outer = der::whole(crl_.der, der::kSequence);
    if (!outer) return malformed("it is not one DER object");
    der::Reader reader(outer->content);
    const auto tbs = reader.take();
    const auto algorithm = reader.take(der::kSequence);
    const auto bits = reader.take(der::kBitString);
    const auto signature = bits ? der::whole_bits(*bits) : std::nullopt;
    if (!tbs || tbs->tag != der::kSequence || !algorithm || !signature || !reader.empty())
      return malformed("its outer structure is malformed");
    if (!good_algorithm(*algorithm)) return malformed("its algorithm is not ecdsa-with-SHA256");
    crl_.tbs = tbs->whole;
    crl_.signature = *signature;
    return parse_tbs(tbs->content);
  }

 private:
  Refusal malformed(std::string_view why) const {
    return refusal(prefix_, "FORMAT", fmt::format("the CRL cannot be read: {}", why));
  }

  static bool good_algorithm(ByteView content) {
    der::Reader reader(content);
    const auto oid = reader.take(der::kOid);
    return oid && der::is_oid(*oid, oids::kEcdsaWithSha256) && reader.empty();
  }

  Checked<void> parse_tbs(ByteView content) {
    der::Reader reader(content);
    const auto version = reader.take(der::kInteger);
    if (!version || der::small_unsigned(*version, 1) != 1U) return malformed("its version is not 2");
    const auto algorithm = reader.take(der::kSequence);
    if (!algorithm || !good_algorithm(*algorithm)) return malformed("its algorithm is not ecdsa-with-SHA256");
    const auto issuer = reader.take();
    const auto issued = reader.take();
    const auto this_update = issued ? der::time(*issued) : std::nullopt;
    if (!issuer || issuer->tag != der::kSequence || !this_update) return malformed("its head is malformed");
    crl_.issuer = issuer->whole;
    crl_.this_update = *this_update;
    if (!reader.next_is(der::kUtcTime) && !reader.next_is(der::kGeneralizedTime))
      return refusal(prefix_, "NO_NEXTUPDATE", "the CRL does not say until when it holds");
    const auto next = reader.take();
    const auto next_update = next ? der::time(*next) : std::nullopt;
    if (!next_update) return malformed("its nextUpdate is malformed");
    crl_.next_update = *next_update;
    if (reader.next_is(der::kSequence)) {
      const auto revoked = reader.take(der::kSequence);
      if (!revoked) return malformed("its entries are malformed");
      SKILL_VERIFIER_TRY_VOID(parse_revoked(*revoked));
    }
    return parse_extensions(reader);
  }

  Checked<void> parse_revoked(ByteView content) {
    der::Reader reader(content);
    while (!reader.empty()) {
      const auto entry = reader.take(der::kSequence);
      if (!entry) return malformed("its entries are malformed");
      der::Reader parts(*entry);
      const auto serial = parts.take(der::kInteger);
      const auto date = parts.take();
      if (!serial || serial->empty() || !date || !der::time(*date)) return malformed("its entries are malformed");
      if (parts.next_is(der::kSequence)) SKILL_VERIFIER_TRY_VOID(parse_entry_extensions(parts));
      if (!parts.empty()) return malformed("its entries are malformed");
      crl_.serials.push_back(*serial);
    }
    std::ranges::sort(crl_.serials, less);
    return {};
  }

  /// A critical one could mean that the entry belongs to another issuer's certificate.
  Checked<void> parse_entry_extensions(der::Reader& parts) {
    const auto list = parts.take(der::kSequence);
    if (!list) return malformed("its entries are malformed");
    der::Reader reader(*list);
    while (!reader.empty()) {
      const auto item = reader.take(der::kSequence);
      const auto extension = item ? parse_extension(*item) : std::nullopt;
      if (!extension) return malformed("its entries are malformed");
      // reasonCode and invalidityDate are never critical.
      if (extension->critical) return refusal(prefix_, "CRIT_EXT", "an entry of the CRL has a critical extension");
    }
    return {};
  }

  Checked<void> parse_extensions(der::Reader& tbs) {
    bool number = false, authority = false;
    if (!tbs.empty()) {
      const auto tagged = tbs.take(der::kContext0);
      const auto list = tagged ? der::whole(*tagged, der::kSequence) : std::nullopt;
      if (!list || !tbs.empty()) return malformed("its extensions are malformed");
      der::Reader reader(list->content);
      while (!reader.empty()) {
        const auto item = reader.take(der::kSequence);
        const auto extension = item ? parse_extension(*item) : std::nullopt;
        if (!extension) return malformed("its extensions are malformed");
        if (extension->critical)
          return refusal(
              prefix_, "CRIT_EXT",
              fmt::format("the CRL's extension {} is critical: it is not a whole list", core::to_hex(extension->oid)));
        const bool is_number = der::is_oid(extension->oid, oids::kCrlNumber);
        const bool is_authority = der::is_oid(extension->oid, oids::kAuthorityKeyId);
        if ((is_number && number) || (is_authority && authority)) return malformed("an extension stands twice");
        number = number || is_number;
        authority = authority || is_authority;
        if (!is_authority) continue;
        const auto id = authority_key_id(extension->value);
        if (!id) return malformed("its authority key identifier is malformed");
        crl_.authority_key_id = *id;
      }
    }
    if (!number || !authority)
      return refusal(prefix_, "MISSING_EXT", "the CRL lacks its number or its authority key identifier");
    return {};
  }

  std::string_view prefix_;
  Crl& crl_;
};

}  // namespace

bool Crl::lists(ByteView serial) const {
  return std::ranges::binary_search(serials, serial, less);
}

Checked<Crl> parse_crl(std::string_view prefix, std::string_view hex) {
  if (hex.size() > kMaxHexDigits)
    return refusal(prefix, "FORMAT",
                   fmt::format("the CRL has {} hex digits, the limit is {}", hex.size(), kMaxHexDigits));
  auto bytes = core::parse_hex(hex);
  if (!bytes || hex.starts_with("0x")) return refusal(prefix, "FORMAT", "the CRL is not hexadecimal");
  Crl crl;
  crl.der = std::move(*bytes);
  SKILL_VERIFIER_TRY_VOID(Parser(prefix, crl).parse());
  return crl;
}

Checked<void> check_crl_issuer(std::string_view prefix, const Crypto& crypto, const Crl& crl, const Certificate& issuer,
                               const PublicKey& issuer_key) {
  if (!std::ranges::equal(crl.issuer, issuer.subject))
    return refusal(prefix, "ISSUER", fmt::format("the CRL is not one of {}", issuer.common_name));
  if (!std::ranges::equal(crl.authority_key_id, issuer.subject_key_id))
    return refusal(prefix, "AKI",
                   fmt::format("the CRL was issued with key {}, {} has {}", core::to_hex(crl.authority_key_id),
                               issuer.common_name, core::to_hex(issuer.subject_key_id)));
  if (!issuer.crl_sign) return refusal(prefix, "ISSUER", fmt::format("{} may not sign CRLs", issuer.common_name));
  if (!issuer_key.verify_der(crypto, crl.tbs, crl.signature))
    return refusal(prefix, "SIGNATURE", fmt::format("the CRL's signature is not {}'s", issuer.common_name));
  return {};
}

Checked<void> check_crl_time(std::string_view prefix, const Crl& crl, std::int64_t now) {
  return check_window(prefix, "the CRL", {crl.this_update, crl.next_update}, now);
}

}  // namespace skill_verifier::dcap
