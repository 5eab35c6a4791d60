#pragma once

#include <cstdint>
#include <string_view>

#include "dcap/checked.hpp"

namespace skill_verifier::dcap {

/// A TDX quote taken apart (Intel "TDX DCAP Quoting Library API", quote formats 4 and 5). The views point into the
/// bytes that were parsed.
struct QuoteLayout {
  QuoteHeader header;
  std::uint16_t body_type = 2;
  ByteView signed_bytes;         ///< header, body descriptor (version 5), TD report
  ByteView td_report;            ///< 584 bytes (TD 1.0) or 648 (TD 1.5)
  ByteView signature;            ///< r, s over signed_bytes
  ByteView attestation_key;      ///< x, y
  ByteView qe_report;            ///< 384 bytes
  ByteView qe_report_signature;  ///< r, s over qe_report by the PCK leaf
  ByteView qe_auth_data;
  std::string_view pck_chain;  ///< PEM: PCK leaf, PCK CA, root
  std::size_t trailing_zeros = 0;
};

/// Codes QUOTE_TRUNCATED, _VERSION, _AK_TYPE, _TEE_TYPE, _VENDOR, _BODY_TYPE, _BODY_SIZE, _TRAILING, _AUTH_LEN,
/// _CERT_TYPE_OUTER, _CERT_TYPE_INNER. Does not look into the PEM text.
Checked<QuoteLayout> parse_layout(ByteView quote);

TdReport read_td_report(ByteView bytes);
QeReport read_qe_report(ByteView bytes);

}  // namespace skill_verifier::dcap
