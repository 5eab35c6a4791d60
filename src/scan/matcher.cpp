#include "scan/matcher.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace skill_verifier::scan {
namespace {

/// Of one pattern in one file: enough to judge, and a bound for texts made of hits.
constexpr std::size_t kMaxPlaces = 64;
constexpr int kMaxPerUnit = 8;

struct Place {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::size_t line = 0;
  std::size_t block = 0;
};

class Matcher {
 public:
  Matcher(const detail::Rules& rules, const Relations& relations, std::string_view raw,
          const std::vector<Block>& blocks)
      : rules_(rules),
        relations_(relations),
        raw_(raw),
        blocks_(blocks),
        lines_(line_starts(raw)),
        wanted_(rules.patterns.size()),
        wanted_blocks_(blocks.size()),
        wanted_sections_(blocks.empty() ? 0 : std::size_t{blocks.back().section} + 1),
        places_(rules.patterns.size()) {}

  std::vector<RuleHit> run() {
    // Most files have none of the places that rules begin with: what else a rule asks for is looked for only then.
    look_at(true);
    bool more = false;
    const auto want = [&](std::size_t pattern) {
      if (!rules_.patterns[pattern].begins) more = wanted_[pattern] = true;
    };
    for_each_alternative([&](const Alternative& alternative) {
      const auto& begins = places_[alternative.patterns.front()];
      if (begins.empty() || alternative.patterns.size() + alternative.signs.size() == 1) return;
      std::ranges::for_each(alternative.patterns, want);
      std::ranges::for_each(alternative.signs, want);
      for (const Place& place : begins)
        want_around(place, alternative.scope);
    });
    if (more) look_at(false);
    for (const Rule& rule : rules_.rules)
      judge(rule);
    std::ranges::sort(hits_, {}, [](const RuleHit& hit) { return std::pair(hit.check, hit.begin); });
    return std::move(hits_);
  }

 private:
  template <class Visit>
  void for_each_alternative(const Visit& visit) const {
    for (const Rule& rule : rules_.rules)
      std::ranges::for_each(rule.any, visit);
  }

  /// All blocks, or those around the places that were found.
  void look_at(bool all) {
    for (std::size_t i = 0; i < blocks_.size(); ++i)
      if (all || wants(i)) for_each_unit(blocks_[i], [&](const Unit& unit) { look(unit, i, all); });
  }

  /// The blocks that `near` can accept for a place.
  void want_around(const Place& place, Scope scope) {
    if (scope == Scope::block) wanted_blocks_[place.block] = true;
    if (scope == Scope::section) wanted_sections_[blocks_[place.block].section] = true;
    if (scope == Scope::file) whole_file_ = true;
  }
  bool wants(std::size_t block) const {
    return whole_file_ || wanted_blocks_[block] || wanted_sections_[blocks_[block].section];
  }

  void look(const Unit& unit, std::size_t block, bool begins) {
    const auto& sets = begins ? rules_.begins : rules_.others;
    sets[static_cast<std::size_t>(unit.view)].candidates(unit.text.text, ids_);
    for (const int id : ids_) {
      const auto index = static_cast<std::size_t>(id);
      if (!begins && !wanted_[index]) continue;
      const Pattern& pattern = rules_.patterns[index];
      if ((pattern.where & static_cast<std::uint8_t>(blocks_[block].where)) == 0) continue;
      if (places_[index].size() >= kMaxPlaces) continue;
      find_places(pattern, unit.text, block, places_[index]);
    }
  }

  void find_places(const Pattern& pattern, MappedView text, std::size_t block, std::vector<Place>& places) const {
    re2::StringPiece found;
    const re2::StringPiece whole(text.text);
    std::size_t at = 0;
    if (pattern.exact && !pattern.wide->Match(whole, 0, text.size(), RE2::UNANCHORED, nullptr, 0)) return;
    const RE2& regex = pattern.exact ? pattern.exact->get() : *pattern.wide;
    for (int i = 0; i < kMaxPerUnit && at < text.size(); ++i) {
      if (!regex.Match(whole, at, text.size(), RE2::UNANCHORED, &found, 1) || found.empty()) return;
      if (pattern.unless && RE2::PartialMatch(whole, pattern.unless->get())) return;
      const auto begin = static_cast<std::size_t>(found.data() - text.text.data());
      at = begin + found.size();
      if (!relations_.names(pattern.host, with_address(text.text, begin, at))) continue;
      const std::uint32_t first = text.origin[begin];
      const std::uint32_t last = std::max(first, text.origin[at - 1]) + 1;
      places.push_back({first, last, line_of(lines_, first), block});
    }
  }

  bool near(const Place& a, const Place& b, const Alternative& alternative) const {
    if (alternative.scope == Scope::block && a.block != b.block) return false;
    if (alternative.scope == Scope::section && blocks_[a.block].section != blocks_[b.block].section) return false;
    const auto distance = a.line > b.line ? a.line - b.line : b.line - a.line;
    return alternative.lines == 0 || distance <= static_cast<std::size_t>(alternative.lines);
  }

  void judge(const Rule& rule) {
    std::vector<RuleHit> found;
    for (const Alternative& alternative : rule.any) {
      for (const Place& place : places_[alternative.patterns.front()]) {
        const auto holds = [&](std::size_t other) {
          return std::ranges::any_of(places_[other], [&](const Place& b) { return near(place, b, alternative); });
        };
        if (!std::ranges::all_of(alternative.patterns, holds)) continue;
        if (static_cast<std::size_t>(std::ranges::count_if(alternative.signs, holds)) < alternative.least) continue;
        found.push_back({rule.check, place.begin, place.end, rule.softens && warned_of(place)});
      }
    }
    // Of the hits on one line the longest unsoftened one counts.
    std::ranges::sort(found, {}, [&](const RuleHit& hit) {
      return std::tuple(line_of(lines_, hit.begin), hit.softened, hit.begin, ~hit.end);
    });
    const auto line = [&](const RuleHit& hit) { return line_of(lines_, hit.begin); };
    const auto repeated = std::ranges::unique(found, {}, line);
    hits_.insert(hits_.end(), found.begin(), repeated.begin());
  }

  /// Whether the words around it say that this is what not to do, or what to look for. Scripts are never only words.
  bool warned_of(const Place& place) const {
    const Block& block = blocks_[place.block];
    if (block.where == Where::script || block.where == Where::hidden || !rules_.deterrent) return false;
    const auto says = [&](std::string_view text) {
      return RE2::PartialMatch(re2::StringPiece(text), *rules_.deterrent);
    };
    for (std::size_t line = place.line < 2 ? 0 : place.line - 2; line <= place.line; ++line) {
      const std::size_t end = line + 1 < lines_.size() ? lines_[line + 1] : raw_.size();
      if (says(words_of(raw_.substr(lines_[line], end - lines_[line]), block.where))) return true;
    }
    return says(block.heading.text) || says(block.before.text.substr(0, 2000));
  }

  /// What was matched, and the rest of the address that it ends in.
  static std::string_view with_address(std::string_view text, std::size_t begin, std::size_t end) {
    const auto stop = text.find_first_of(" \n\t\"'`)>|", end);
    return text.substr(begin, std::min(stop, text.size()) - begin);
  }

  /// A line of code says something in its comment; the names in it say nothing.
  static std::string_view words_of(std::string_view line, Where where) {
    if (where != Where::code) return line;
    const auto comment = std::min(line.find("# "), line.find("// "));
    return comment == std::string_view::npos ? std::string_view{} : line.substr(comment);
  }

  const detail::Rules& rules_;
  const Relations& relations_;
  std::string_view raw_;
  const std::vector<Block>& blocks_;
  const std::vector<std::uint32_t> lines_;
  std::vector<bool> wanted_;         ///< patterns to look for in the second pass
  std::vector<bool> wanted_blocks_;  ///< where the second pass looks
  std::vector<bool> wanted_sections_;
  bool whole_file_ = false;
  std::vector<std::vector<Place>> places_;
  std::vector<int> ids_;
  std::vector<RuleHit> hits_;
};

}  // namespace

std::vector<std::uint32_t> line_starts(std::string_view raw) {
  std::vector<std::uint32_t> starts{0};
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\n') starts.push_back(static_cast<std::uint32_t>(i + 1));
  }
  return starts;
}

std::size_t line_of(const std::vector<std::uint32_t>& starts, std::uint32_t offset) {
  return static_cast<std::size_t>(std::ranges::upper_bound(starts, offset) - starts.begin()) - 1;
}

std::vector<RuleHit> match_rules(const detail::Rules& rules, const Relations& relations, std::string_view raw,
                                 const std::vector<Block>& blocks) {
  return Matcher(rules, relations, raw, blocks).run();
}

}  // namespace skill_verifier::scan
