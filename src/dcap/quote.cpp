#include "skill_verifier/dcap/quote.hpp"

#include <algorithm>

#include "dcap/certificate.hpp"
#include "dcap/quote_layout.hpp"
#include "dcap/reader.hpp"
#include "dcap/sgx_extension.hpp"
#include "dcap/signed_json.hpp"
#include "dcap/text.hpp"

namespace skill_verifier::dcap {
namespace {

/// Copies fields one after the other out of bytes whose length was checked before.
class Fields {
 public:
  explicit Fields(ByteView bytes) : rest_(bytes) {}

  template <std::size_t Size>
  Fields& operator>>(Field<Size>& out) {
    std::ranges::copy(rest_.first<Size>(), out.begin());
    rest_ = rest_.subspan(Size);
    return *this;
  }
  Fields& operator>>(std::uint16_t& out) {
    out = static_cast<std::uint16_t>(rest_[0] | rest_[1] << 8);
    return skip(2);
  }
  Fields& operator>>(std::uint32_t& out) {
    std::uint16_t low = 0, high = 0;
    *this >> low >> high;
    out = static_cast<std::uint32_t>(low) | static_cast<std::uint32_t>(high) << 16;
    return *this;
  }
  Fields& skip(std::size_t count) {
    rest_ = rest_.subspan(count);
    return *this;
  }

 private:
  ByteView rest_;
};

QuoteHeader read_header(ByteView bytes) {
  QuoteHeader header;
  Fields(bytes) >> header.version >> header.attestation_key_type >> header.tee_type >> header.qe_svn >>
      header.pce_svn >> header.qe_vendor_id >> header.user_data;
  return header;
}

TdReport read_td_report(ByteView bytes, bool version_1_5) {
  TdReport td;
  Fields fields(bytes);
  fields >> td.tee_tcb_svn >> td.mr_seam >> td.mr_signer_seam >> td.seam_attributes >> td.td_attributes >> td.xfam >>
      td.mr_td >> td.mr_config_id >> td.mr_owner >> td.mr_owner_config;
  for (auto& rtmr : td.rtmr)
    fields >> rtmr;
  fields >> td.report_data;
  if (version_1_5) fields >> td.tee_tcb_svn2.emplace() >> td.mr_service_td.emplace();
  return td;
}

/// Intel SGX SDK, sgx_report_body_t.
QeReport read_qe_report(ByteView bytes) {
  QeReport qe;
  Fields fields(bytes);
  fields >> qe.cpu_svn >> qe.misc_select;
  fields.skip(28) >> qe.attributes >> qe.mr_enclave;
  fields.skip(32) >> qe.mr_signer;
  fields.skip(96) >> qe.isv_prod_id >> qe.isv_svn;
  fields.skip(60) >> qe.report_data;
  return qe;
}

Error quote_invalid(const Error& error) {
  return Error{Errc::invalid_argument, "quote_invalid", error.message};
}

}  // namespace

Quote to_quote(const QuoteLayout& layout) {
  Quote quote;
  quote.header = read_header(layout.header);
  quote.body_type = layout.body_type;
  quote.td = read_td_report(layout.td_report, layout.body_type == 3);
  Fields(layout.signature) >> quote.signature;
  Fields(layout.attestation_key) >> quote.attestation_key;
  quote.qe = read_qe_report(layout.qe_report);
  Fields(layout.qe_report_signature) >> quote.qe_report_signature;
  quote.qe_auth_data.assign(layout.qe_auth_data.begin(), layout.qe_auth_data.end());
  quote.pck_chain = layout.certificates;
  quote.trailing_zeros = layout.trailing_zeros;
  return quote;
}

Result<Quote> parse_quote(ByteView quote) {
  const auto layout = parse_whole_layout(quote);
  if (!layout) return quote_invalid(layout.error());
  return to_quote(*layout);
}

Result<QuoteSummary> summarize_quote(ByteView quote) {
  const auto layout = parse_whole_layout(quote);
  if (!layout) return quote_invalid(layout.error());
  QuoteSummary summary;
  summary.version = layout->version;
  std::ranges::copy(layout->report_data(), summary.report_data.begin());
  summary.root_certificate_sha256 = core::sha256(layout->certificates.back());
  return summary;
}

Result<CollateralKey> collateral_key(ByteView quote) {
  auto layout = parse_whole_layout(quote);
  if (!layout) return quote_invalid(layout.error());
  const auto leaf = parse_certificate(std::move(layout->certificates.front()));
  if (!leaf) return quote_invalid(leaf.error());
  if (!leaf->sgx_extension) return quote_invalid(refusal("PCK_EXT", "the pck certificate has no sgx extension"));
  const auto platform = parse_sgx_extension(*leaf->sgx_extension);
  if (!platform) return quote_invalid(platform.error());
  const bool processor = leaf->issuer_common_name == "Intel SGX PCK Processor CA";
  if (!processor && leaf->issuer_common_name != "Intel SGX PCK Platform CA") {
    return quote_invalid(refusal(
        "PCK_ISSUER", text("the pck certificate was issued by '", core::shorten(leaf->issuer_common_name), "'")));
  }
  return CollateralKey{upper_hex(core::to_hex(platform->fmspc)), processor ? "processor" : "platform"};
}

const core::Digest256& intel_root_sha256() {
  static constexpr core::Digest256 kDigest = {0x44, 0xa0, 0x19, 0x6b, 0x2b, 0x99, 0xf8, 0x89, 0xb8, 0xe1, 0x49,
                                              0xe9, 0x5b, 0x80, 0x7a, 0x35, 0x0e, 0x74, 0x24, 0x96, 0x43, 0x99,
                                              0xe8, 0x85, 0xa7, 0xcb, 0xb8, 0xcc, 0xfa, 0xb6, 0x74, 0xd3};
  return kDigest;
}

}  // namespace skill_verifier::dcap
