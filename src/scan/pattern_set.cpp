#include "scan/pattern_set.hpp"

#include <algorithm>
#include <queue>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::scan {
namespace {

constexpr std::size_t kLongestAtom = 8;

/// RE2 gives its literals in lower case, which for bytes means Latin-1.
std::size_t class_of(std::size_t byte, LiteralSet::Bytes bytes) {
  if (byte >= 0x80 && bytes == LiteralSet::Bytes::coarse) return 0x80 + byte % 0x20;
  if (byte >= 0xC0 && byte <= 0xDE && byte != 0xD7) return byte + 0x20;
  return byte >= 'A' && byte <= 'Z' ? byte + 0x20 : byte;
}

/// One for each beginning that any of them has, the empty one included.
std::size_t count_states(std::vector<std::string_view> literals) {
  std::ranges::sort(literals);
  std::size_t count = 1;
  std::string_view before;
  for (const std::string_view literal : literals) {
    const auto shared = std::ranges::mismatch(before, literal).in2 - literal.begin();
    count += literal.size() - static_cast<std::size_t>(shared);
    before = literal;
  }
  return count;
}

}  // namespace

LiteralSet::LiteralSet(const std::vector<std::string>& literals, Bytes bytes) : literals_(literals.size()) {
  for (const std::string& literal : literals) {
    for (const char c : literal) {
      auto& kind = kind_[class_of(static_cast<unsigned char>(c), bytes)];
      if (kind == 0) kind = static_cast<std::uint8_t>(kinds_++);
    }
  }
  for (std::size_t c = 0; c < 256; ++c)
    kind_[c] = kind_[class_of(c, bytes)];
  // The largest single piece of memory of a profile: never twice, as a vector that grows would have it.
  const std::size_t states = count_states({literals.begin(), literals.end()});
  next_.reserve(states * kinds_);
  ends_.reserve(states);
  next_.assign(kinds_, 0);
  ends_.emplace_back();
  for (std::size_t i = 0; i < literals.size(); ++i) {
    std::size_t state = 0;
    for (const char c : literals[i]) {
      const std::size_t kind = kind_[static_cast<unsigned char>(c)];
      if (next(state, kind) == 0) {
        const auto added = static_cast<std::uint16_t>(ends_.size());
        next_.resize(next_.size() + kinds_, 0);
        ends_.emplace_back();
        next(state, kind) = added;
      }
      state = next(state, kind);
    }
    ends_[state].push_back(static_cast<int>(i));
  }
  // Breadth first, so that the state for a shorter suffix is complete when it is copied from.
  std::vector<std::uint16_t> fallback(ends_.size(), 0);
  std::queue<std::size_t> open;
  for (std::size_t kind = 1; kind < kinds_; ++kind)
    if (next(0, kind)) open.push(next(0, kind));
  for (; !open.empty(); open.pop()) {
    const std::size_t state = open.front();
    const std::size_t shorter = fallback[state];
    ends_[state].insert(ends_[state].end(), ends_[shorter].begin(), ends_[shorter].end());
    for (std::size_t kind = 1; kind < kinds_; ++kind) {
      if (const auto child = next(state, kind)) {
        fallback[child] = next(shorter, kind);
        open.push(child);
      } else {
        next(state, kind) = next(shorter, kind);
      }
    }
  }
}

void LiteralSet::find(std::string_view text, std::vector<int>& found) const {
  found.clear();
  std::size_t state = 0;
  for (const char c : text) {
    const std::size_t kind = kind_[static_cast<unsigned char>(c)];
    state = kind == 0 ? 0 : next_[state * kinds_ + kind];
    if (!ends_[state].empty()) {
      found.insert(found.end(), ends_[state].begin(), ends_[state].end());
      if (found.size() > 4 * literals_) {
        std::ranges::sort(found);
        found.erase(std::ranges::unique(found).begin(), found.end());
      }
    }
  }
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
}

RE2::Options pattern_options() {
  RE2::Options options(RE2::Latin1);
  options.set_case_sensitive(false);
  options.set_dot_nl(true);
  options.set_log_errors(false);
  options.set_max_mem(16 << 20);
  return options;
}

Result<void> PatternSet::add(const std::string& pattern, int id) {
  // FilteredRE2 reports an error only to the log: ask the expression itself first.
  if (const RE2 probe(pattern, pattern_options()); !probe.ok())
    return Error{Errc::invalid_argument, "profile_invalid",
                 "the pattern " + core::shorten(pattern) + ": " + probe.error()};
  int own = 0;
  if (filter_->Add(pattern, pattern_options(), &own) != RE2::NoError)
    return Error{Errc::invalid_argument, "profile_invalid", "the pattern " + core::shorten(pattern) + " is refused"};
  ids_.resize(static_cast<std::size_t>(own) + 1, -1);
  ids_[static_cast<std::size_t>(own)] = id;
  return {};
}

void PatternSet::compile() {
  std::vector<std::string> atoms;
  if (!ids_.empty()) filter_->Compile(&atoms);
  // Whoever holds a literal holds its beginning: a few more expressions are tried, for a third of the memory.
  for (std::string& atom : atoms)
    atom.resize(std::min(atom.size(), kLongestAtom));
  literals_ = std::make_unique<LiteralSet>(atoms, LiteralSet::Bytes::coarse);
}

void PatternSet::candidates(std::string_view text, std::vector<int>& ids) const {
  ids.clear();
  if (ids_.empty()) return;
  thread_local std::vector<int> found;
  literals_->find(text, found);
  filter_->AllPotentials(found, &ids);
  for (int& id : ids)
    id = ids_[static_cast<std::size_t>(id)];
  std::ranges::sort(ids);
}

const RE2& PatternSet::regex(int id) const {
  const auto own = std::ranges::find(ids_, id) - ids_.begin();
  return filter_->GetRE2(static_cast<int>(own));
}

}  // namespace skill_verifier::scan
