#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::dcap {

using ReportDataBytes = std::array<std::uint8_t, 64>;

/// dstack's convention: H(tag ":" content), zero bytes after it up to 64. `hash`: sha256, sha384, sha512, sha3-256,
/// sha3-384, sha3-512, keccak256, keccak384, keccak512. Errors: unsupported for another.
Result<ReportDataBytes> tagged_report_data(std::string_view tag, ByteView content, std::string_view hash = "sha512");

/// What a quote holds after GetQuote with this hex text: the bytes, zeros after them. Errors: invalid_argument for what
/// an agent refuses (odd length, foreign character, more than 64 bytes).
Result<ReportDataBytes> padded_report_data(std::string_view hex);

}  // namespace skill_verifier::dcap
