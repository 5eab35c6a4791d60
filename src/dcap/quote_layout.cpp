#include "dcap/quote_layout.hpp"

#include <algorithm>

#include "dcap/pem.hpp"
#include "dcap/reader.hpp"
#include "dcap/text.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr std::size_t kMaxQuoteBytes = 64u << 10;
constexpr std::size_t kHeaderBytes = 48;
constexpr std::size_t kMaxPemBytes = 32u << 10;
constexpr std::uint16_t kKeyTypeP256 = 2;
constexpr std::uint32_t kTeeTypeTdx = 0x81;
constexpr std::uint16_t kCertificationQeReport = 6;
constexpr std::uint16_t kCertificationPckChain = 5;
constexpr std::array<std::uint8_t, 16> kIntelVendor = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                                       0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

Error ends_in(std::string_view field) {
  return refusal("QUOTE_TRUNCATED", text("the quote ends within its ", field));
}

std::string hex_number(std::uint32_t value) {
  std::string digits;
  do {
    digits.insert(digits.begin(), "0123456789abcdef"[value & 15]);
    value >>= 4;
  } while (value != 0);
  return "0x" + digits;
}

Result<std::uint16_t> parse_header(Reader& reader) {
  const auto version = reader.u16();
  const auto key_type = reader.u16();
  const auto tee_type = reader.u32();
  const auto reserved = reader.take(4);
  const auto vendor = reader.take(16);
  const auto user_data = reader.take(20);
  if (!version || !key_type || !tee_type || !reserved || !vendor || !user_data) return ends_in("header");
  if (*version != 4 && *version != 5)
    return refusal("QUOTE_VERSION", text("quote version is ", *version, ", not 4 or 5"));
  if (*key_type != kKeyTypeP256) {
    return refusal("QUOTE_AK_TYPE", text("attestation key type is ", *key_type, ", not ", kKeyTypeP256, " (P-256)"));
  }
  if (*tee_type != kTeeTypeTdx) {
    return refusal("QUOTE_TEE_TYPE",
                   text("tee type is ", hex_number(*tee_type), ", not ", hex_number(kTeeTypeTdx), " (TDX)"));
  }
  if (!std::ranges::equal(*vendor, kIntelVendor)) {
    return refusal("QUOTE_VENDOR", text("qe vendor is ", *vendor, ", not Intel's ", ByteView(kIntelVendor)));
  }
  return *version;
}

/// Version 5 says which body follows; version 4 always has TD report 1.0.
Result<std::size_t> parse_body_size(Reader& reader, std::uint16_t version, std::uint16_t& body_type) {
  constexpr std::uint16_t kTd10 = 2;
  constexpr std::uint16_t kTd15 = 3;
  constexpr std::size_t kTd10Bytes = 584;
  constexpr std::size_t kTd15Bytes = 648;
  if (version == 4) return kTd10Bytes;
  const auto type = reader.u16();
  const auto size = reader.u32();
  if (!type || !size) return ends_in("body descriptor");
  if (*type != kTd10 && *type != kTd15) {
    return refusal("QUOTE_BODY_TYPE",
                   text("body type is ", *type, ", not ", kTd10, " (TD 1.0) or ", kTd15, " (TD 1.5)"));
  }
  body_type = *type;
  const auto expected = *type == kTd10 ? kTd10Bytes : kTd15Bytes;
  if (*size != expected) {
    return refusal("QUOTE_BODY_SIZE", text("body size is ", *size, ", but type ", *type, " has ", expected, " bytes"));
  }
  return expected;
}

/// Certification data of type 6: the QE's report, its signature, and the certification of the key that made it. The
/// length fields are not signed, so no byte may stay unaccounted for.
Result<void> parse_qe_certification(ByteView data, QuoteLayout& layout) {
  Reader reader(data);
  const auto report = reader.take(384);
  const auto signature = reader.take(64);
  const auto auth_size = reader.u16();
  const auto auth_data = auth_size ? reader.take(*auth_size) : std::nullopt;
  const auto type = reader.u16();
  const auto size = reader.u32();
  if (!report || !signature || !auth_data || !type || !size)
    return refusal("QUOTE_AUTH_LEN", "the qe certification data is shorter than its fields");
  if (*size != reader.rest().size()) {
    return refusal("QUOTE_AUTH_LEN", text("the certificate chain's length field is ", *size, ", but ",
                                          reader.rest().size(), " bytes are left"));
  }
  if (*type != kCertificationPckChain) {
    return refusal("QUOTE_CERT_TYPE_INNER", text("inner certification data type is ", *type, ", not ",
                                                 kCertificationPckChain, " (PCK certificate chain)"));
  }
  layout.qe_report = *report;
  layout.qe_report_signature = *signature;
  layout.qe_auth_data = *auth_data;
  layout.certification_data = reader.rest();
  return {};
}

Result<void> parse_auth_data(ByteView data, QuoteLayout& layout) {
  Reader reader(data);
  const auto signature = reader.take(64);
  const auto key = reader.take(64);
  const auto type = reader.u16();
  const auto size = reader.u32();
  if (!signature || !key || !type || !size) return ends_in("authentication data");
  if (*type != kCertificationQeReport) {
    return refusal("QUOTE_CERT_TYPE_OUTER",
                   text("outer certification data type is ", *type, ", not ", kCertificationQeReport, " (QE report)"));
  }
  if (*size != reader.rest().size()) {
    return refusal("QUOTE_AUTH_LEN", text("the qe certification data's length field is ", *size, ", but ",
                                          reader.rest().size(), " bytes are left"));
  }
  layout.signature = *signature;
  layout.attestation_key = *key;
  return parse_qe_certification(reader.rest(), layout);
}

}  // namespace

Result<QuoteLayout> parse_layout(ByteView quote) {
  if (quote.size() > kMaxQuoteBytes) {
    return refusal("QUOTE_TOO_LARGE", text("the quote has ", quote.size(), " bytes, the limit is ", kMaxQuoteBytes));
  }
  QuoteLayout layout;
  Reader reader(quote);
  const auto version = parse_header(reader);
  if (!version) return version.error();
  layout.version = *version;
  layout.header = quote.first(kHeaderBytes);
  const auto body_size = parse_body_size(reader, *version, layout.body_type);
  if (!body_size) return body_size.error();
  const auto body = reader.take(*body_size);
  if (!body) return ends_in("td report");
  layout.td_report = *body;
  layout.signed_bytes = quote.first(quote.size() - reader.rest().size());

  const auto auth_size = reader.u32();
  const auto auth_data = auth_size ? reader.take(*auth_size) : std::nullopt;
  if (!auth_data) return ends_in("authentication data");
  // Hosts hand out quotes in a fixed buffer; padding is zero, anything else is something that nobody signed.
  if (std::ranges::any_of(reader.rest(), [](std::uint8_t byte) { return byte != 0; })) {
    return refusal("QUOTE_TRAILING", "bytes other than zero follow the quote");
  }
  layout.trailing_zeros = reader.rest().size();
  if (auto parsed = parse_auth_data(*auth_data, layout); !parsed) return parsed.error();
  return layout;
}

Result<void> parse_pck_chain(QuoteLayout& layout) {
  const auto data = layout.certification_data;
  if (data.size() > kMaxPemBytes) {
    return refusal("PCK_PEM", text("the certificate chain has ", data.size(), " bytes, the limit is ", kMaxPemBytes));
  }
  auto certificates = parse_pem_certificates(core::as_text(data));
  if (!certificates) return refusal("PCK_PEM", certificates.error().message);
  if (certificates->size() != 3) {
    return refusal("PCK_CHAIN_LENGTH",
                   text("the certificate chain has ", certificates->size(), " certificates, not 3"));
  }
  layout.certificates = std::move(*certificates);
  return {};
}

Result<QuoteLayout> parse_whole_layout(ByteView quote) {
  SKILL_VERIFIER_TRY(auto layout, parse_layout(quote));
  SKILL_VERIFIER_TRY_VOID(parse_pck_chain(layout));
  return layout;
}

}  // namespace skill_verifier::dcap
