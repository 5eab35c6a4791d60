#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::dcap {

/// The bytes as an array; nothing if there are not exactly that many.
template <std::size_t Size>
std::optional<std::array<std::uint8_t, Size>> fixed(ByteView bytes) {
  if (bytes.size() != Size) return std::nullopt;
  std::array<std::uint8_t, Size> out{};
  std::ranges::copy(bytes, out.begin());
  return out;
}

template <std::size_t Size>
std::optional<std::array<std::uint8_t, Size>> fixed_hex(std::string_view hex) {
  const auto bytes = core::parse_hex(hex);
  if (!bytes) return std::nullopt;
  return fixed<Size>(*bytes);
}

inline void append(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}
inline void append(Bytes& out, std::string_view text) {
  append(out, core::as_bytes(text));
}
template <class Unsigned>
void append_le(Bytes& out, Unsigned value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

}  // namespace skill_verifier::dcap
