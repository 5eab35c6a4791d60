#include "test_pki/der.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace test_pki::der {
namespace {

void append(Bytes& out, ByteView more) {
  out.insert(out.end(), more.begin(), more.end());
}

void append_length(Bytes& out, std::size_t length) {
  if (length < 0x80) {
    out.push_back(static_cast<std::uint8_t>(length));
    return;
  }
  Bytes digits;
  for (; length > 0; length >>= 8)
    digits.insert(digits.begin(), static_cast<std::uint8_t>(length & 0xff));
  out.push_back(static_cast<std::uint8_t>(0x80 | digits.size()));
  append(out, digits);
}

void append_base128(Bytes& out, std::uint64_t value) {
  Bytes digits{static_cast<std::uint8_t>(value & 0x7f)};
  for (value >>= 7; value > 0; value >>= 7) {
    digits.insert(digits.begin(), static_cast<std::uint8_t>(0x80 | (value & 0x7f)));
  }
  append(out, digits);
}

}  // namespace

Bytes tlv(std::uint8_t tag, ByteView content) {
  Bytes out{tag};
  append_length(out, content.size());
  append(out, content);
  return out;
}

Bytes concat(std::initializer_list<Bytes> values) {
  Bytes out;
  for (const auto& value : values)
    append(out, value);
  return out;
}

Bytes sequence(std::initializer_list<Bytes> values) {
  return tlv(0x30, concat(values));
}
Bytes set(std::initializer_list<Bytes> values) {
  return tlv(0x31, concat(values));
}
Bytes explicit_tag(std::uint8_t number, ByteView value) {
  return tlv(static_cast<std::uint8_t>(0xa0 | number), value);
}
Bytes boolean(bool value) {
  return tlv(0x01, Bytes{static_cast<std::uint8_t>(value ? 0xff : 0x00)});
}

Bytes integer(std::int64_t value) {
  Bytes content;
  for (int shift = 56; shift >= 0; shift -= 8)
    content.push_back(static_cast<std::uint8_t>(value >> shift));
  // Shortest form: drop leading octets that only repeat the sign.
  while (content.size() > 1 &&
         ((content[0] == 0x00 && content[1] < 0x80) || (content[0] == 0xff && content[1] >= 0x80))) {
    content.erase(content.begin());
  }
  return tlv(0x02, content);
}

Bytes unsigned_integer(ByteView magnitude) {
  const auto first = std::ranges::find_if(magnitude, [](std::uint8_t byte) { return byte != 0; });
  Bytes content(first, magnitude.end());
  if (content.empty() || content.front() >= 0x80) content.insert(content.begin(), 0x00);
  return tlv(0x02, content);
}

Bytes enumerated(std::uint8_t value) {
  return tlv(0x0a, Bytes{value});
}
Bytes null() {
  return tlv(0x05, {});
}
Bytes octet_string(ByteView value) {
  return tlv(0x04, value);
}

Bytes bit_string(ByteView value, std::uint8_t unused_bits) {
  Bytes content{unused_bits};
  append(content, value);
  return tlv(0x03, content);
}

Bytes utf8_string(std::string_view value) {
  return tlv(0x0c, skill_verifier::core::as_bytes(value));
}
Bytes printable_string(std::string_view value) {
  return tlv(0x13, skill_verifier::core::as_bytes(value));
}
Bytes ia5_string(std::string_view value) {
  return tlv(0x16, skill_verifier::core::as_bytes(value));
}

Bytes object_identifier(std::string_view dotted) {
  std::vector<std::uint64_t> arcs;
  for (const char* at = dotted.data(); at <= dotted.data() + dotted.size();) {
    std::uint64_t arc = 0;
    const auto [end, error] = std::from_chars(at, dotted.data() + dotted.size(), arc);
    if (error != std::errc{}) throw std::invalid_argument("not an object identifier");
    arcs.push_back(arc);
    at = end + 1;
  }
  if (arcs.size() < 2) throw std::invalid_argument("not an object identifier");
  Bytes content;
  append_base128(content, arcs[0] * 40 + arcs[1]);
  for (std::size_t i = 2; i < arcs.size(); ++i)
    append_base128(content, arcs[i]);
  return tlv(0x06, content);
}

Bytes time(std::chrono::sys_seconds value) {
  const auto day = std::chrono::floor<std::chrono::days>(value);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(value - day);
  const int year = static_cast<int>(date.year());
  const auto rest =
      fmt::format("{:02}{:02}{:02}{:02}{:02}Z", static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (year < 2050) return tlv(0x17, skill_verifier::core::as_bytes(fmt::format("{:02}{}", year % 100, rest)));
  return tlv(0x18, skill_verifier::core::as_bytes(fmt::format("{:04}{}", year, rest)));
}

}  // namespace test_pki::der
