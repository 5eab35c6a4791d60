#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "scan/mapped.hpp"

namespace skill_verifier::scan {

/// Where a piece of text stands, as a bit so that rules can name several.
enum class Where : std::uint8_t {
  prose = 1,
  hidden = 2,  ///< an HTML comment: a model reads it, a person who sees the page does not
  frontmatter = 4,
  code = 8,  ///< a fenced block of a document
  script = 16,
};

/// `none` is an untagged block: mostly commands or output, read as a shell would.
enum class Language : std::uint8_t { none, shell, powershell, batch, other };

/// A paragraph, fenced block, comment, or a whole script. Views into the folded text of its file.
struct Block {
  Where where = Where::prose;
  Language language = Language::none;
  MappedView text;
  std::uint32_t section = 0;  ///< number of the heading above
  MappedView heading;         ///< that heading
  MappedView before;          ///< the paragraph right before a fenced block
};

enum class FileKind : std::uint8_t { document, script, data };

/// By name, and for names that say nothing by a `#!` line.
FileKind kind_of(std::string_view path, std::string_view text);
Language language_of_tag(std::string_view tag);
Language language_of_file(std::string_view path, std::string_view text);
std::string_view extension(std::string_view path);

std::vector<Block> markdown_blocks(MappedView text);
/// The blocks of any file with text in it.
std::vector<Block> file_blocks(std::string_view path, MappedView text);

}  // namespace skill_verifier::scan
