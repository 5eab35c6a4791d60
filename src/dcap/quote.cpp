#include "skill_verifier/dcap/quote.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "dcap/certificate.hpp"
#include "dcap/pem.hpp"
#include "dcap/quote_layout.hpp"
#include "dcap/reader.hpp"
#include "dcap/sgx_extension.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr std::size_t kMaxQuoteBytes = 64u << 10;
constexpr std::size_t kMaxPemBytes = 32u << 10;
constexpr std::size_t kPckChainLength = 3;
constexpr std::uint16_t kTd10 = 2, kTd15 = 3;
constexpr std::size_t kTd10Bytes = 584, kTd15Bytes = 648;
constexpr std::size_t kQeReportBytes = 384;
constexpr std::uint16_t kKeyTypeP256 = 2;
constexpr std::uint32_t kTeeTypeTdx = 0x81;
constexpr std::uint16_t kCertificationQeReport = 6;
constexpr std::uint16_t kCertificationPckChain = 5;
constexpr std::array<std::uint8_t, 16> kIntelVendor = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                                       0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

Refusal refuse(const char* code, std::string message) {
  return {code, std::move(message)};
}
Refusal ends_in(std::string_view field) {
  return refuse("QUOTE_TRUNCATED", fmt::format("the quote ends within its {}", field));
}

template <std::size_t Size>
void copy(ByteView from, Field<Size>& to) {
  std::ranges::copy(from, to.begin());
}

Checked<QuoteHeader> parse_header(Reader& reader) {
  const auto version = reader.u16(), key_type = reader.u16();
  const auto tee_type = reader.u32();
  const auto qe_svn = reader.u16(), pce_svn = reader.u16();
  const auto vendor = reader.take(16), user_data = reader.take(20);
  if (!version || !key_type || !tee_type || !qe_svn || !pce_svn || !vendor || !user_data) return ends_in("header");
  if (*version != 4 && *version != 5)
    return refuse("QUOTE_VERSION", fmt::format("quote version is {}, not 4 or 5", *version));
  if (*key_type != kKeyTypeP256)
    return refuse("QUOTE_AK_TYPE", fmt::format("attestation key type is {}, not {} (P-256)", *key_type, kKeyTypeP256));
  if (*tee_type != kTeeTypeTdx)
    return refuse("QUOTE_TEE_TYPE", fmt::format("tee type is {:#x}, not {:#x} (TDX)", *tee_type, kTeeTypeTdx));
  if (!std::ranges::equal(*vendor, kIntelVendor))
    return refuse("QUOTE_VENDOR",
                  fmt::format("qe vendor is {}, not Intel's {}", core::to_hex(*vendor), core::to_hex(kIntelVendor)));
  QuoteHeader header{*version, *key_type, *tee_type, *qe_svn, *pce_svn, {}, {}};
  copy(*vendor, header.qe_vendor_id);
  copy(*user_data, header.user_data);
  return header;
}

/// Version 5 says which body follows; version 4 always has TD report 1.0. Gives the body's size.
Checked<std::size_t> parse_body_descriptor(Reader& reader, QuoteLayout& layout) {
  if (layout.header.version == 4) return kTd10Bytes;
  const auto type = reader.u16();
  const auto size = reader.u32();
  if (!type || !size) return ends_in("body descriptor");
  if (*type != kTd10 && *type != kTd15)
    return refuse("QUOTE_BODY_TYPE",
                  fmt::format("body type is {}, not {} (TD 1.0) or {} (TD 1.5)", *type, kTd10, kTd15));
  const auto expected = *type == kTd10 ? kTd10Bytes : kTd15Bytes;
  if (*size != expected)
    return refuse("QUOTE_BODY_SIZE", fmt::format("body size is {}, but type {} has {} bytes", *size, *type, expected));
  layout.body_type = *type;
  return expected;
}

/// Certification data of type 6: the QE's report, its signature, and the certification of the key that made it. The
/// length fields are not signed, so no byte may stay unaccounted for.
Checked<void> parse_qe_certification(ByteView data, QuoteLayout& layout) {
  Reader reader(data);
  const auto report = reader.take(kQeReportBytes), signature = reader.take(64);
  const auto auth_size = reader.u16();
  if (!report || !signature || !auth_size) return ends_in("qe certification data");
  const auto auth_data = reader.take(*auth_size);
  const auto type = auth_data ? reader.u16() : std::nullopt;
  const auto size = type ? reader.u32() : std::nullopt;
  if (!size)
    return refuse("QUOTE_AUTH_LEN", fmt::format("the quote ends within its qe certification data: its qe "
                                                "authentication data has {} bytes",
                                                *auth_size));
  if (*size != reader.rest().size())
    return refuse("QUOTE_AUTH_LEN", fmt::format("the certificate chain's length field is {}, but {} bytes are left",
                                                *size, reader.rest().size()));
  if (*type != kCertificationPckChain)
    return refuse("QUOTE_CERT_TYPE_INNER", fmt::format("inner certification data type is {}, not {} (PCK certificate "
                                                       "chain)",
                                                       *type, kCertificationPckChain));
  layout.qe_report = *report;
  layout.qe_report_signature = *signature;
  layout.qe_auth_data = *auth_data;
  layout.pck_chain = core::as_text(reader.rest());
  return {};
}

Checked<void> parse_auth_data(ByteView data, QuoteLayout& layout) {
  Reader reader(data);
  const auto signature = reader.take(64), key = reader.take(64);
  const auto type = reader.u16();
  const auto size = reader.u32();
  if (!signature || !key || !type || !size) return ends_in("authentication data");
  if (*type != kCertificationQeReport)
    return refuse("QUOTE_CERT_TYPE_OUTER", fmt::format("outer certification data type is {}, not {} (QE report)", *type,
                                                       kCertificationQeReport));
  if (*size != reader.rest().size())
    return refuse("QUOTE_AUTH_LEN", fmt::format("the qe certification data's length field is {}, but {} bytes are left",
                                                *size, reader.rest().size()));
  layout.signature = *signature;
  layout.attestation_key = *key;
  return parse_qe_certification(reader.rest(), layout);
}

Error to_error(const Refusal& refusal) {
  return Error{Errc::invalid_argument, "quote_invalid", refusal.message};
}

/// The three certificates, as bytes.
Result<std::vector<Bytes>> split_chain(std::string_view pem) {
  const auto invalid = [](std::string message) {
    return Error{Errc::invalid_argument, "quote_invalid", std::move(message)};
  };
  if (pem.size() > kMaxPemBytes)
    return invalid(fmt::format("the certificate chain has {} bytes, the limit is {}", pem.size(), kMaxPemBytes));
  auto certificates = parse_pem_certificates(pem);
  if (!certificates) return invalid(certificates.error().message);
  if (certificates->size() != kPckChainLength)
    return invalid(fmt::format("the certificate chain has {} certificates, not 3", certificates->size()));
  return certificates;
}

}  // namespace

Checked<QuoteLayout> parse_layout(ByteView quote) {
  if (quote.size() > kMaxQuoteBytes)
    return refuse("QUOTE_TRUNCATED",
                  fmt::format("the quote has {} bytes, the limit is {}", quote.size(), kMaxQuoteBytes));
  QuoteLayout layout;
  Reader reader(quote);
  SKILL_VERIFIER_TRY(layout.header, parse_header(reader));
  SKILL_VERIFIER_TRY(const std::size_t body_size, parse_body_descriptor(reader, layout));
  const auto body = reader.take(body_size);
  if (!body) return ends_in("td report");
  layout.td_report = *body;
  layout.signed_bytes = quote.first(quote.size() - reader.rest().size());

  const auto auth_size = reader.u32();
  const auto auth_data = auth_size ? reader.take(*auth_size) : std::nullopt;
  if (!auth_data) return ends_in("authentication data");
  // Hosts hand out quotes in a fixed buffer; padding is zero, anything else is something that nobody signed.
  if (std::ranges::any_of(reader.rest(), [](std::uint8_t byte) { return byte != 0; }))
    return refuse("QUOTE_TRAILING", "bytes other than zero follow the quote");
  layout.trailing_zeros = reader.rest().size();
  SKILL_VERIFIER_TRY_VOID(parse_auth_data(*auth_data, layout));
  return layout;
}

TdReport read_td_report(ByteView bytes) {
  TdReport td;
  copy(bytes.subspan(0, 16), td.tee_tcb_svn);
  copy(bytes.subspan(16, 48), td.mr_seam);
  copy(bytes.subspan(64, 48), td.mr_signer_seam);
  copy(bytes.subspan(112, 8), td.seam_attributes);
  copy(bytes.subspan(120, 8), td.td_attributes);
  copy(bytes.subspan(128, 8), td.xfam);
  copy(bytes.subspan(136, 48), td.mr_td);
  copy(bytes.subspan(184, 48), td.mr_config_id);
  copy(bytes.subspan(232, 48), td.mr_owner);
  copy(bytes.subspan(280, 48), td.mr_owner_config);
  for (std::size_t i = 0; i < td.rtmr.size(); ++i)
    copy(bytes.subspan(328 + 48 * i, 48), td.rtmr[i]);
  copy(bytes.subspan(520, 64), td.report_data);
  if (bytes.size() == kTd15Bytes) {
    copy(bytes.subspan(584, 16), td.tee_tcb_svn2.emplace());
    copy(bytes.subspan(600, 48), td.mr_service_td.emplace());
  }
  return td;
}

QeReport read_qe_report(ByteView bytes) {
  QeReport report;
  const auto number = [&](std::size_t at, std::size_t size) { return Reader(bytes.subspan(at, size)); };
  copy(bytes.subspan(0, 16), report.cpu_svn);
  report.misc_select = *number(16, 4).u32();
  copy(bytes.subspan(48, 16), report.attributes);
  copy(bytes.subspan(64, 32), report.mr_enclave);
  copy(bytes.subspan(128, 32), report.mr_signer);
  report.isv_prod_id = *number(256, 2).u16();
  report.isv_svn = *number(258, 2).u16();
  copy(bytes.subspan(320, 64), report.report_data);
  return report;
}

Result<Quote> parse_quote(ByteView bytes) {
  const auto layout = parse_layout(bytes);
  if (!layout) return to_error(layout.error());
  Quote quote;
  SKILL_VERIFIER_TRY(quote.pck_chain, split_chain(layout->pck_chain));
  quote.header = layout->header;
  quote.body_type = layout->body_type;
  quote.td = read_td_report(layout->td_report);
  copy(layout->signature, quote.signature);
  copy(layout->attestation_key, quote.attestation_key);
  quote.qe = read_qe_report(layout->qe_report);
  copy(layout->qe_report_signature, quote.qe_report_signature);
  quote.qe_auth_data.assign(layout->qe_auth_data.begin(), layout->qe_auth_data.end());
  quote.trailing_zeros = layout->trailing_zeros;
  return quote;
}

Result<QuoteSummary> summarize_quote(ByteView bytes) {
  SKILL_VERIFIER_TRY(const Quote quote, parse_quote(bytes));
  return QuoteSummary{quote.header.version, quote.td.report_data, core::sha256(quote.pck_chain.back())};
}

Result<CollateralKey> collateral_key(ByteView bytes) {
  SKILL_VERIFIER_TRY(Quote quote, parse_quote(bytes));
  const auto leaf = parse_certificate(std::move(quote.pck_chain[0]));
  const auto ca = parse_certificate(std::move(quote.pck_chain[1]));
  if (!leaf) return to_error(leaf.error());
  if (!ca) return to_error(ca.error());
  const auto extension = parse_sgx_extension(leaf->sgx_extension);
  if (!extension) return to_error(extension.error());
  return CollateralKey{to_upper_hex(extension->fmspc), ca->common_name == kProcessorCaName ? "processor" : "platform"};
}

const core::Digest256& intel_root_sha256() {
  static constexpr core::Digest256 kDigest = {0x44, 0xa0, 0x19, 0x6b, 0x2b, 0x99, 0xf8, 0x89, 0xb8, 0xe1, 0x49,
                                              0xe9, 0x5b, 0x80, 0x7a, 0x35, 0x0e, 0x74, 0x24, 0x96, 0x43, 0x99,
                                              0xe8, 0x85, 0xa7, 0xcb, 0xb8, 0xcc, 0xfa, 0xb6, 0x74, 0xd3};
  return kDigest;
}

}  // namespace skill_verifier::dcap
