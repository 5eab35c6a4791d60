#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::dcap {

/// Takes RFC 8949 items off the front of a buffer: definite lengths in their shortest form, and only the kinds that the
/// measurement document has. Nothing where the next item is another one. Keeps no depth: the caller's grammar is fixed.
class CborReader {
 public:
  explicit CborReader(ByteView bytes) : rest_(bytes) {}

  std::optional<std::uint64_t> number() { return head(0); }
  std::optional<Bytes> bytes();
  std::optional<std::string> text();
  std::optional<bool> boolean();
  /// The number of pairs that follow.
  std::optional<std::uint64_t> map() { return head(5); }
  bool at_end() const { return rest_.empty(); }

 private:
  std::optional<std::uint64_t> head(std::uint8_t major);
  std::optional<ByteView> body(std::uint8_t major);

  ByteView rest_;
};

}  // namespace skill_verifier::dcap
