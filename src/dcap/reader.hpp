#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::dcap {

/// Takes little-endian fields off the front of a buffer; nothing where the buffer is too short.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  std::optional<ByteView> take(std::size_t count) {
    if (count > rest_.size()) return std::nullopt;
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  std::optional<std::uint16_t> u16() {
    const auto bytes = take(2);
    if (!bytes) return std::nullopt;
    return static_cast<std::uint16_t>((*bytes)[0] | (*bytes)[1] << 8);
  }
  std::optional<std::uint32_t> u32() {
    const auto low = u16();
    const auto high = low ? u16() : std::nullopt;
    if (!high) return std::nullopt;
    return static_cast<std::uint32_t>(*low) | static_cast<std::uint32_t>(*high) << 16;
  }
  ByteView rest() const { return rest_; }

 private:
  ByteView rest_;
};

}  // namespace skill_verifier::dcap
