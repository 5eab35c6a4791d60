#include "dcap/der.hpp"

#include <algorithm>

#include "dcap/calendar.hpp"

namespace skill_verifier::dcap::der {
namespace {

/// The length octets at the front of `bytes`; `used` is how many there are.
std::optional<std::size_t> read_length(ByteView bytes, std::size_t& used) {
  constexpr std::size_t kLongest = 4;
  if (bytes.empty()) return std::nullopt;
  const std::uint8_t first = bytes[0];
  used = 1;
  if (first < 0x80) return first;
  const std::size_t count = first & 0x7f;
  if (count == 0 || count > kLongest || bytes.size() < 1 + count) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 1; i <= count; ++i)
    length = length << 8 | bytes[i];
  used += count;
  const bool shortest = length >= 0x80 && bytes[1] != 0;
  return shortest ? std::optional(length) : std::nullopt;
}

}  // namespace

std::optional<Value> Reader::take() {
  if (rest_.empty() || (rest_[0] & 0x1f) == 0x1f) return std::nullopt;
  std::size_t used = 0;
  const auto length = read_length(rest_.subspan(1), used);
  if (!length || *length > rest_.size() - 1 - used) return std::nullopt;
  const std::size_t head = 1 + used;
  Value value{rest_[0], rest_.subspan(head, *length), rest_.first(head + *length)};
  rest_ = rest_.subspan(value.whole.size());
  return value;
}

std::optional<ByteView> Reader::take(std::uint8_t tag) {
  if (!next_is(tag)) return std::nullopt;
  const auto value = take();
  return value ? std::optional(value->content) : std::nullopt;
}

std::optional<Value> whole(ByteView bytes, std::uint8_t tag) {
  Reader reader(bytes);
  const auto value = reader.take();
  if (!value || value->tag != tag || !reader.empty()) return std::nullopt;
  return value;
}

std::optional<std::uint32_t> small_unsigned(ByteView content, std::uint32_t largest) {
  if (content.empty() || content.size() > 5 || (content[0] & 0x80) != 0) return std::nullopt;
  if (content.size() > 1 && content[0] == 0 && (content[1] & 0x80) == 0) return std::nullopt;
  std::uint64_t value = 0;
  for (const std::uint8_t byte : content)
    value = value << 8 | byte;
  return value <= largest ? std::optional(static_cast<std::uint32_t>(value)) : std::nullopt;
}

std::optional<ByteView> whole_bits(ByteView content) {
  if (content.empty() || content[0] != 0) return std::nullopt;
  return content.subspan(1);
}

std::optional<bool> boolean(ByteView content) {
  if (content.size() != 1 || (content[0] != 0 && content[0] != 0xff)) return std::nullopt;
  return content[0] != 0;
}

std::optional<std::int64_t> time(const Value& value) {
  const auto text = core::as_text(value.content);
  const bool utc = value.tag == kUtcTime;
  if (!utc && value.tag != kGeneralizedTime) return std::nullopt;
  const std::size_t year_digits = utc ? 2 : 4;
  if (text.size() != year_digits + 11 || text.back() != 'Z') return std::nullopt;
  const auto digits = text.substr(0, text.size() - 1);
  const auto number = [&](std::size_t at, std::size_t count) { return parse_digits(digits.substr(at, count)); };
  auto year = number(0, year_digits);
  if (!year) return std::nullopt;
  // RFC 5280 §4.1.2.5.1: two digits stand for 1950 to 2049.
  if (utc) *year += *year < 50 ? 2000 : 1900;
  const auto at = [&](std::size_t field) { return number(year_digits + 2 * field, 2); };
  const auto month = at(0), day = at(1), hour = at(2), minute = at(3), second = at(4);
  if (!month || !day || !hour || !minute || !second) return std::nullopt;
  return seconds_since_1970({*year, *month, *day, *hour, *minute, *second});
}

bool is_oid(ByteView content, std::string_view octets) {
  return core::as_text(content) == octets;
}

}  // namespace skill_verifier::dcap::der
