#include "dcap/evidence/cbor.hpp"

namespace skill_verifier::dcap {

std::optional<std::uint64_t> CborReader::head(std::uint8_t major) {
  if (rest_.empty() || rest_[0] >> 5 != major) return std::nullopt;
  const std::uint8_t info = rest_[0] & 0x1f;
  if (info < 24) {
    rest_ = rest_.subspan(1);
    return info;
  }
  if (info > 27) return std::nullopt;
  const auto size = std::size_t{1} << (info - 24);
  if (rest_.size() < 1 + size) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 1; i <= size; ++i)
    value = value << 8 | rest_[i];
  const bool shortest = size == 1 ? value >= 24 : value >> (4 * size) != 0;
  if (!shortest) return std::nullopt;
  rest_ = rest_.subspan(1 + size);
  return value;
}

std::optional<ByteView> CborReader::body(std::uint8_t major) {
  const auto size = head(major);
  if (!size || *size > rest_.size()) return std::nullopt;
  const auto taken = rest_.first(static_cast<std::size_t>(*size));
  rest_ = rest_.subspan(taken.size());
  return taken;
}

std::optional<Bytes> CborReader::bytes() {
  const auto taken = body(2);
  if (!taken) return std::nullopt;
  return Bytes(taken->begin(), taken->end());
}

std::optional<std::string> CborReader::text() {
  const auto taken = body(3);
  if (!taken || !core::is_utf8(core::as_text(*taken))) return std::nullopt;
  return std::string(core::as_text(*taken));
}

std::optional<bool> CborReader::boolean() {
  constexpr std::uint8_t kFalse = 0xf4;
  constexpr std::uint8_t kTrue = 0xf5;
  if (rest_.empty() || (rest_[0] != kFalse && rest_[0] != kTrue)) return std::nullopt;
  const bool value = rest_[0] == kTrue;
  rest_ = rest_.subspan(1);
  return value;
}

}  // namespace skill_verifier::dcap
