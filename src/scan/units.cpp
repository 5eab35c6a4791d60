#include "scan/units.hpp"

#include "scan/shell.hpp"
#include "scan/url.hpp"

namespace skill_verifier::scan {
namespace {

/// Paragraphs of prose are short; a script comes in pieces that overlap, so that no unit is larger than a page or two.
constexpr std::size_t kPiece = 32u << 10;
constexpr std::size_t kOverlap = 2u << 10;

Mapped collapse(MappedView text, bool markdown) {
  Mapped out;
  out.text.resize(text.size());
  out.origin.resize(text.size());
  char* const written = out.text.data();
  std::uint32_t* const origin = out.origin.data();
  std::size_t count = 0;
  char before = ' ';
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text.text[i];
    if (markdown && (c == '`' || c == '*')) continue;
    if (c == '\n' || c == '\t') c = ' ';
    if (c == ' ' && before == ' ') continue;
    before = c;
    written[count] = c;
    origin[count++] = text.origin[i];
  }
  out.text.resize(count);
  out.origin.resize(count);
  return out;
}

void emit_text(const Block& block, const UnitSink& sink) {
  const bool markdown = block.where == Where::prose || block.where == Where::hidden;
  const Mapped text = collapse(block.text, markdown);
  for (std::size_t at = 0; at < text.text.size(); at += kPiece - kOverlap) {
    sink({View::text, text.view().substr(at, kPiece)});
    if (text.text.size() - at <= kPiece) break;
  }
}

/// Back-quoted pieces of prose.
void emit_inline_code(MappedView text, const CommandSink& sink) {
  for (std::size_t at = text.text.find('`'); at != std::string_view::npos;) {
    const auto end = text.text.find('`', at + 1);
    if (end == std::string_view::npos) return;
    if (end > at + 3) shell_commands(text.substr(at + 1, end - at - 1), Language::shell, true, sink);
    at = text.text.find('`', end + 1);
  }
}

void emit_prose_lines(MappedView text, const CommandSink& sink) {
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.text.find('\n', at), text.size());
    const MappedView line = text.substr(at, end - at);
    const auto first = line.text.find_first_not_of(" \t");
    const bool table = first != std::string_view::npos && line.text[first] == '|';
    const bool operators = line.text.find_first_of("|;&$<>") != std::string_view::npos;
    if (!table && operators && line.text.find('`') == std::string_view::npos)
      shell_commands(line, Language::shell, true, sink);
    at = end + 1;
  }
}

}  // namespace

void for_each_unit(const Block& block, const UnitSink& sink) {
  emit_text(block, sink);
  const CommandSink commands = [&](const Mapped& command) { sink({View::command, command}); };
  switch (block.where) {
    case Where::prose:
    case Where::hidden:
      emit_inline_code(block.text, commands);
      emit_prose_lines(block.text, commands);
      break;
    case Where::frontmatter:
      quoted_commands(block.text, commands);
      emit_prose_lines(block.text, commands);
      break;
    case Where::code:
    case Where::script:
      if (block.language == Language::other) {
        quoted_commands(block.text, commands);
      } else {
        shell_commands(block.text, block.language, false, commands);
      }
      break;
  }
  for_each_url(block.text, [&](const std::string& url, MappedView raw) {
    // A normalised address may differ in length from what was written: all of it points at its beginning.
    Mapped mapped;
    for (std::size_t i = 0; i < url.size(); ++i)
      mapped.push(url[i], raw.origin[std::min(i, raw.size() - 1)]);
    sink({View::url, mapped});
  });
}

}  // namespace skill_verifier::scan
