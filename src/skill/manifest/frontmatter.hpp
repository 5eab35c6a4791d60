#pragma once

#include <string>
#include <string_view>

#include "skill/manifest/diagnose.hpp"

namespace skill_verifier::skill::manifest {

inline constexpr std::size_t kMaxYamlBytes = 64u << 10;

/// The YAML between the delimiters, with LF line ends and a final line end.
struct Frontmatter {
  std::string yaml;
  int first_line = 2;  ///< line of the file on which `yaml` begins
};

/// Splits a SKILL.md. A delimiter is a line of three dashes and nothing but blanks after them; the first one is line 1.
/// Refusals: invalid_utf8, no_frontmatter, unterminated_frontmatter, frontmatter_too_large. Notes: bom, crlf,
/// dashes_in_value (the reference validator ends the block at any three dashes, so it reads another text).
Parsed<Frontmatter> split_frontmatter(std::string_view skill_md, std::string_view file, Diagnostics& notes);

/// The same preparation for a file that is YAML as a whole (a sidecar): one leading `---` line is permitted.
Parsed<Frontmatter> whole_yaml(std::string_view text, std::string_view file, Diagnostics& notes);

}  // namespace skill_verifier::skill::manifest
