#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace skill_verifier::scan {

/// Counts the UTF-16 code units before any byte of a text, as SARIF's columns want it. A look-up costs a page at most,
/// however long the lines are. A byte that is no UTF-8 counts as the one character that stands for it.
class Utf16Index {
 public:
  /// `text` outlives it.
  explicit Utf16Index(std::string_view text);
  std::size_t before(std::size_t offset) const;

 private:
  std::string_view text_;
  std::vector<std::uint32_t> pages_;  ///< units before each page; none for a text that is ASCII
};

}  // namespace skill_verifier::scan
