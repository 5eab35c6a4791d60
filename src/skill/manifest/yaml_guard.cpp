#include "skill/manifest/yaml_guard.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace skill_verifier::skill::manifest {
namespace {

/// YAML 1.2 limits what may stand before the colon of a key on one line.
constexpr std::size_t kMaxKeyBytes = 1024;

/// The next code point of well-formed UTF-8.
char32_t decode(std::string_view text, std::size_t& pos) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(pos);
  const std::size_t more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  char32_t point = more == 0 ? lead : lead & (0x3Fu >> more);
  for (std::size_t i = 1; i <= more; ++i)
    point = point << 6 | (byte(pos + i) & 0x3Fu);
  pos += more + 1;
  return point;
}

/// YAML 1.2 nb-char plus LF: c-printable without the byte order mark.
bool is_printable(char32_t point) {
  return point == '\t' || point == '\n' || (point >= 0x20 && point <= 0x7E) || point == 0x85 ||
         (point >= 0xA0 && point <= 0xD7FF) || (point >= 0xE000 && point <= 0xFFFD && point != 0xFEFF) ||
         point >= 0x10000;
}

}  // namespace

bool is_null_word(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

YamlGuard::YamlGuard(std::string_view text, std::string_view file, int first_line)
    : text_(text), file_(file), first_line_(first_line), line_starts_{0} {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '\n') line_starts_.push_back(i + 1);
  }
}

Parsed<std::vector<ScalarToken>> YamlGuard::scan() {
  bool good = check_characters();
  while (good && pos_ < text_.size())
    good = block_line();
  if (!good) return std::move(*refusal_);
  return std::move(scalars_);
}

std::string YamlGuard::masked_text() const {
  std::string text(text_);
  for (const auto offset : question_marks_)
    text[offset] = kQuestionMark;
  return text;
}

Position YamlGuard::position(std::size_t offset) const {
  const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  const auto index = after - line_starts_.begin() - 1;
  return {first_line_ + static_cast<int>(index), static_cast<int>(offset - *(after - 1)) + 1};
}

std::size_t YamlGuard::line_start(std::size_t offset) const {
  return *(std::upper_bound(line_starts_.begin(), line_starts_.end(), offset) - 1);
}

std::string YamlGuard::word(std::size_t start, std::size_t end) const {
  return shown(trim(text_.substr(start, end - start)));
}

bool YamlGuard::fail(std::string code, std::string message, std::size_t offset) {
  refusal_ = diagnose(std::move(code), std::move(message), file_, position(offset));
  return false;
}

bool YamlGuard::check_characters() {
  for (const auto line : line_starts_) {
    if (!check_line_start(line)) return false;
  }
  for (std::size_t pos = 0; pos < text_.size();) {
    const std::size_t start = pos;
    const char32_t point = decode(text_, pos);
    if (!is_printable(point)) {
      return fail(
          "yaml_nonprintable",
          fmt::format("the character U+{:04X} is not allowed in YAML; remove it or write it as an escape in double "
                      "quotes",
                      static_cast<unsigned>(point)),
          start);
    }
  }
  return true;
}

bool YamlGuard::check_line_start(std::size_t line) {
  const auto start = text_.substr(line, 3);
  if ((start == "---" || start == "...") && blank_or_end(line + 3)) {
    return fail("yaml_multiple_documents",
                fmt::format("a line that starts with {} ends a YAML document, and only one is read; a closing line has "
                            "nothing but `---`",
                            shown(start)),
                line);
  }
  if (start.starts_with('%'))
    return fail("yaml_directive", "a line that starts with `%` is a YAML directive, which is not read", line);
  return true;
}

bool YamlGuard::block_line() {
  const std::size_t start = pos_;
  while (at(pos_) == ' ')
    ++pos_;
  const std::size_t content = text_.find_first_not_of(" \t", start);
  const bool blank_line = at(content) == '\n' || content == std::string_view::npos;
  if (blank_line && at(pos_) == '\n') {
    ++pos_;
    return true;
  }
  if (blank_line || content != pos_) return fail("yaml_tab_indentation", "a tab indents this line; use spaces", pos_);
  inline_ = started_ = false;
  key_start_.reset();
  while (at(pos_) != '\n') {
    if (comment(pos_)) {
      pos_ = line_end(pos_);
      break;
    }
    if (!block_token()) return false;
    skip_blanks();
  }
  ++pos_;
  return true;
}

bool YamlGuard::block_token() {
  const std::size_t start = pos_;
  const char c = at(start);
  const bool lone = blank_or_end(start + 1);
  if (c == '-' && lone) return dash(start);
  if (c == '?' && lone) return fail("yaml_complex_key", "`? ` starts a complex key; write a plain `key: value`", start);
  if (c == ':' && lone) return fail("yaml_complex_key", "a key is missing before this colon", start);
  if (c == '|' || c == '>') return block_scalar(start);
  if (c == '"' || c == '\'') return quoted(start) && after_node({start, false});
  if (c == '[' || c == '{') return flow(start) && after_node({start, true});
  if (!refuse_indicator(start)) return false;
  return plain_in_block(start);
}

bool YamlGuard::refuse_indicator(std::size_t start) {
  const char c = at(start);
  const auto quote = [&](std::string_view what) {
    return fmt::format("{}; put the value in quotes if it is meant as text", what);
  };
  switch (c) {
    case '&':
      return fail("yaml_anchor", quote("`&` starts an anchor, which is not read"), start);
    case '*':
      return fail("yaml_alias", quote("`*` starts an alias, which is not read"), start);
    case '!':
      return fail("yaml_tag", quote("`!` starts a tag, which is not read"), start);
    case '@':
    case '`':
    case '%':
      return fail("yaml_reserved_char_start",
                  fmt::format("an unquoted value cannot start with `{}`; put it in quotes", c), start);
    case ',':
    case ']':
    case '}':
    case '#':
      return fail("yaml_unexpected_token", quote(fmt::format("`{}` does not belong here", c)), start);
    default:
      return true;
  }
}

bool YamlGuard::dash(std::size_t start) {
  if (key_start_)
    return fail("yaml_unexpected_token", "a list cannot start on the line of its key; start a new line before the `-`",
                start);
  if (at(start + 1) == '\t') return fail("yaml_tab_indentation", "a tab follows the dash; use a space", start + 1);
  if (!open_level(start, true)) return false;
  pos_ = start + 1;
  inline_ = started_ = true;
  // A tab here would be the indentation of what is nested in the entry.
  const auto content = text_.find_first_not_of(' ', pos_);
  if (at(content) == '\t' && at(text_.find_first_not_of(" \t", content)) != '\n') {
    return fail("yaml_tab_indentation", "a tab follows the dash; use a space", content);
  }
  return true;
}

bool YamlGuard::key(std::size_t start, std::size_t end) {
  if (key_start_) return unquoted_colon(end);
  if (end - start > kMaxKeyBytes) return fail("yaml_unexpected_token", "this key has more than 1024 bytes", start);
  if (!open_level(start, false)) return false;
  key_start_ = start;
  key_end_ = end;
  started_ = true;
  pos_ = end + 1;
  return true;
}

bool YamlGuard::open_level(std::size_t start, bool sequence) {
  const int here = column(start);
  bool sibling = false;
  if (!inline_) {
    bool popped = false;
    while (!levels_.empty() &&
           (levels_.back().column > here || (levels_.back().column == here && levels_.back().sequence && !sequence))) {
      levels_.pop_back();
      popped = true;
    }
    const bool same_column = !levels_.empty() && levels_.back().column == here;
    sibling = same_column && levels_.back().sequence == sequence;
    // Past the siblings only the first value of a key or dash can start a collection; a list may stand under its key.
    if (!sibling && (popped || !awaiting_ || (same_column && !sequence))) {
      return fail("yaml_bad_indent",
                  levels_.empty() ? "this line is indented less than the first one"
                                  : fmt::format("this line starts in column {}, where no key or list began", here + 1),
                  start);
    }
  }
  if (!sibling) levels_.push_back({here, sequence});
  if (levels_.size() > kMaxDepth)
    return fail("yaml_too_deep", fmt::format("nested more than {} deep", kMaxDepth), start);
  parent_ = here;
  awaiting_ = true;
  return true;
}

bool YamlGuard::place_value(std::size_t start, std::size_t end) {
  if (!awaiting_ || (!started_ && column(start) <= parent_)) {
    return fail("yaml_missing_char",
                fmt::format("{} is no `key: value`: a colon and a space are missing, or a quote or indentation",
                            word(start, end)),
                start);
  }
  awaiting_ = false;
  started_ = true;
  return true;
}

bool YamlGuard::plain_in_block(std::size_t start) {
  std::size_t end = start;
  while (at(end) != '\n' && !comment(end) && !(at(end) == ':' && blank_or_end(end + 1)))
    ++end;
  if (at(end) == ':') {
    const auto name = trim(text_.substr(start, end - start));
    scalars_.push_back({start, true, is_null_word(name)});
    if (!key_start_ && is_null_word(name))
      return fail("yaml_complex_key", fmt::format("the key {} means null; put it in quotes", shown(name)), start);
    return key(start, end);
  }
  if (!place_value(start, end)) return false;
  pos_ = end;
  const std::size_t token = scalars_.size();
  scalars_.push_back({start, true, false});
  if (at(end) == '\n' && !plain_continuation(start)) return false;
  const auto text = trim(text_.substr(start, pos_ - start));
  scalars_[token].null_word = is_null_word(text);
  return true;
}

/// Lines that are indented more than their key go on with its unquoted value. Leaves pos_ at the end of the last one.
bool YamlGuard::plain_continuation(std::size_t start) {
  const int owner = parent_;
  while (pos_ + 1 < text_.size()) {
    const std::size_t line_break = pos_++;
    const auto indent = next_indent(true);
    if (!indent || *indent <= owner || at(pos_) == '#') {
      pos_ = line_break;
      return true;
    }
    if (blank(pos_)) return fail("yaml_tab_indentation", "a tab indents this line; use spaces", pos_);
    const std::size_t content = pos_;
    while (at(pos_) != '\n' && !comment(pos_)) {
      if (at(pos_) == ':' && blank_or_end(pos_ + 1)) {
        return fail(
            "yaml_multiline_implicit_key",
            fmt::format("{} cannot be a key: this line goes on with the unquoted text of line {}; quote that text, or "
                        "correct the indentation",
                        word(content, pos_), line(start)),
            content);
      }
      ++pos_;
    }
    if (at(pos_) == '#') return true;
  }
  return true;
}

std::optional<int> YamlGuard::next_indent(bool stop_at_comment) {
  while (pos_ < text_.size()) {
    const std::size_t start = pos_;
    const std::size_t content = text_.find_first_not_of(" \t", start);
    if (content == std::string_view::npos) return std::nullopt;
    if (at(content) != '\n' && (stop_at_comment || at(content) != '#')) {
      pos_ = std::min(text_.find_first_not_of(' ', start), content);
      return static_cast<int>(pos_ - start);
    }
    pos_ = line_end(content) + 1;
  }
  return std::nullopt;
}

bool YamlGuard::block_scalar_header(std::size_t start, BlockHeader& header) {
  const auto foreign = [&] {
    return fail(
        "yaml_unexpected_token",
        fmt::format("the text of a `{}` block starts in the next line; put this value in quotes if `{}` is part of it",
                    at(start), at(start)),
        pos_);
  };
  for (pos_ = start + 1; !blank_or_end(pos_); ++pos_) {
    const char c = at(pos_);
    if ((c == '-' || c == '+') && header.chomping == ' ') {
      header.chomping = c;
    } else if (c >= '1' && c <= '9' && !header.indent) {
      header.indent = std::max(parent_, 0) + (c - '0');
    } else {
      return foreign();
    }
  }
  skip_blanks();
  return at(pos_) == '\n' || comment(pos_) || foreign();
}

bool YamlGuard::block_scalar(std::size_t start) {
  BlockHeader header;
  if (!place_value(start, start + 1) || !block_scalar_header(start, header)) return false;
  auto& indent = header.indent;
  int widest_blank = 0;
  std::size_t breaks = 0;
  std::size_t end = line_end(pos_);
  while (end + 1 < text_.size()) {
    const std::size_t line = end + 1;
    const auto content = std::min(text_.find_first_not_of(' ', line), text_.size());
    const int spaces = static_cast<int>(content - line);
    if (at(content) == '\n') {
      if (!indent) widest_blank = std::max(widest_blank, spaces);
      // Spaces beyond the indentation are text.
      breaks = indent && spaces > *indent ? 1 : breaks + 1;
      end = line_end(line);
      continue;
    }
    if (at(content) == '\t' && spaces < indent.value_or(parent_ + 1)) {
      return fail("yaml_tab_indentation", "a tab indents this line; use spaces", content);
    }
    if (!indent && spaces > parent_) {
      if (widest_blank > spaces) {
        return fail("yaml_bad_indent", "a blank line before this one has more spaces than this one", content);
      }
      indent = spaces;
    }
    if (spaces < indent.value_or(parent_ + 1)) break;
    breaks = 1;
    end = line_end(line);
  }
  scalars_.push_back({start, false, false});
  if (at(start) == '>' && header.chomping == '+') scalars_.back().kept_breaks = breaks;
  pos_ = end;
  return true;
}

bool YamlGuard::after_node(Passed node) {
  const std::size_t end = pos_;
  skip_blanks();
  if (at(pos_) == ':' && blank_or_end(pos_ + 1)) {
    if (node.collection) return fail("yaml_complex_key", "a list or mapping cannot be a key", node.offset);
    if (line(node.offset) != line(pos_))
      return fail("yaml_multiline_implicit_key", "a key has to stand on one line", node.offset);
    return key(node.offset, pos_);
  }
  if (at(pos_) != '\n' && !comment(pos_)) {
    return fail("yaml_unexpected_token",
                fmt::format("{} follows the closing `{}`; put the whole value in quotes, or remove it",
                            word(pos_, line_end(pos_)), at(end - 1)),
                pos_);
  }
  return place_value(node.offset, end);
}

bool YamlGuard::unquoted_colon(std::size_t colon) {
  const auto key_name = trim(text_.substr(*key_start_, key_end_ - *key_start_));
  const std::size_t value_start = std::min(text_.find_first_not_of(" \t", key_end_ + 1), text_.size());
  const auto value = trim(text_.substr(value_start, line_end(colon) - value_start));
  // The fix is spelt out where it fits: single quotes need no escapes but for themselves.
  std::string fix = "put the value in quotes";
  if (value.size() <= 60 && value.find_first_of("'\"\\") == std::string_view::npos) {
    fix += fmt::format(": {}: \"{}\"", key_name, value);
  }
  return fail("yaml_unquoted_colon",
              fmt::format("the value of {} has a colon followed by a space, which starts another key; {}",
                          shown(key_name), fix),
              colon);
}

}  // namespace skill_verifier::skill::manifest
