#pragma once

#include <cstdint>
#include <vector>

#include "skill_verifier/dcap/quote.hpp"

namespace skill_verifier::dcap {

/// A TDX quote taken apart (Intel "TDX DCAP Quoting Library API", quote formats 4 and 5). The views point into the
/// bytes that were parsed.
struct QuoteLayout {
  std::uint16_t version = 0;
  std::uint16_t body_type = 2;
  ByteView header;               ///< 48 bytes
  ByteView signed_bytes;         ///< header, body descriptor (version 5), TD report
  ByteView td_report;            ///< 584 bytes (TD 1.0) or 648 (TD 1.5)
  ByteView signature;            ///< r, s over signed_bytes
  ByteView attestation_key;      ///< x, y
  ByteView qe_report;            ///< 384 bytes
  ByteView qe_report_signature;  ///< r, s over qe_report by the PCK leaf
  ByteView qe_auth_data;
  ByteView certification_data;      ///< PEM text
  std::vector<Bytes> certificates;  ///< DER: PCK leaf, PCK CA, root; only after parse_pck_chain
  std::size_t trailing_zeros = 0;

  ByteView report_data() const { return td_report.subspan(520, 64); }
};

/// Everything but the certificates. Errors: invalid_argument with the code of the rule (`QUOTE_VERSION`, …) as id.
Result<QuoteLayout> parse_layout(ByteView quote);
/// Fills `certificates`. Errors: invalid_argument `PCK_PEM`, `PCK_CHAIN_LENGTH`.
Result<void> parse_pck_chain(QuoteLayout& layout);
/// Both.
Result<QuoteLayout> parse_whole_layout(ByteView quote);

/// The public form of a layout; takes the certificates' place in it from `layout.certificates`.
Quote to_quote(const QuoteLayout& layout);

}  // namespace skill_verifier::dcap
