#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill/manifest/tree.hpp"

namespace skill_verifier::skill::manifest {

/// Where a scalar starts, for comparison with what yaml-cpp reports.
struct ScalarToken {
  std::size_t offset = 0;
  bool plain = false;
  bool null_word = false;  ///< a plain ``, `~`, `null`, `Null` or `NULL`
  /// Line ends after the last text of a `>+` block, which yaml-cpp 0.7 counts one short.
  std::optional<std::size_t> kept_breaks{};
};

/// A plain scalar that YAML 1.2's core schema reads as null.
bool is_null_word(std::string_view text);

/// A lexical pass over YAML text that runs before yaml-cpp, for three reasons: yaml-cpp 0.7 accepts more than YAML 1.2
/// (tabs, missing commas, escapes, text outdented within brackets and quotes, further documents without a marker), its
/// messages do not say what to do, and two readers that must agree on every scalar are harder to lead apart than one.
/// It knows block structure by columns and flow structure by brackets; values are left to yaml-cpp.
class YamlGuard {
 public:
  /// `text` ends with LF.
  YamlGuard(std::string_view text, std::string_view file, int first_line);

  /// Every scalar in order, or why the text is refused.
  Parsed<std::vector<ScalarToken>> scan();
  Position position(std::size_t offset) const;
  /// The text for yaml-cpp after scan(): question marks within unquoted text between brackets, where yaml-cpp 0.7 takes
  /// them for an indicator, are replaced by kQuestionMark, which scan() has shown to be absent.
  std::string masked_text() const;
  static constexpr char kQuestionMark = '\x01';

 private:
  struct Level {
    int column;
    bool sequence;
  };
  struct BlockHeader {
    std::optional<int> indent;
    char chomping = ' ';
  };
  /// A quoted scalar or flow collection just passed, which turns out to be a key when a colon follows.
  struct Passed {
    std::size_t offset;
    bool collection;
  };
  /// An open bracket. `node` and `colon` describe the entry since the last comma.
  struct Bracket {
    char close;
    std::size_t offset;
    bool node = false;
    bool colon = false;
    bool plain = false;      ///< the node is a plain scalar, which may go on in the next line
    bool json_like = false;  ///< the node is quoted or a collection: a colon may touch it
    bool collection = false;
    std::size_t node_offset = 0;
  };

  // Every bool below is false after fail().
  bool fail(std::string code, std::string message, std::size_t offset);
  bool check_characters();
  bool check_line_start(std::size_t line);

  bool block_line();
  bool block_token();
  bool dash(std::size_t start);
  bool key(std::size_t start, std::size_t end);
  bool open_level(std::size_t start, bool sequence);
  bool place_value(std::size_t start, std::size_t end);
  bool plain_in_block(std::size_t start);
  bool plain_continuation(std::size_t start);
  bool block_scalar(std::size_t start);
  bool block_scalar_header(std::size_t start, BlockHeader& header);
  bool after_node(Passed node);
  bool unquoted_colon(std::size_t key_end);
  bool refuse_indicator(std::size_t start);

  bool quoted(std::size_t start);
  bool escape();
  bool quoted_line_break(std::size_t start);

  bool flow(std::size_t start);
  bool flow_token(std::vector<Bracket>& open);
  bool flow_line_break(std::vector<Bracket>& open);
  bool flow_open(std::vector<Bracket>& open);
  bool flow_close(std::vector<Bracket>& open);
  bool flow_colon(std::vector<Bracket>& open, bool touching);
  bool flow_plain(std::vector<Bracket>& open);
  bool flow_node(Bracket& entry, std::size_t start, bool plain, bool collection);

  char at(std::size_t offset) const { return offset < text_.size() ? text_[offset] : '\n'; }
  bool blank(std::size_t offset) const { return at(offset) == ' ' || at(offset) == '\t'; }
  bool blank_or_end(std::size_t offset) const { return blank(offset) || at(offset) == '\n'; }
  void skip_blanks() {
    while (blank(pos_))
      ++pos_;
  }
  std::size_t line_end(std::size_t offset) const { return std::min(text_.find('\n', offset), text_.size()); }
  std::size_t line_start(std::size_t offset) const;
  int column(std::size_t offset) const { return static_cast<int>(offset - line_start(offset)); }
  int line(std::size_t offset) const { return position(offset).line; }
  /// A `#` here starts a comment.
  bool comment(std::size_t offset) const { return at(offset) == '#' && (offset == 0 || blank_or_end(offset - 1)); }
  /// Passes blank and comment lines from the start of a line; the indentation of the next line with content.
  std::optional<int> next_indent(bool stop_at_comment);
  std::string word(std::size_t start, std::size_t end) const;

  std::string_view text_;
  std::string_view file_;
  int first_line_;
  std::vector<std::size_t> line_starts_;
  std::size_t pos_ = 0;

  std::vector<Level> levels_;
  int parent_ = -1;                       ///< column of the key or dash that the next value belongs to
  bool awaiting_ = true;                  ///< that value has not been seen
  bool inline_ = false;                   ///< after a dash on this line: what follows is nested in it
  bool started_ = false;                  ///< something was seen on this line
  std::optional<std::size_t> key_start_;  ///< of the key on this line
  std::size_t key_end_ = 0;

  std::vector<ScalarToken> scalars_;
  std::vector<std::size_t> question_marks_;
  std::optional<Diagnostic> refusal_;
};

}  // namespace skill_verifier::skill::manifest
