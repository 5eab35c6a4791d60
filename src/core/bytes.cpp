#include "skill_verifier/core/bytes.hpp"

#include <array>

namespace skill_verifier::core {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::array<std::int8_t, 256> base64_values() {
  std::array<std::int8_t, 256> values{};
  for (auto& value : values)
    value = -1;
  for (std::size_t i = 0; i < kBase64Alphabet.size(); ++i)
    values[static_cast<unsigned char>(kBase64Alphabet[i])] = static_cast<std::int8_t>(i);
  return values;
}
constexpr auto kBase64Values = base64_values();

/// Length of the well-formed UTF-8 sequence at the front of `text`, or 0.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  // The second byte's range rules out overlong forms, surrogates and what lies above U+10FFFF (Unicode table 3-7).
  unsigned char low = 0x80, high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF)
    length = 2;
  else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  }
  if (length == 0 || text.size() < length || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  return length;
}

/// C1 controls, separators and direction overrides can hide the rest of a line on a terminal.
bool is_printable(std::string_view character) {
  if (character.size() == 1) {
    const auto c = static_cast<unsigned char>(character[0]);
    return c >= 0x20 && c != 0x7F;
  }
  if (character.size() == 2 && character[0] == '\xC2' && static_cast<unsigned char>(character[1]) < 0xA0) return false;
  if (character.size() == 3 && character[0] == '\xE2') {
    const auto second = static_cast<unsigned char>(character[1]), third = static_cast<unsigned char>(character[2]);
    if (second == 0x80 && (third >= 0xA8 && third <= 0xAE)) return false;
    if (second == 0x80 && (third == 0x8E || third == 0x8F)) return false;
    if (second == 0x81 && (third >= 0xA6 && third <= 0xA9)) return false;
  }
  return true;
}

}  // namespace

ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string to_hex(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 15];
  }
  return text;
}

Result<Bytes> parse_hex(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  if (text.size() % 2 != 0) return Error{Errc::invalid_argument, "hex_invalid", "hex text has an odd number of digits"};
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]), low = hex_value(text[i + 1]);
    if (high < 0 || low < 0)
      return Error{Errc::invalid_argument, "hex_invalid",
                   "'" + shorten(text.substr(high < 0 ? i : i + 1, 1)) + "' is no hex digit (position " +
                       std::to_string(high < 0 ? i : i + 1) + ")"};
    bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return bytes;
}

std::string to_base64(ByteView bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    const std::uint32_t group = static_cast<std::uint32_t>(bytes[i] << 16) |
                                (left > 1 ? static_cast<std::uint32_t>(bytes[i + 1] << 8) : 0u) |
                                (left > 2 ? static_cast<std::uint32_t>(bytes[i + 2]) : 0u);
    text += kBase64Alphabet[group >> 18];
    text += kBase64Alphabet[group >> 12 & 63];
    text += left > 1 ? kBase64Alphabet[group >> 6 & 63] : '=';
    text += left > 2 ? kBase64Alphabet[group & 63] : '=';
  }
  return text;
}

Result<Bytes> parse_base64(std::string_view text) {
  const auto invalid = [] { return Error{Errc::invalid_argument, "base64_invalid", "text is not padded base64"}; };
  if (text.size() % 4 != 0) return invalid();
  Bytes bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const std::size_t padding = last ? (text[i + 3] == '=') + (text[i + 3] == '=' && text[i + 2] == '=') : 0;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const int value = k >= 4 - padding ? 0 : kBase64Values[static_cast<unsigned char>(text[i + k])];
      if (value < 0) return invalid();
      group = group << 6 | static_cast<std::uint32_t>(value);
    }
    // Bits that padding cuts off must be zero: one text a value.
    if (padding > 0 && (group & (padding == 1 ? 0xFFu : 0xFFFFu)) != 0) return invalid();
    for (std::size_t k = 0; k < 3 - padding; ++k)
      bytes.push_back(static_cast<std::uint8_t>(group >> (16 - 8 * k) & 255));
  }
  return bytes;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string shorten(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, length == 0 ? 1 : length);
    const bool plain = length != 0 && is_printable(character);
    std::string piece(character);
    if (!plain) {
      piece.clear();
      for (const char c : character)
        piece += "\\x" + to_hex(as_bytes({&c, 1}));
    }
    if (out.size() + piece.size() > limit) return out + "…";
    out += piece;
    text.remove_prefix(character.size());
  }
  return out;
}

}  // namespace skill_verifier::core
