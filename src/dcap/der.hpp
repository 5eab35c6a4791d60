#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::dcap::der {

/// Identifier octets (X.690 §8.1.2) of what Intel's certificates and CRLs consist of.
enum Tag : std::uint8_t {
  kBoolean = 0x01,
  kInteger = 0x02,
  kBitString = 0x03,
  kOctetString = 0x04,
  kOid = 0x06,
  kEnumerated = 0x0a,
  kUtf8String = 0x0c,
  kPrintableString = 0x13,
  kUtcTime = 0x17,
  kGeneralizedTime = 0x18,
  kSequence = 0x30,
  kSet = 0x31,
  kContext0 = 0xa0,
  kContext3 = 0xa3,
  kPrimitiveContext0 = 0x80,
};

struct Value {
  std::uint8_t tag = 0;
  ByteView content;
  ByteView whole;  ///< with tag and length
};

/// Takes DER values off the front of a buffer: definite lengths in their shortest form, tag numbers below 31. Nothing
/// where the next octets are not such a value.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  /// Whether the next value has that tag; false at the end.
  bool next_is(std::uint8_t tag) const { return !rest_.empty() && rest_.front() == tag; }
  std::optional<Value> take();
  /// The content of the next value, if it has that tag.
  std::optional<ByteView> take(std::uint8_t tag);

 private:
  ByteView rest_;
};

/// The only value of a buffer, with nothing after it.
std::optional<Value> whole(ByteView bytes, std::uint8_t tag);

/// INTEGER or ENUMERATED content: shortest form, not negative, at most `largest`.
std::optional<std::uint32_t> small_unsigned(ByteView content, std::uint32_t largest);
/// BIT STRING content without unused bits.
std::optional<ByteView> whole_bits(ByteView content);
/// BOOLEAN content.
std::optional<bool> boolean(ByteView content);
/// Seconds since 1970 of a UTCTime or GeneralizedTime in RFC 5280's form (seconds, `Z`).
std::optional<std::int64_t> time(const Value& value);

/// Whether an OBJECT IDENTIFIER's content is those octets.
bool is_oid(ByteView content, std::string_view octets);

}  // namespace skill_verifier::dcap::der
