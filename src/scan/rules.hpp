#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "scan/document.hpp"
#include "scan/pattern_set.hpp"
#include "scan/units.hpp"
#include "skill_verifier/scan/profile.hpp"

namespace skill_verifier::scan {

enum class Scope : std::uint8_t { block, section, file };
/// What an address in a match has to be for the skill, by its manifest.
enum class Host : std::uint8_t {
  any,
  stranger,   ///< not a well-known publisher, nor related as far as there is a manifest
  unrelated,  ///< the same, and there is a manifest
  throwaway,  ///< the same, and the name costs nothing
};

/// One regular expression over one view.
struct Pattern {
  View view = View::text;
  std::uint8_t where = 0xFF;  ///< bits of Where
  std::string regex;          ///< vocabulary expanded
  std::unique_ptr<LazyRegex> unless;
  Host host = Host::any;
  bool begins = false;               ///< the first of its alternative, without which nothing else of it is looked for
  const RE2* wide = nullptr;         ///< matches wherever this one does, and perhaps elsewhere; owned by its set
  std::unique_ptr<LazyRegex> exact;  ///< null where `wide` is exact
};

/// Holds when all its patterns do, and enough of its signs, near enough to the first pattern.
struct Alternative {
  std::vector<std::size_t> patterns;  ///< indices into Rules::patterns
  std::vector<std::size_t> signs;     ///< indices, of which `least` have to hold
  std::size_t least = 0;
  Scope scope = Scope::block;
  int lines = 0;  ///< greatest distance; 0: none
};

struct Rule {
  std::size_t check = 0;  ///< index into Rules::checks
  std::vector<Alternative> any;
  bool softens = true;  ///< quoting an attack in order to warn of it makes the hit a warning
};

namespace detail {
struct Rules {
  std::string name;
  std::string digest;
  std::vector<Check> checks;
  std::vector<Rule> rules;
  std::vector<Pattern> patterns;
  std::array<PatternSet, kViews> begins;  ///< the patterns that alternatives begin with, by view
  std::array<PatternSet, kViews> others;
  std::unique_ptr<RE2> deterrent;
  std::map<std::string, std::vector<std::string>, std::less<>> lists;

  /// Index of a check by the part of its id after the profile's name.
  std::optional<std::size_t> check_index(std::string_view short_id) const;
  const std::vector<std::string>& list(std::string_view name) const;
  PatternSet& set_of(const Pattern& pattern) {
    return (pattern.begins ? begins : others)[static_cast<std::size_t>(pattern.view)];
  }
};
}  // namespace detail

}  // namespace skill_verifier::scan
