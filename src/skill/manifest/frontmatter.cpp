#include "skill/manifest/frontmatter.hpp"

#include <fmt/core.h>

#include <optional>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::skill::manifest {
namespace {

constexpr std::string_view kBom = "\xEF\xBB\xBF";

/// Lines of a text with LF, CRLF or CR line ends.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  std::optional<std::string_view> next() {
    if (rest_.empty()) return std::nullopt;
    const auto end = rest_.find_first_of("\r\n");
    const auto line = rest_.substr(0, end);
    if (end == std::string_view::npos) {
      rest_ = {};
      return line;
    }
    const bool carriage_return = rest_[end] == '\r';
    if (carriage_return && !saw_carriage_return_) saw_carriage_return_ = true;
    const std::size_t width = carriage_return && end + 1 < rest_.size() && rest_[end + 1] == '\n' ? 2 : 1;
    rest_.remove_prefix(end + width);
    return line;
  }
  bool saw_carriage_return() const { return saw_carriage_return_; }

 private:
  std::string_view rest_;
  bool saw_carriage_return_ = false;
};

bool is_delimiter(std::string_view line) {
  return line.starts_with("---") && line.find_first_not_of(" \t", 3) == std::string_view::npos;
}

std::optional<Diagnostic> strip_encoding(std::string_view& text, std::string_view file, Diagnostics& notes) {
  if (!core::is_utf8(text)) return diagnose("invalid_utf8", "the file is not UTF-8 text", file);
  if (text.starts_with(kBom)) {
    text.remove_prefix(kBom.size());
    notes.push_back(diagnose(
        "bom", "the file starts with a byte order mark, for which other tools miss its frontmatter", file, {1, 1}));
  }
  return std::nullopt;
}

void note_line_ends(const Lines& lines, std::string_view file, Diagnostics& notes) {
  if (!lines.saw_carriage_return()) return;
  notes.push_back(diagnose("crlf", "lines end with a carriage return; they are read as if they ended with LF", file));
}

Diagnostic no_frontmatter(std::string_view text, std::string_view file) {
  Lines lines(text);
  const std::string_view first = lines.next().value_or("");
  std::string message = "the file does not start with a `---` line, so it declares nothing";
  if (trim(text).empty()) {
    message = "the file is empty";
  } else if (trim(first).empty()) {
    message += "; the blank line before it has to go";
  } else if (first.starts_with("---")) {
    message += fmt::format("; line 1 has text after the dashes: {}", shown(first));
  }
  return diagnose("no_frontmatter", std::move(message), file, {1, 1});
}

void note_dashes(std::string_view line, int number, std::string_view file, bool& noted, Diagnostics& notes) {
  const auto at = line.find("---");
  if (noted || at == std::string_view::npos) return;
  noted = true;
  notes.push_back(
      diagnose("dashes_in_value",
               "`---` occurs inside the frontmatter, where the reference validator ends it: that reads less "
               "than we do",
               file, {number, static_cast<int>(at) + 1}));
}

}  // namespace

Parsed<Frontmatter> split_frontmatter(std::string_view skill_md, std::string_view file, Diagnostics& notes) {
  if (auto refusal = strip_encoding(skill_md, file, notes)) return std::move(*refusal);
  Lines lines(skill_md);
  const auto first = lines.next();
  if (!first || !is_delimiter(*first)) return no_frontmatter(skill_md, file);

  Frontmatter result;
  bool noted_dashes = false;
  std::size_t bytes = 0;
  int almost_closed = 0;
  for (int number = 2;; ++number) {
    const auto line = lines.next();
    if (!line) {
      std::string message = "the frontmatter that starts on line 1 has no closing `---` line";
      if (almost_closed) message += fmt::format("; line {} has text after the dashes", almost_closed);
      return diagnose("unterminated_frontmatter", std::move(message), file, {1, 1});
    }
    if (is_delimiter(*line)) break;
    if (line->starts_with("---") && almost_closed == 0) almost_closed = number;
    note_dashes(*line, number, file, noted_dashes, notes);
    bytes += line->size() + 1;
    // Past the cap only the search for the closing line goes on, to tell the two refusals apart.
    if (bytes <= kMaxYamlBytes) result.yaml.append(*line).push_back('\n');
  }
  note_line_ends(lines, file, notes);
  if (bytes > kMaxYamlBytes) {
    return diagnose("frontmatter_too_large",
                    fmt::format("the frontmatter has {} bytes, more than the {} permitted", bytes, kMaxYamlBytes), file,
                    {1, 1});
  }
  return result;
}

Parsed<Frontmatter> whole_yaml(std::string_view text, std::string_view file, Diagnostics& notes) {
  if (auto refusal = strip_encoding(text, file, notes)) return std::move(*refusal);
  if (text.size() > kMaxYamlBytes) {
    return diagnose("frontmatter_too_large",
                    fmt::format("the file has {} bytes, more than the {} permitted", text.size(), kMaxYamlBytes), file);
  }
  Frontmatter result{.yaml = {}, .first_line = 1};
  Lines lines(text);
  for (int number = 1; const auto line = lines.next(); ++number) {
    if (number == 1 && is_delimiter(*line)) {
      result.first_line = 2;
      continue;
    }
    result.yaml.append(*line).push_back('\n');
  }
  note_line_ends(lines, file, notes);
  return result;
}

}  // namespace skill_verifier::skill::manifest
