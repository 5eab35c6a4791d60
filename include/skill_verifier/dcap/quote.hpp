#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::dcap {

/// The parts of a TDX quote (Intel, versions 4 and 5) that the service looks at before the full verification.
struct QuoteSummary {
  std::uint16_t version = 0;
  std::array<std::uint8_t, 64> report_data{};
  core::Digest256 root_certificate_sha256{};  ///< of the DER of the last certificate of the embedded chain
};

/// Reads the whole structure of a quote and checks every length and type in it, but no signature: what comes back is a
/// claim of whoever made the bytes. Bounds-checked; never reads beyond `quote`. Zero bytes after the quote and a NUL or
/// white space after its PEM text are tolerated, as real hosts add them. Errors: invalid_argument `quote_invalid`
/// saying which field.
Result<QuoteSummary> summarize_quote(ByteView quote);

/// SHA-256 of the DER of "Intel SGX Root CA", serial 22650CD65A9D3489F383B49552BF501B392706AC, valid from 2018 to 2049
/// (https://certificates.trustedservices.intel.com/IntelSGXRootCA.cer).
const core::Digest256& intel_root_sha256();

}  // namespace skill_verifier::dcap
