#include "scan/text_checks.hpp"

#include <fmt/core.h>

#include <cctype>

#include "scan/fold.hpp"

namespace skill_verifier::scan {
namespace {

constexpr std::size_t kBlankLines = 200;
constexpr std::size_t kBlanks = 1000;
constexpr std::size_t kOversized = 1u << 20;
constexpr std::uint32_t kBlackFlag = 0x1F3F4;
constexpr std::uint32_t kByteOrderMark = 0xFEFF;
/// Below are Latin letters: a dotless i makes a word Turkish, not a fake.
constexpr std::uint32_t kGreek = 0x0370;

bool is_ascii_letter(std::uint32_t c) {
  return c < 0x80 && std::isalpha(static_cast<int>(c)) != 0;
}
bool is_ascii_word(std::uint32_t c) {
  return c < 0x80 && (std::isalnum(static_cast<int>(c)) != 0 || c == '_');
}
/// Letters that a word of one alphabet may hold beside ASCII.
bool is_letter(std::uint32_t c) {
  return is_ascii_letter(c) || (c >= 0xC0 && c < 0x2000 && c != 0xD7 && c != 0xF7);
}

class Walk {
 public:
  Walk(const FileText& file, Collector& out) : file_(file), out_(out) {}

  void run() {
    const std::string_view raw = file_.raw;
    for (std::size_t at = 0; at < raw.size();) {
      const auto byte = static_cast<unsigned char>(raw[at]);
      CodePoint point{byte, 1};
      if (byte >= 0x80) point = decode(raw.substr(at));
      if (point.size == 0) point = {0xFFFD, 1};
      step(static_cast<std::uint32_t>(at), point);
      at += point.size;
    }
    const auto end = static_cast<std::uint32_t>(raw.size());
    end_run(end, 0);
    end_word(end);
  }

 private:
  void step(std::uint32_t at, CodePoint point) {
    const std::uint32_t c = point.value;
    if (c >= 0x80 && is_run_member(c, at)) {
      if (run_ == 0) {
        run_begin_ = at;
        run_before_ = before_;
        run_tag_ = is_tag(c);
      }
      ++run_;
    } else {
      end_run(at, c);
      before_ = c;
    }
    if (c >= 0x202A && (c <= 0x202E || (c >= 0x2066 && c <= 0x2069)))
      report(bidi_, "unicode/bidi-control", at, at + 3, fmt::format("U+{:04X}", c));
    if (is_letter(c)) {
      if (word_letters_++ == 0) word_begin_ = at;
      latin_ = latin_ || is_ascii_letter(c);
      foreign_ = foreign_ || (c >= kGreek && look_alike(c) != 0);
    } else if (word_letters_ > 0) {
      end_word(at);
    }
  }

  bool is_run_member(std::uint32_t c, std::uint32_t at) const {
    return (is_zero_width(c) && !(c == kByteOrderMark && at == 0)) || is_tag(c) || is_variation_selector(c);
  }

  /// A run of invisible characters is over; `after` follows it.
  void end_run(std::uint32_t at, std::uint32_t after) {
    const std::size_t length = std::exchange(run_, 0);
    if (length == 0) return;
    if (run_tag_) {
      // Flags of England, Scotland, Wales: a black flag, at most six tags and the cancel tag.
      if (run_before_ == kBlackFlag && length <= 7) return;
      report(tags_, "unicode/tag-characters", run_begin_, at,
             fmt::format("{} characters that no screen shows", length));
      return;
    }
    // One joiner or selector belongs to emoji and to scripts that need it; inside an ASCII word or in a row it is
    // foreign.
    if (length < 4 && !(is_ascii_word(run_before_) && is_ascii_word(after))) return;
    report(invisible_, "unicode/invisible", run_begin_, at, fmt::format("{} in a row", length));
  }

  void end_word(std::uint32_t at) {
    if (word_letters_ >= 3 && latin_ && foreign_) report(mixed_, "unicode/look-alike", word_begin_, at, {});
    word_letters_ = 0;
    latin_ = foreign_ = false;
  }

  void report(std::size_t& count, std::string_view id, std::uint32_t begin, std::uint32_t end, std::string note) {
    if (++count <= 5) out_.add(id, file_, begin, end, std::move(note));
  }

  const FileText& file_;
  Collector& out_;
  std::uint32_t before_ = 0;
  std::size_t run_ = 0;
  std::uint32_t run_begin_ = 0;
  std::uint32_t run_before_ = 0;
  bool run_tag_ = false;
  std::size_t word_letters_ = 0;
  std::uint32_t word_begin_ = 0;
  bool latin_ = false;
  bool foreign_ = false;
  std::size_t bidi_ = 0, tags_ = 0, invisible_ = 0, mixed_ = 0;
};

void check_padding(const FileText& file, Collector& out) {
  std::size_t lines = 0, blanks = 0;
  for (std::size_t i = 0; i < file.raw.size(); ++i) {
    const char c = file.raw[i];
    if (c == '\n') {
      ++lines;
      blanks = 0;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++blanks;
    } else {
      const auto at = static_cast<std::uint32_t>(i);
      if (lines > kBlankLines) {
        out.add("package/padding", file, at, at + 1, fmt::format("after {} empty lines", lines - 1));
        return;
      }
      if (blanks > kBlanks) {
        out.add("package/padding", file, at, at + 1, fmt::format("after {} blanks", blanks));
        return;
      }
      lines = blanks = 0;
    }
  }
}

}  // namespace

void check_text(const FileText& file, Collector& out) {
  Walk(file, out).run();
  check_padding(file, out);
  if (file.raw.size() > kOversized) out.add("package/oversized", file.path, fmt::format("{} bytes", file.raw.size()));
}

void check_name(std::string_view name, std::string_view file, Collector& out) {
  bool latin = false, foreign = false;
  for (std::size_t at = 0; at < name.size();) {
    const CodePoint point = decode(name.substr(at));
    latin = latin || is_ascii_letter(point.value);
    foreign = foreign || look_alike(point.value) != 0 || is_zero_width(point.value);
    at += std::max<std::size_t>(point.size, 1);
  }
  if (latin && foreign) out.add("unicode/look-alike-name", file, fmt::format("`{}`", name));
}

}  // namespace skill_verifier::scan
