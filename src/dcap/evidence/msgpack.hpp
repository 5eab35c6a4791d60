#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "skill_verifier/core/bytes.hpp"

/// MessagePack as rmp-serde writes it: definite lengths in their shortest form, maps with text keys. Views point into
/// the input. Nothing where a value is another one than was asked for, or is not the whole of the bytes.
namespace skill_verifier::dcap::msgpack {

/// A value's own bytes, with its head.
using Item = ByteView;

std::optional<std::uint64_t> number(Item item);
/// UTF-8.
std::optional<std::string_view> text(Item item);
/// `bin`, or the array of small numbers that serde makes of a plain Vec<u8>.
std::optional<Bytes> octets(Item item);
/// At most `limit` elements.
std::optional<std::vector<Item>> array(Item item, std::size_t limit);
bool is_nil(Item item);

/// At most 32 members, no name twice.
class Map {
 public:
  static std::optional<Map> read(Item item);
  /// Nothing where there is no such member.
  std::optional<Item> operator[](std::string_view name) const;

 private:
  std::vector<std::pair<std::string_view, Item>> members_;
};

}  // namespace skill_verifier::dcap::msgpack
