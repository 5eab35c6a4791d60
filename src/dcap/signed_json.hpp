#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "dcap/json_reader.hpp"
#include "dcap/tcb_info.hpp"

namespace skill_verifier::dcap {

/// Reads members of a document that Intel signed. What is not as it should be is refused with a code that begins with
/// the document's prefix, `TCB` or `QEID`.
class SignedJson {
 public:
  explicit SignedJson(std::string_view prefix) : prefix_(prefix) {}

  Error refuse(std::string_view rule, std::string message) const;
  Error wrong_field(std::string_view name) const;

  Result<json::Document> parse(std::string_view text) const;
  Result<std::string_view> string(const json::Value& object, std::string_view name) const;
  /// Not negative, at most `limit`.
  Result<std::uint32_t> number(const json::Value& object, std::string_view name, std::uint32_t limit) const;
  /// The member as `count` octets of hex.
  Result<Bytes> octets(const json::Value& object, std::string_view name, std::size_t count) const;
  Result<std::int64_t> instant(const json::Value& object, std::string_view name) const;
  /// `id` and `version` as they must be, and an `issueDate` and a `nextUpdate`.
  Result<void> head(const json::Value& root, std::string_view id, std::int64_t version, std::int64_t& issue_date,
                    std::int64_t& next_update) const;

  /// tcbDate, tcbStatus, advisoryIDs. `platform`: whether all seven statuses are possible, not only three.
  Result<LevelStatus> level_status(const json::Value& level, bool platform) const;
  /// tcbLevels with an isvsvn each, at least one, sorted.
  Result<std::vector<SvnLevel>> svn_levels(const json::Value& object, std::uint32_t limit) const;

  template <std::size_t Size>
  Result<void> octets(const json::Value& object, std::string_view name, std::array<std::uint8_t, Size>& out) const {
    const auto bytes = octets(object, name, Size);
    if (!bytes) return bytes.error();
    std::ranges::copy(*bytes, out.begin());
    return {};
  }

 private:
  std::string prefix_;
};

/// Keeps `levels` sorted, highest first; of equal ones the one that came first stays first.
template <class Level, class Rank>
void insert_level(std::vector<Level>& levels, Level level, Rank rank) {
  const auto place = std::ranges::upper_bound(levels, rank(level), std::ranges::greater{}, rank);
  levels.insert(place, std::move(level));
}

/// `text` with A to F in place of a to f.
std::string upper_hex(std::string_view text);

}  // namespace skill_verifier::dcap
