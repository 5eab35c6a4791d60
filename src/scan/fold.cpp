#include "scan/fold.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace skill_verifier::scan {
namespace {

struct LookAlike {
  std::uint32_t code_point;
  char ascii;
};

// Letters that fonts draw like Latin ones (Unicode TR 39, confusables), sorted.
constexpr std::array kLookAlikes{
    LookAlike{0x0131, 'i'}, LookAlike{0x0251, 'a'}, LookAlike{0x0261, 'g'}, LookAlike{0x0391, 'A'},
    LookAlike{0x0392, 'B'}, LookAlike{0x0395, 'E'}, LookAlike{0x0396, 'Z'}, LookAlike{0x0397, 'H'},
    LookAlike{0x0399, 'I'}, LookAlike{0x039A, 'K'}, LookAlike{0x039C, 'M'}, LookAlike{0x039D, 'N'},
    LookAlike{0x039F, 'O'}, LookAlike{0x03A1, 'P'}, LookAlike{0x03A4, 'T'}, LookAlike{0x03A5, 'Y'},
    LookAlike{0x03A7, 'X'}, LookAlike{0x03B1, 'a'}, LookAlike{0x03B9, 'i'}, LookAlike{0x03BD, 'v'},
    LookAlike{0x03BF, 'o'}, LookAlike{0x03C1, 'p'}, LookAlike{0x0405, 'S'}, LookAlike{0x0406, 'I'},
    LookAlike{0x0408, 'J'}, LookAlike{0x0410, 'A'}, LookAlike{0x0412, 'B'}, LookAlike{0x0415, 'E'},
    LookAlike{0x041A, 'K'}, LookAlike{0x041C, 'M'}, LookAlike{0x041D, 'H'}, LookAlike{0x041E, 'O'},
    LookAlike{0x0420, 'P'}, LookAlike{0x0421, 'C'}, LookAlike{0x0422, 'T'}, LookAlike{0x0423, 'Y'},
    LookAlike{0x0425, 'X'}, LookAlike{0x0430, 'a'}, LookAlike{0x0435, 'e'}, LookAlike{0x043E, 'o'},
    LookAlike{0x0440, 'p'}, LookAlike{0x0441, 'c'}, LookAlike{0x0443, 'y'}, LookAlike{0x0445, 'x'},
    LookAlike{0x0455, 's'}, LookAlike{0x0456, 'i'}, LookAlike{0x0458, 'j'}, LookAlike{0x04BB, 'h'},
    LookAlike{0x0501, 'd'}, LookAlike{0x051B, 'q'}, LookAlike{0x051D, 'w'}, LookAlike{0x0578, 'n'},
    LookAlike{0x057D, 'u'}, LookAlike{0x0585, 'o'}};

/// The compatibility form where it is pure ASCII.
std::string ascii_form(std::uint32_t code_point) {
  std::array<utf8proc_int32_t, 8> out{};
  int boundary = 0;
  const auto count =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point), out.data(), out.size(),
                              static_cast<utf8proc_option_t>(UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE), &boundary);
  if (count <= 0 || count > static_cast<utf8proc_ssize_t>(out.size())) return {};
  std::string text;
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    const auto value = out[static_cast<std::size_t>(i)];
    if (value < 0x20 || value > 0x7E) return {};
    text.push_back(static_cast<char>(value));
  }
  return text;
}

/// How many bytes from there on stay what they are.
std::size_t plain_bytes(std::string_view raw, std::size_t at) {
  std::size_t end = at;
  while (end < raw.size() && static_cast<unsigned char>(raw[end]) < 0x80 && raw[end] != '\r')
    ++end;
  return end - at;
}

}  // namespace

CodePoint decode(std::string_view text) {
  utf8proc_int32_t value = -1;
  const auto size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                     static_cast<utf8proc_ssize_t>(text.size()), &value);
  if (size <= 0 || value < 0) return {};
  return {static_cast<std::uint32_t>(value), static_cast<std::size_t>(size)};
}

char look_alike(std::uint32_t code_point) {
  const auto found = std::ranges::lower_bound(kLookAlikes, code_point, {}, &LookAlike::code_point);
  return found != kLookAlikes.end() && found->code_point == code_point ? found->ascii : '\0';
}

bool is_zero_width(std::uint32_t c) {
  return c == 0x00AD || c == 0x034F || c == 0x115F || c == 0x1160 || c == 0x180E || (c >= 0x200B && c <= 0x200D) ||
         (c >= 0x2060 && c <= 0x2064) || c == 0x3164 || c == 0xFEFF || c == 0xFFA0;
}
bool is_bidi_control(std::uint32_t c) {
  return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}
bool is_tag(std::uint32_t c) {
  return c >= 0xE0000 && c <= 0xE007F;
}
bool is_variation_selector(std::uint32_t c) {
  return (c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xE0100 && c <= 0xE01EF);
}

Mapped fold(std::string_view raw) {
  Mapped out;
  out.text.reserve(raw.size());
  out.origin.reserve(raw.size());
  for (std::size_t at = 0; at < raw.size();) {
    const std::size_t plain = plain_bytes(raw, at);
    out.append_from(raw.substr(at, plain), static_cast<std::uint32_t>(at));
    at += plain;
    if (at == raw.size()) break;
    const auto origin = static_cast<std::uint32_t>(at);
    const char c = raw[at];
    if (static_cast<unsigned char>(c) < 0x80) {
      if (c != '\r' || at + 1 >= raw.size() || raw[at + 1] != '\n') out.push(c == '\r' ? '\n' : c, origin);
      ++at;
      continue;
    }
    const CodePoint point = decode(raw.substr(at));
    if (point.size == 0) {
      out.push(c, origin);
      ++at;
      continue;
    }
    const std::string_view bytes = raw.substr(at, point.size);
    at += point.size;
    if (is_zero_width(point.value) || is_bidi_control(point.value) || is_tag(point.value) ||
        is_variation_selector(point.value)) {
      continue;
    }
    if (point.value == 0x2018 || point.value == 0x2019) {
      out.push('\'', origin);
    } else if (point.value == 0x201C || point.value == 0x201D) {
      out.push('"', origin);
    } else if (const char ascii = look_alike(point.value)) {
      out.push(ascii, origin);
    } else if (const std::string form = ascii_form(point.value); !form.empty()) {
      out.append(form, origin);
    } else {
      out.append(bytes, origin);
    }
  }
  return out;
}

}  // namespace skill_verifier::scan
