#include <fmt/core.h>

#include <utility>

#include "skill/manifest/yaml_guard.hpp"

// Quotes and brackets: the parts of YAML that may run over several lines whatever the indentation of their text.
namespace skill_verifier::skill::manifest {
namespace {

bool is_flow_indicator(char c) {
  return c == ',' || c == '[' || c == ']' || c == '{' || c == '}';
}

std::optional<unsigned> hex_value(std::string_view digits, std::size_t count) {
  if (digits.size() < count) return std::nullopt;
  unsigned value = 0;
  for (const char c : digits.substr(0, count)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value << 4 | static_cast<unsigned>(digit);
  }
  return value;
}

}  // namespace

bool YamlGuard::quoted(std::size_t start) {
  const char quote = at(start);
  scalars_.push_back({start, false, false});
  pos_ = start + 1;
  while (pos_ < text_.size()) {
    const char c = at(pos_);
    if (c == quote && quote == '\'' && at(pos_ + 1) == '\'') {
      pos_ += 2;
    } else if (c == quote) {
      ++pos_;
      return true;
    } else if (c == '\\' && quote == '"') {
      if (!escape()) return false;
    } else if (c == '\n') {
      if (!quoted_line_break(start)) return false;
    } else {
      ++pos_;
    }
  }
  return fail("yaml_missing_char", fmt::format("the quote {} that opens here is never closed", quote), start);
}

bool YamlGuard::escape() {
  const char c = at(pos_ + 1);
  const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  if (digits > 0) {
    const auto point = hex_value(text_.substr(pos_ + 2), digits);
    if (!point || *point > 0x10FFFF || (*point >= 0xD800 && *point <= 0xDFFF)) {
      return fail("yaml_bad_escape", fmt::format("{} names no character", shown(text_.substr(pos_, digits + 2))), pos_);
    }
    pos_ += 2 + digits;
    return true;
  }
  // The line break of an escaped line end is left to the caller, which checks the indentation after it.
  if (c == '\n') {
    ++pos_;
    return true;
  }
  if (std::string_view("0abt\tnvfre \"/\\N_LP").find(c) == std::string_view::npos) {
    return fail("yaml_bad_escape",
                fmt::format("{} is no escape; write a backslash in double quotes as `\\\\`, or use single quotes",
                            shown(text_.substr(pos_, 2))),
                pos_);
  }
  pos_ += 2;
  return true;
}

bool YamlGuard::quoted_line_break(std::size_t start) {
  ++pos_;
  const auto indent = next_indent(true);
  if (!indent) {
    pos_ = text_.size();
    return true;  // the caller finds the quote unclosed
  }
  if (*indent > parent_) return true;
  return fail(
      blank(pos_) ? "yaml_tab_indentation" : "yaml_bad_indent",
      fmt::format("this line belongs to the quoted text that opens on line {}, so it has to be indented more than its "
                  "key{}; or a closing quote is missing",
                  line(start), blank(pos_) ? ", with spaces" : ""),
      pos_);
}

bool YamlGuard::flow(std::size_t start) {
  std::vector<Bracket> open;
  pos_ = start;
  if (!flow_open(open)) return false;
  while (!open.empty()) {
    const std::size_t before = pos_;
    skip_blanks();
    if (pos_ >= text_.size()) {
      const auto& last = open.back();
      return fail("yaml_missing_char",
                  fmt::format("`{}` is never closed; `{}` is missing", at(last.offset), last.close), last.offset);
    }
    if (comment(pos_)) {
      open.back().plain = false;  // a comment ends an unquoted text
      pos_ = line_end(pos_);
    } else if (at(pos_) == '\n') {
      if (!flow_line_break(open)) return false;
    } else if (at(pos_) == ':' && (blank_or_end(pos_ + 1) || is_flow_indicator(at(pos_ + 1)) ||
                                   (open.back().json_like && open.back().node))) {
      if (!flow_colon(open, before == pos_)) return false;
    } else if (!flow_token(open)) {
      return false;
    }
  }
  return true;
}

bool YamlGuard::flow_line_break(std::vector<Bracket>& open) {
  ++pos_;
  const auto indent = next_indent(false);
  if (!indent) {
    pos_ = text_.size();
    return true;
  }
  if (blank(pos_)) return fail("yaml_tab_indentation", "a tab indents this line; use spaces", pos_);
  if (*indent > parent_) return true;
  return fail(
      "yaml_bad_indent",
      fmt::format(
          "this line is still inside the `{}` of line {}, so it has to be indented more than the key it belongs "
          "to",
          at(open.back().offset), line(open.back().offset)),
      pos_);
}

bool YamlGuard::flow_token(std::vector<Bracket>& open) {
  const std::size_t start = pos_;
  const char c = at(start);
  Bracket& entry = open.back();
  if (c == '[' || c == '{') return flow_open(open);
  if (c == ']' || c == '}') return flow_close(open);
  if (c == ',') {
    if (!entry.node && !entry.colon) return fail("yaml_unexpected_token", "nothing stands before this comma", start);
    entry.node = entry.colon = entry.plain = false;
    ++pos_;
    return true;
  }
  if (c == '"' || c == '\'') return flow_node(entry, start, false, false) && quoted(start);
  const bool lone = blank_or_end(start + 1) || is_flow_indicator(at(start + 1));
  if (c == '?' && lone) return fail("yaml_complex_key", "`? ` starts a complex key; write `key: value`", start);
  if ((c == '-' && lone) || c == '|' || c == '>') {
    return fail("yaml_unexpected_token",
                fmt::format("`{}` does not belong between brackets; put the value in quotes", c), start);
  }
  if (!refuse_indicator(start)) return false;
  return flow_plain(open);
}

bool YamlGuard::flow_open(std::vector<Bracket>& open) {
  const std::size_t start = pos_;
  if (!open.empty() && !flow_node(open.back(), start, false, true)) return false;
  open.push_back({.close = at(start) == '[' ? ']' : '}', .offset = start});
  if (open.size() + levels_.size() > kMaxDepth)
    return fail("yaml_too_deep", fmt::format("nested more than {} deep", kMaxDepth), start);
  ++pos_;
  return true;
}

bool YamlGuard::flow_close(std::vector<Bracket>& open) {
  if (at(pos_) != open.back().close) {
    return fail("yaml_unexpected_token",
                fmt::format("`{}` closes nothing: the `{}` of line {} needs `{}`", at(pos_), at(open.back().offset),
                            line(open.back().offset), open.back().close),
                pos_);
  }
  open.pop_back();
  ++pos_;
  return true;
}

bool YamlGuard::flow_node(Bracket& entry, std::size_t start, bool plain, bool collection) {
  if (entry.node) return fail("yaml_unexpected_token", "a comma is missing before this value", start);
  entry.node = true;
  entry.plain = plain;
  entry.json_like = !plain;
  entry.collection = collection;
  entry.node_offset = start;
  return true;
}

bool YamlGuard::flow_colon(std::vector<Bracket>& open, bool touching) {
  Bracket& entry = open.back();
  const std::size_t start = pos_;
  if (entry.colon)
    return fail("yaml_unexpected_token", "a second colon in one entry; put the value in quotes, or a comma is missing",
                start);
  if (!entry.node) return fail("yaml_complex_key", "a key is missing before this colon", start);
  if (entry.collection) return fail("yaml_complex_key", "a list or mapping cannot be a key", entry.node_offset);
  if (line(entry.node_offset) != line(start))
    return fail("yaml_multiline_implicit_key", "a key has to stand on one line with its colon", entry.node_offset);
  if (!touching && !blank_or_end(start + 1) && !is_flow_indicator(at(start + 1))) {
    return fail("yaml_unexpected_token", "a space is missing after this colon", start);
  }
  if (entry.plain && (at(start + 1) == '[' || at(start + 1) == '{')) {
    return fail("yaml_unexpected_token", "a space is missing after this colon", start);
  }
  if (entry.plain && scalars_.back().null_word) {
    return fail("yaml_complex_key", "this key means null; put it in quotes", entry.node_offset);
  }
  entry.colon = true;
  entry.node = entry.plain = false;
  ++pos_;
  return true;
}

bool YamlGuard::flow_plain(std::vector<Bracket>& open) {
  Bracket& entry = open.back();
  const std::size_t start = pos_;
  // Unquoted text that goes on in a later line is one scalar.
  const bool continues = entry.node && entry.plain && line(scalars_.back().offset) != line(start);
  if (!continues) {
    if (!flow_node(entry, start, true, false)) return false;
    scalars_.push_back({start, true, false});
  }
  while (at(pos_) != '\n' && !comment(pos_) && !is_flow_indicator(at(pos_))) {
    if (at(pos_) == ':' && (blank_or_end(pos_ + 1) || is_flow_indicator(at(pos_ + 1)))) break;
    if (at(pos_) == '?') question_marks_.push_back(pos_);
    ++pos_;
  }
  ScalarToken& token = scalars_.back();
  token.null_word = !continues && is_null_word(trim(text_.substr(start, pos_ - start)));
  return true;
}

}  // namespace skill_verifier::skill::manifest
