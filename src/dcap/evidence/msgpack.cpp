#include "dcap/evidence/msgpack.hpp"

#include <algorithm>

#include "dcap/reader.hpp"

namespace skill_verifier::dcap::msgpack {
namespace {

constexpr int kMaxDepth = 16;
constexpr std::size_t kMaxMembers = 32;

enum class Kind : std::uint8_t { nil, boolean, number, text, octets, array, map, other };

/// What stands in front of a value: for texts, octets and others the bytes that follow, for arrays and maps the
/// elements or pairs.
struct Head {
  Kind kind = Kind::other;
  std::uint64_t value = 0;
};

std::optional<std::uint64_t> big_endian(Reader& reader, std::size_t size) {
  const auto octets = reader.take(size);
  if (!octets) return std::nullopt;
  std::uint64_t value = 0;
  for (const std::uint8_t octet : *octets)
    value = value << 8 | octet;
  return value;
}

/// A number of 1 << width octets that a shorter form could not have held.
std::optional<Head> sized(Reader& reader, Kind kind, unsigned width, std::uint64_t least) {
  const auto value = big_endian(reader, std::size_t{1} << width);
  if (!value || *value < least) return std::nullopt;
  return Head{kind, *value};
}

std::optional<Head> take_head(Reader& reader) {
  const auto first = reader.take(1);
  if (!first) return std::nullopt;
  const std::uint8_t tag = (*first)[0];
  if (tag < 0x80) return Head{Kind::number, tag};
  if (tag < 0x90) return Head{Kind::map, tag & 0x0fu};
  if (tag < 0xa0) return Head{Kind::array, tag & 0x0fu};
  if (tag < 0xc0) return Head{Kind::text, tag & 0x1fu};
  constexpr std::uint64_t kOver8 = 1u << 8, kOver16 = 1u << 16, kOver32 = std::uint64_t{1} << 32;
  switch (tag) {
    case 0xc0:
      return Head{Kind::nil, 0};
    case 0xc2:
    case 0xc3:
      return Head{Kind::boolean, 0};
    case 0xc4:
      return sized(reader, Kind::octets, 0, 0);
    case 0xc5:
      return sized(reader, Kind::octets, 1, kOver8);
    case 0xc6:
      return sized(reader, Kind::octets, 2, kOver16);
    case 0xca:
      return Head{Kind::other, 4};
    case 0xcb:
      return Head{Kind::other, 8};
    case 0xcc:
      return sized(reader, Kind::number, 0, 0x80);
    case 0xcd:
      return sized(reader, Kind::number, 1, kOver8);
    case 0xce:
      return sized(reader, Kind::number, 2, kOver16);
    case 0xcf:
      return sized(reader, Kind::number, 3, kOver32);
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return Head{Kind::other, std::uint64_t{1} << (tag - 0xd0)};
    case 0xd9:
      return sized(reader, Kind::text, 0, 32);
    case 0xda:
      return sized(reader, Kind::text, 1, kOver8);
    case 0xdb:
      return sized(reader, Kind::text, 2, kOver16);
    case 0xdc:
      return sized(reader, Kind::array, 1, 16);
    case 0xdd:
      return sized(reader, Kind::array, 2, kOver16);
    case 0xde:
      return sized(reader, Kind::map, 1, 16);
    case 0xdf:
      return sized(reader, Kind::map, 2, kOver16);
    default:
      // Negative one-octet numbers are whole already; extension types are not for us.
      return tag >= 0xe0 ? std::optional(Head{Kind::other, 0}) : std::nullopt;
  }
}

bool skip(Reader& reader, int depth) {
  if (depth > kMaxDepth) return false;
  const auto head = take_head(reader);
  if (!head) return false;
  switch (head->kind) {
    case Kind::nil:
    case Kind::boolean:
    case Kind::number:
      return true;
    case Kind::text:
    case Kind::octets:
    case Kind::other:
      return reader.take(static_cast<std::size_t>(head->value)).has_value();
    case Kind::array:
    case Kind::map:
      break;
  }
  const auto values = head->kind == Kind::map ? 2 * head->value : head->value;
  for (std::uint64_t i = 0; i < values; ++i)
    if (!skip(reader, depth + 1)) return false;
  return true;
}

std::optional<Item> take_item(Reader& reader) {
  const auto before = reader.rest();
  if (!skip(reader, 0)) return std::nullopt;
  return before.first(before.size() - reader.rest().size());
}

/// The body of the one text or byte string that the item is.
std::optional<ByteView> body(Item item, Kind kind) {
  Reader reader(item);
  const auto head = take_head(reader);
  if (!head || head->kind != kind) return std::nullopt;
  const auto taken = reader.take(static_cast<std::size_t>(head->value));
  return reader.rest().empty() ? taken : std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> number(Item item) {
  Reader reader(item);
  const auto head = take_head(reader);
  if (!head || head->kind != Kind::number || !reader.rest().empty()) return std::nullopt;
  return head->value;
}

std::optional<std::string_view> text(Item item) {
  const auto octets = body(item, Kind::text);
  if (!octets || !core::is_utf8(core::as_text(*octets))) return std::nullopt;
  return core::as_text(*octets);
}

std::optional<Bytes> octets(Item item) {
  if (const auto plain = body(item, Kind::octets)) return Bytes(plain->begin(), plain->end());
  Reader reader(item);
  const auto head = take_head(reader);
  // Every element has an octet at least, so no count makes more memory than the input has.
  if (!head || head->kind != Kind::array || head->value > reader.rest().size()) return std::nullopt;
  Bytes out;
  out.reserve(static_cast<std::size_t>(head->value));
  for (std::uint64_t i = 0; i < head->value; ++i) {
    const auto element = take_head(reader);
    if (!element || element->kind != Kind::number || element->value > 0xff) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(element->value));
  }
  if (!reader.rest().empty()) return std::nullopt;
  return out;
}

std::optional<std::vector<Item>> array(Item item, std::size_t limit) {
  Reader reader(item);
  const auto head = take_head(reader);
  if (!head || head->kind != Kind::array || head->value > limit) return std::nullopt;
  std::vector<Item> elements;
  for (std::uint64_t i = 0; i < head->value; ++i) {
    const auto element = take_item(reader);
    if (!element) return std::nullopt;
    elements.push_back(*element);
  }
  if (!reader.rest().empty()) return std::nullopt;
  return elements;
}

bool is_nil(Item item) {
  return item.size() == 1 && item[0] == 0xc0;
}

std::optional<Map> Map::read(Item item) {
  Reader reader(item);
  const auto head = take_head(reader);
  if (!head || head->kind != Kind::map || head->value > kMaxMembers) return std::nullopt;
  Map map;
  for (std::uint64_t i = 0; i < head->value; ++i) {
    const auto key = take_item(reader);
    const auto name = key ? text(*key) : std::nullopt;
    const auto value = name && !map[*name] ? take_item(reader) : std::nullopt;
    if (!value) return std::nullopt;
    map.members_.emplace_back(*name, *value);
  }
  if (!reader.rest().empty()) return std::nullopt;
  return map;
}

std::optional<Item> Map::operator[](std::string_view name) const {
  const auto found = std::ranges::find(members_, name, &std::pair<std::string_view, Item>::first);
  return found == members_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace skill_verifier::dcap::msgpack
