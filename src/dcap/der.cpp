#include "dcap/der.hpp"

#include <algorithm>
#include <chrono>

namespace skill_verifier::dcap::der {
namespace {

constexpr std::size_t kMaxExtensions = 32;

std::optional<int> digits(ByteView text, std::size_t at, std::size_t count) {
  int value = 0;
  for (const std::uint8_t c : text.subspan(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::optional<Extension> extension(Walk& list) {
  const auto entry = list.take(kSequence);
  if (!entry) return std::nullopt;
  Walk fields(*entry);
  Extension parsed;
  const auto oid = fields.take(kOid);
  if (!oid) return std::nullopt;
  parsed.oid = *oid;
  if (fields.at(kBoolean)) {
    const auto content = fields.take(kBoolean);
    const auto critical = content ? boolean(*content) : std::nullopt;
    // FALSE is the default, and DER leaves defaults out.
    if (!critical || !*critical) return std::nullopt;
    parsed.critical = true;
  }
  const auto value = fields.take(kOctetString);
  if (!value || !fields.done()) return std::nullopt;
  parsed.value = *value;
  return parsed;
}

}  // namespace

std::optional<Value> Walk::next() {
  const auto fail = [this]() -> std::optional<Value> {
    failed_ = true;
    rest_ = {};
    return std::nullopt;
  };
  if (rest_.size() < 2 || (rest_[0] & 0x1f) == 0x1f) return fail();
  std::size_t header = 2;
  std::size_t length = rest_[1];
  if (length >= 0x80) {
    const std::size_t octets = length & 0x7f;
    if (octets == 0 || octets > 3 || rest_.size() < 2 + octets) return fail();
    length = 0;
    for (std::size_t i = 0; i < octets; ++i)
      length = length << 8 | rest_[2 + i];
    const bool shortest = length >= 0x80 && rest_[2] != 0;
    if (!shortest) return fail();
    header += octets;
  }
  if (length > rest_.size() - header) return fail();
  const Value value{rest_[0], rest_.subspan(header, length), rest_.first(header + length)};
  rest_ = rest_.subspan(header + length);
  return value;
}

std::optional<ByteView> Walk::take(std::uint8_t tag) {
  if (!at(tag)) {
    failed_ = true;
    rest_ = {};
    return std::nullopt;
  }
  const auto value = next();
  if (!value) return std::nullopt;
  return value->content;
}

std::optional<ByteView> only(ByteView bytes, std::uint8_t tag) {
  Walk walk(bytes);
  const auto content = walk.take(tag);
  return content && walk.done() ? content : std::nullopt;
}

std::optional<std::uint32_t> small_number(ByteView content, std::uint32_t limit) {
  if (content.empty() || content.size() > 4 || content[0] >= 0x80) return std::nullopt;
  if (content.size() > 1 && content[0] == 0 && content[1] < 0x80) return std::nullopt;
  std::uint32_t value = 0;
  for (const std::uint8_t octet : content)
    value = value << 8 | octet;
  if (value > limit) return std::nullopt;
  return value;
}

std::optional<bool> boolean(ByteView content) {
  if (content.size() != 1 || (content[0] != 0x00 && content[0] != 0xff)) return std::nullopt;
  return content[0] == 0xff;
}

std::optional<std::int64_t> time(const Value& value) {
  const ByteView text = value.content;
  const bool utc = value.tag == kUtcTime;
  if ((!utc && value.tag != kGeneralizedTime) || text.size() != (utc ? 13u : 15u) || text.back() != 'Z') {
    return std::nullopt;
  }
  const std::size_t year_digits = utc ? 2 : 4;
  auto year = digits(text, 0, year_digits);
  const auto month = digits(text, year_digits, 2), day = digits(text, year_digits + 2, 2);
  const auto hour = digits(text, year_digits + 4, 2), minute = digits(text, year_digits + 6, 2);
  const auto second = digits(text, year_digits + 8, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (utc) *year += *year >= 50 ? 1900 : 2000;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const std::chrono::seconds since_1970 = std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(*hour) +
                                          std::chrono::minutes(*minute) + std::chrono::seconds(*second);
  return since_1970.count();
}

bool equals(ByteView left, ByteView right) {
  return std::ranges::equal(left, right);
}

std::optional<std::vector<Extension>> extensions(ByteView content) {
  std::vector<Extension> all;
  all.reserve(8);
  Walk list(content);
  while (list.more()) {
    const auto next = extension(list);
    if (!next || find(all, next->oid) != nullptr || all.size() == kMaxExtensions) return std::nullopt;
    all.push_back(*next);
  }
  if (!list.done() || all.empty()) return std::nullopt;
  return all;
}

const Extension* find(const std::vector<Extension>& all, ByteView oid) {
  const auto found = std::ranges::find_if(all, [&](const Extension& one) { return equals(one.oid, oid); });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace skill_verifier::dcap::der
