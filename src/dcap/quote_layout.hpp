#pragma once

#include <cstdint>
#include <vector>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::dcap {

/// A TDX quote taken apart (Intel "TDX DCAP Quoting Library API", quote formats 4 and 5). The views point into the
/// bytes that were parsed.
struct QuoteLayout {
  std::uint16_t version = 0;
  ByteView signed_bytes;         ///< header, body descriptor (version 5), TD report
  ByteView td_report;            ///< 584 bytes (TD 1.0) or 648 (TD 1.5)
  ByteView signature;            ///< r, s over signed_bytes
  ByteView attestation_key;      ///< x, y
  ByteView qe_report;            ///< 384 bytes
  ByteView qe_report_signature;  ///< r, s over qe_report by the PCK leaf
  ByteView qe_auth_data;
  std::vector<Bytes> certificates;  ///< DER: PCK leaf, PCK CA, root

  ByteView report_data() const { return td_report.subspan(520, 64); }
};

/// Errors: invalid_argument `quote_invalid` saying which field.
Result<QuoteLayout> parse_quote(ByteView quote);

}  // namespace skill_verifier::dcap
