#pragma once

#include <string_view>
#include <vector>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::dcap {

/// The DER of each certificate of a text that holds nothing but PEM certificates (RFC 7468, lines ended by LF or CRLF),
/// white space between them, and NULs at the end. Does not look into the DER. Errors: invalid_argument `pem_invalid`.
Result<std::vector<Bytes>> parse_pem_certificates(std::string_view text);

}  // namespace skill_verifier::dcap
