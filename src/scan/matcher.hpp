#pragma once

#include <string_view>
#include <vector>

#include "scan/relations.hpp"
#include "scan/rules.hpp"

namespace skill_verifier::scan {

/// A rule that holds at a place of a file, as byte offsets.
struct RuleHit {
  std::size_t check = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  bool softened = false;  ///< it stands in a text that warns of it
};

/// Offsets of the first byte of every line.
std::vector<std::uint32_t> line_starts(std::string_view raw);
/// 0-based line of an offset.
std::size_t line_of(const std::vector<std::uint32_t>& starts, std::uint32_t offset);

/// Applies every rule to one file. At most one hit per rule and line, sorted by check and place.
std::vector<RuleHit> match_rules(const detail::Rules& rules, const Relations& relations, std::string_view raw,
                                 const std::vector<Block>& blocks);

}  // namespace skill_verifier::scan
