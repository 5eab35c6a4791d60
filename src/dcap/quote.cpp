#include "skill_verifier/dcap/quote.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "dcap/pem.hpp"
#include "dcap/quote_layout.hpp"
#include "dcap/reader.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr std::size_t kMaxQuoteBytes = 64u << 10;
constexpr std::size_t kMaxPemBytes = 32u << 10;
constexpr std::uint16_t kKeyTypeP256 = 2;
constexpr std::uint32_t kTeeTypeTdx = 0x81;
constexpr std::uint16_t kCertificationQeReport = 6;
constexpr std::uint16_t kCertificationPckChain = 5;
constexpr std::array<std::uint8_t, 16> kIntelVendor = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                                       0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

Error quote_error(std::string message) {
  return Error{Errc::invalid_argument, "quote_invalid", std::move(message)};
}
Error ends_in(std::string_view field) {
  return quote_error(fmt::format("the quote ends within its {}", field));
}

Result<std::uint16_t> parse_header(Reader& reader) {
  const auto version = reader.u16();
  const auto key_type = reader.u16();
  const auto tee_type = reader.u32();
  const auto reserved = reader.take(4);
  const auto vendor = reader.take(16);
  const auto user_data = reader.take(20);
  if (!version || !key_type || !tee_type || !reserved || !vendor || !user_data) return ends_in("header");
  if (*version != 4 && *version != 5) return quote_error(fmt::format("quote version is {}, not 4 or 5", *version));
  if (*key_type != kKeyTypeP256) {
    return quote_error(fmt::format("attestation key type is {}, not {} (P-256)", *key_type, kKeyTypeP256));
  }
  if (*tee_type != kTeeTypeTdx) {
    return quote_error(fmt::format("tee type is {:#x}, not {:#x} (TDX)", *tee_type, kTeeTypeTdx));
  }
  if (!std::ranges::equal(*vendor, kIntelVendor)) {
    return quote_error(
        fmt::format("qe vendor is {}, not Intel's {}", core::to_hex(*vendor), core::to_hex(kIntelVendor)));
  }
  return *version;
}

/// Version 5 says which body follows; version 4 always has TD report 1.0.
Result<std::size_t> parse_body_size(Reader& reader, std::uint16_t version) {
  constexpr std::uint16_t kTd10 = 2;
  constexpr std::uint16_t kTd15 = 3;
  constexpr std::size_t kTd10Bytes = 584;
  constexpr std::size_t kTd15Bytes = 648;
  if (version == 4) return kTd10Bytes;
  const auto type = reader.u16();
  const auto size = reader.u32();
  if (!type || !size) return ends_in("body descriptor");
  if (*type != kTd10 && *type != kTd15) {
    return quote_error(fmt::format("body type is {}, not {} (TD 1.0) or {} (TD 1.5)", *type, kTd10, kTd15));
  }
  const auto expected = *type == kTd10 ? kTd10Bytes : kTd15Bytes;
  if (*size != expected) {
    return quote_error(fmt::format("body size is {}, but type {} has {} bytes", *size, *type, expected));
  }
  return expected;
}

Result<void> parse_pck_chain(ByteView certification_data, QuoteLayout& layout) {
  if (certification_data.size() > kMaxPemBytes) {
    return quote_error(
        fmt::format("the certificate chain has {} bytes, the limit is {}", certification_data.size(), kMaxPemBytes));
  }
  auto certificates = parse_pem_certificates(core::as_text(certification_data));
  if (!certificates) return quote_error(certificates.error().message);
  if (certificates->size() != 3) {
    return quote_error(fmt::format("the certificate chain has {} certificates, not 3", certificates->size()));
  }
  layout.certificates = std::move(*certificates);
  return {};
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
  if (!report || !signature || !auth_data || !type || !size) return ends_in("qe certification data");
  if (*type != kCertificationPckChain) {
    return quote_error(fmt::format("inner certification data type is {}, not {} (PCK certificate chain)", *type,
                                   kCertificationPckChain));
  }
  if (*size != reader.rest().size()) {
    return quote_error(
        fmt::format("the certificate chain's length field is {}, but {} bytes are left", *size, reader.rest().size()));
  }
  layout.qe_report = *report;
  layout.qe_report_signature = *signature;
  layout.qe_auth_data = *auth_data;
  return parse_pck_chain(reader.rest(), layout);
}

Result<void> parse_auth_data(ByteView data, QuoteLayout& layout) {
  Reader reader(data);
  const auto signature = reader.take(64);
  const auto key = reader.take(64);
  const auto type = reader.u16();
  const auto size = reader.u32();
  if (!signature || !key || !type || !size) return ends_in("authentication data");
  if (*type != kCertificationQeReport) {
    return quote_error(
        fmt::format("outer certification data type is {}, not {} (QE report)", *type, kCertificationQeReport));
  }
  if (*size != reader.rest().size()) {
    return quote_error(fmt::format("the qe certification data's length field is {}, but {} bytes are left", *size,
                                   reader.rest().size()));
  }
  layout.signature = *signature;
  layout.attestation_key = *key;
  return parse_qe_certification(reader.rest(), layout);
}

}  // namespace

Result<QuoteLayout> parse_quote(ByteView quote) {
  if (quote.size() > kMaxQuoteBytes) {
    return quote_error(fmt::format("the quote has {} bytes, the limit is {}", quote.size(), kMaxQuoteBytes));
  }
  QuoteLayout layout;
  Reader reader(quote);
  const auto version = parse_header(reader);
  if (!version) return version.error();
  layout.version = *version;
  const auto body_size = parse_body_size(reader, *version);
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
    return quote_error("bytes other than zero follow the quote");
  }
  if (auto parsed = parse_auth_data(*auth_data, layout); !parsed) return parsed.error();
  return layout;
}

Result<QuoteSummary> summarize_quote(ByteView quote) {
  const auto layout = parse_quote(quote);
  if (!layout) return layout.error();
  QuoteSummary summary;
  summary.version = layout->version;
  std::ranges::copy(layout->report_data(), summary.report_data.begin());
  summary.root_certificate_sha256 = core::sha256(layout->certificates.back());
  return summary;
}

const core::Digest256& intel_root_sha256() {
  static constexpr core::Digest256 kDigest = {0x44, 0xa0, 0x19, 0x6b, 0x2b, 0x99, 0xf8, 0x89, 0xb8, 0xe1, 0x49,
                                              0xe9, 0x5b, 0x80, 0x7a, 0x35, 0x0e, 0x74, 0x24, 0x96, 0x43, 0x99,
                                              0xe8, 0x85, 0xa7, 0xcb, 0xb8, 0xcc, 0xfa, 0xb6, 0x74, 0xd3};
  return kDigest;
}

}  // namespace skill_verifier::dcap
