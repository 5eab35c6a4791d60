#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "skill/manifest/diagnose.hpp"

namespace skill_verifier::skill::manifest {

inline constexpr std::size_t kMaxDepth = 16;
inline constexpr std::size_t kMaxNodes = 1024;

enum class Kind { null, scalar, sequence, mapping };
std::string_view to_string(Kind kind);

struct Member;

/// What YAML and JSON texts have in common, with the source text of scalars: nothing is coerced.
struct Node {
  Kind kind = Kind::null;
  std::string text;             ///< of a scalar, quotes, escapes and folding resolved
  bool inexact = false;         ///< a JSON number with a fraction or exponent, whose source text is lost
  bool flow = false;            ///< a collection written with brackets
  std::vector<Node> items;      ///< of a sequence
  std::vector<Member> members;  ///< of a mapping, in the order written, names unique
  Position at;

  const Node* find(std::string_view name) const;
};

struct Member {
  std::string name;
  Position at;
  Node value;
};

/// Reads the YAML subset of the manifest grammar: one mapping of text keys to text, null, lists and mappings.
/// `first_line` is the line number of the first line of `yaml`, which has LF line ends.
/// Refusals: frontmatter_empty, frontmatter_not_mapping, yaml_nonprintable, yaml_tab_indentation, yaml_bad_indent,
/// yaml_unquoted_colon, yaml_unexpected_token, yaml_multiline_implicit_key, yaml_missing_char,
/// yaml_reserved_char_start, yaml_bad_escape, yaml_anchor, yaml_alias, yaml_tag, yaml_merge_key, yaml_complex_key,
/// yaml_directive, yaml_multiple_documents, yaml_duplicate_key, yaml_too_deep, yaml_too_many_nodes, yaml_invalid.
Parsed<Node> parse_yaml(std::string_view yaml, std::string_view file, int first_line);

/// Whether a refusal of parse_yaml says that the text is no YAML at all; the others refuse what YAML has and we do not.
bool is_yaml_error(std::string_view code);

/// Reads a JSON object under the same caps. Refusals: json_invalid, yaml_too_deep, yaml_too_many_nodes.
Parsed<Node> parse_json_tree(std::string_view json, std::string_view file);

/// The strings of a JSON array of nothing but strings, else nothing.
std::optional<std::vector<std::string>> json_string_list(std::string_view text);

/// The JSON text without commas that precede a closing bracket, as ClawHub reads `metadata` given as text.
std::string strip_trailing_commas(std::string_view json);

}  // namespace skill_verifier::skill::manifest
