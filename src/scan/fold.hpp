#pragma once

#include <string_view>

#include "scan/mapped.hpp"

namespace skill_verifier::scan {

/// The text as rules read it: invisible characters gone, compatibility forms (full width, mathematical letters) and
/// Cyrillic or Greek letters that look like Latin ones replaced by ASCII, CR LF as LF. Bytes that are not UTF-8 stay.
Mapped fold(std::string_view raw);

/// ASCII for a letter of another script that looks like it, else 0.
char look_alike(std::uint32_t code_point);

/// Decodes one code point at the front of `text`. `size` is 0 for an ill-formed byte.
struct CodePoint {
  std::uint32_t value = 0;
  std::size_t size = 0;
};
CodePoint decode(std::string_view text);

/// Zero-width and formatting characters, text-direction controls, tag characters, variation selectors.
bool is_zero_width(std::uint32_t code_point);
bool is_bidi_control(std::uint32_t code_point);
bool is_tag(std::uint32_t code_point);
bool is_variation_selector(std::uint32_t code_point);

}  // namespace skill_verifier::scan
