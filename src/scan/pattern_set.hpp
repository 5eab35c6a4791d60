#pragma once

#include <re2/filtered_re2.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::scan {

/// Finds which of many literal texts (lower case) occur in a text, in one pass over it (Aho and Corasick).
class LiteralSet {
 public:
  /// Coarse: bytes above ASCII, of which texts in many languages use all, share a few classes. The table is half as
  /// large, and literals that differ from the text in such bytes alone may be found.
  enum class Bytes { exact, coarse };
  explicit LiteralSet(const std::vector<std::string>& literals, Bytes bytes = Bytes::exact);
  /// Indices of the literals that occur, letters compared without case. `found` is emptied first.
  void find(std::string_view text, std::vector<int>& found) const;

 private:
  std::uint16_t& next(std::size_t state, std::size_t kind) { return next_[state * kinds_ + kind]; }
  /// Adds what to do where a literal goes on otherwise: `ends` are the literals that end in each state.
  void complete(std::vector<std::vector<int>>& ends);

  std::array<std::uint8_t, 256> kind_{};  ///< class of a byte; 0: occurs in no literal, and leads to the first state
  std::size_t kinds_ = 1;
  std::vector<std::uint16_t> next_;
  std::vector<int> ends_;  ///< literals that end in a state, one state after the other
  std::vector<std::uint32_t> ends_begin_;
};

/// An expression that matches wherever this one does, and more: what may be repeated between m and many times may be
/// repeated without end. Searching it costs a fraction, because no state has to count.
std::string uncounted(std::string_view pattern);

/// An expression that is compiled when somebody asks for it. Usable from several threads.
class LazyRegex {
 public:
  explicit LazyRegex(std::string pattern) : pattern_(std::move(pattern)) {}
  const RE2& get() const;

 private:
  std::string pattern_;
  mutable std::once_flag compiled_;
  mutable std::optional<RE2> regex_;
};

/// Many regular expressions over the same kind of text. Those whose literals do not occur are never run.
class PatternSet {
 public:
  /// Adds one before `compile`; `id` comes back from `candidates`. Errors: invalid_argument with RE2's complaint.
  Result<void> add(const std::string& pattern, int id);
  void compile();
  /// Ids of patterns that may match, ascending.
  void candidates(std::string_view text, std::vector<int>& ids) const;
  const RE2& regex(int id) const;

 private:
  std::unique_ptr<re2::FilteredRE2> filter_ = std::make_unique<re2::FilteredRE2>(3);
  std::vector<int> ids_;  ///< by the filter's own number
  std::unique_ptr<LiteralSet> literals_;
};

/// The options every pattern of a profile is compiled with: case does not matter, input is Latin-1 (so bytes).
RE2::Options pattern_options();

}  // namespace skill_verifier::scan
