#include "scan/pattern_set.hpp"

#include <algorithm>
#include <charconv>
#include <queue>
#include <system_error>
#include <utility>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::scan {
namespace {

constexpr std::size_t kLongestAtom = 8;
/// From this difference on it pays to look without counting first.
constexpr unsigned kWideCount = 8;

/// A `{m,n}`; of no size where there is none.
struct Counts {
  std::size_t size = 0;
  unsigned least = 0;
  unsigned most = 0;
};

Counts counts_at(std::string_view pattern, std::size_t at) {
  Counts counts;
  if (pattern[at] != '{') return counts;
  const char* const end = pattern.data() + pattern.size();
  const auto least = std::from_chars(pattern.data() + at + 1, end, counts.least);
  if (least.ec != std::errc{} || least.ptr == end || *least.ptr != ',') return {};
  const auto most = std::from_chars(least.ptr + 1, end, counts.most);
  if (most.ec != std::errc{} || most.ptr == end || *most.ptr != '}') return {};
  counts.size = static_cast<std::size_t>(most.ptr + 1 - (pattern.data() + at));
  return counts;
}

/// The bytes that belong together: an escape with the braces behind it, a class, or one byte.
std::size_t token_size(std::string_view pattern, std::size_t at) {
  const auto escape = [&](std::size_t from) -> std::size_t {
    const std::string_view rest = pattern.substr(from);
    if (rest.starts_with("\\Q")) return std::min(rest.find("\\E"), rest.size() - 2) + 2;
    const bool braces = rest.starts_with("\\x{") || rest.starts_with("\\p{") || rest.starts_with("\\P{");
    return std::min(braces ? rest.find('}') : 1, rest.size() - 1) + 1;
  };
  if (pattern[at] == '\\') return escape(at);
  if (pattern[at] != '[') return 1;
  std::size_t end = at + 1;
  if (end < pattern.size() && pattern[end] == '^') ++end;
  if (end < pattern.size() && pattern[end] == ']') ++end;
  while (end < pattern.size() && pattern[end] != ']') {
    const bool named = pattern.substr(end).starts_with("[:");
    const auto name_end = named ? pattern.find(":]", end + 2) : std::string_view::npos;
    end += name_end != std::string_view::npos ? name_end + 2 - end : pattern[end] == '\\' ? escape(end) : 1;
  }
  return std::min(end + 1, pattern.size()) - at;
}

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

/// A set of small numbers that costs nothing to empty.
class Marks {
 public:
  /// Empties it; numbers up to `count` may be set.
  void begin(std::size_t count) {
    if (marks_.size() < count) marks_.resize(count, 0);
    if (++round_ == 0) {
      std::ranges::fill(marks_, 0);
      round_ = 1;
    }
  }
  /// Whether it was not there.
  bool set(std::size_t number) { return std::exchange(marks_[number], round_) != round_; }

 private:
  std::vector<std::uint32_t> marks_;
  std::uint32_t round_ = 0;
};

}  // namespace

LiteralSet::LiteralSet(const std::vector<std::string>& literals, Bytes bytes) {
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
  next_.assign(kinds_, 0);
  std::vector<std::vector<int>> ends(1);
  ends.reserve(states);
  for (std::size_t i = 0; i < literals.size(); ++i) {
    std::size_t state = 0;
    for (const char c : literals[i]) {
      const std::size_t kind = kind_[static_cast<unsigned char>(c)];
      if (next(state, kind) == 0) {
        const auto added = static_cast<std::uint16_t>(ends.size());
        next_.resize(next_.size() + kinds_, 0);
        ends.emplace_back();
        next(state, kind) = added;
      }
      state = next(state, kind);
    }
    ends[state].push_back(static_cast<int>(i));
  }
  complete(ends);
  for (const std::vector<int>& here : ends) {
    ends_begin_.push_back(static_cast<std::uint32_t>(ends_.size()));
    ends_.insert(ends_.end(), here.begin(), here.end());
  }
  ends_begin_.push_back(static_cast<std::uint32_t>(ends_.size()));
}

void LiteralSet::complete(std::vector<std::vector<int>>& ends) {
  // Breadth first, so that the state for a shorter suffix is complete when it is copied from.
  std::vector<std::uint16_t> fallback(ends.size(), 0);
  std::queue<std::size_t> open;
  for (std::size_t kind = 1; kind < kinds_; ++kind)
    if (next(0, kind)) open.push(next(0, kind));
  for (; !open.empty(); open.pop()) {
    const std::size_t state = open.front();
    const std::size_t shorter = fallback[state];
    ends[state].insert(ends[state].end(), ends[shorter].begin(), ends[shorter].end());
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
  // What ends in a state is taken once for a text, however often the state is met.
  thread_local Marks met;
  met.begin(ends_begin_.size());
  found.clear();
  const std::uint16_t* const next = next_.data();
  const std::uint32_t* const begins = ends_begin_.data();
  std::size_t state = 0;
  for (const char c : text) {
    state = next[state * kinds_ + kind_[static_cast<unsigned char>(c)]];
    if (begins[state] != begins[state + 1] && met.set(state))
      found.insert(found.end(), ends_.begin() + begins[state], ends_.begin() + begins[state + 1]);
  }
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
}

std::string uncounted(std::string_view pattern) {
  std::string out;
  for (std::size_t at = 0; at < pattern.size();) {
    const Counts counts = counts_at(pattern, at);
    if (counts.size > 0 && counts.most >= counts.least + kWideCount) {
      out += counts.least == 0 ? '*' : '+';
      at += counts.size;
      continue;
    }
    const std::size_t size = token_size(pattern, at);
    out += pattern.substr(at, size);
    at += size;
  }
  return out;
}

const RE2& LazyRegex::get() const {
  std::call_once(compiled_, [this] { regex_.emplace(pattern_, pattern_options()); });
  return *regex_;
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
  int own = 0;
  if (filter_->Add(pattern, pattern_options(), &own) != RE2::NoError) {
    // FilteredRE2 tells no more than a code: the expression itself says what is wrong.
    const RE2 refused(pattern, pattern_options());
    return Error{Errc::invalid_argument, "profile_invalid",
                 "the pattern " + core::shorten(pattern) + ": " + refused.error()};
  }
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
