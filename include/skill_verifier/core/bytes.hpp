#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::core {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

/// The bytes of a text, and the text of bytes, without a copy.
ByteView as_bytes(std::string_view text);
std::string_view as_text(ByteView bytes);

/// Lower-case hexadecimal, two digits a byte.
std::string to_hex(ByteView bytes);
/// Accepts upper and lower case and an optional `0x`. Errors: invalid_argument for odd length or a foreign character.
Result<Bytes> parse_hex(std::string_view text);

/// RFC 4648 §4 with padding.
std::string to_base64(ByteView bytes);
/// Standard alphabet, padding required, no white space. Errors: invalid_argument.
Result<Bytes> parse_base64(std::string_view text);

/// True for well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF).
bool is_utf8(std::string_view text);
/// At most `limit` bytes of `text`, cut at a character, control characters and malformed bytes escaped, with "…" where
/// something was cut. For putting outside values into messages and logs.
std::string shorten(std::string_view text, std::size_t limit = 80);

}  // namespace skill_verifier::core

namespace skill_verifier {
using core::Bytes;
using core::ByteView;
}  // namespace skill_verifier
