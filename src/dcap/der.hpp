#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "skill_verifier/core/bytes.hpp"

/// DER (X.690) as Intel's certificates use it: one-octet tags, definite lengths in their shortest form. Views point
/// into the input; nothing is copied and nothing recurses.
namespace skill_verifier::dcap::der {

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
};

struct Value {
  std::uint8_t tag = 0;
  ByteView content;
  ByteView whole;  ///< with tag and length
};

/// Takes values off the front. After a failure nothing more can be taken.
class Walk {
 public:
  explicit Walk(ByteView bytes) : rest_(bytes) {}

  std::optional<Value> next();
  /// The next value if it has this tag, otherwise nothing and the walk has failed.
  std::optional<ByteView> take(std::uint8_t tag);
  bool at(std::uint8_t tag) const { return !rest_.empty() && rest_[0] == tag; }
  bool done() const { return rest_.empty() && !failed_; }
  bool more() const { return !rest_.empty() && !failed_; }

 private:
  ByteView rest_;
  bool failed_ = false;
};

/// The content of the one value of that tag that the bytes are, without a byte after it.
std::optional<ByteView> only(ByteView bytes, std::uint8_t tag);

/// The contents of an INTEGER or ENUMERATED that is not negative, shortest form, at most `limit`.
std::optional<std::uint32_t> small_number(ByteView content, std::uint32_t limit);
std::optional<bool> boolean(ByteView content);
/// Seconds since 1970 of UTCTime (`YYMMDDHHMMSSZ`) or GeneralizedTime (`YYYYMMDDHHMMSSZ`), RFC 5280 §4.1.2.5.
std::optional<std::int64_t> time(const Value& value);

bool equals(ByteView left, ByteView right);

/// RFC 5280 §4.1.2.9.
struct Extension {
  ByteView oid;
  bool critical = false;
  ByteView value;
};
/// The elements of `Extensions`, at most 32, no object identifier twice; nothing where that does not hold.
std::optional<std::vector<Extension>> extensions(ByteView content);
const Extension* find(const std::vector<Extension>& all, ByteView oid);

}  // namespace skill_verifier::dcap::der
