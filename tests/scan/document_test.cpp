#include "scan/document.hpp"

#include <gtest/gtest.h>

#include "scan/fold.hpp"
#include "scan/url.hpp"

namespace skill_verifier::scan {
namespace {

TEST(MarkdownBlocks, SeparatesFrontmatterProseCodeAndComments) {
  const Mapped text = fold("---\nname: x\n---\n# Title\n\nWords.\n\n```bash\nls\n```\n<!-- note -->\nMore.\n");
  const auto blocks = markdown_blocks(text);
  ASSERT_EQ(blocks.size(), 6U);
  EXPECT_EQ(blocks[0].where, Where::frontmatter);
  EXPECT_EQ(blocks[1].text.text, "# Title\n");
  EXPECT_EQ(blocks[2].text.text, "Words.\n");
  EXPECT_EQ(blocks[3].where, Where::code);
  EXPECT_EQ(blocks[3].language, Language::shell);
  EXPECT_EQ(blocks[3].text.text, "ls\n");
  EXPECT_EQ(blocks[3].before.text, "Words.\n");
  EXPECT_EQ(blocks[4].where, Where::hidden);
  EXPECT_EQ(blocks[5].section, 1U);
}

TEST(MarkdownBlocks, ReadsAnUnclosedFenceToTheEnd) {
  const Mapped text = fold("a\n\n~~~~sh\ncurl x\n~~~\nmore\n");
  const auto blocks = markdown_blocks(text);
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(blocks[1].text.text, "curl x\n~~~\nmore\n");
}

TEST(MarkdownBlocks, FindsFencesInListsAndQuotations) {
  const Mapped text = fold("1. do\n   ```sh\n   ls\n   ```\n> ```python\n> x\n> ```\n");
  std::size_t code = 0;
  for (const Block& block : markdown_blocks(text))
    code += block.where == Where::code ? 1 : 0;
  EXPECT_EQ(code, 2U);
}

TEST(KindOf, GoesByNameAndThenByShebang) {
  EXPECT_EQ(kind_of("a/SKILL.md", ""), FileKind::document);
  EXPECT_EQ(kind_of("run", "#!/bin/sh\n"), FileKind::script);
  EXPECT_EQ(kind_of("Makefile", ""), FileKind::script);
  EXPECT_EQ(kind_of("package.json", ""), FileKind::data);
  EXPECT_EQ(language_of_file("run", "#!/usr/bin/env -S bash -e\n"), Language::shell);
  EXPECT_EQ(language_of_file("run", "#!/usr/bin/python3.11\n"), Language::other);
}

TEST(Fold, RemovesWhatCannotBeSeenAndReplacesLookAlikes) {
  EXPECT_EQ(fold("cu\xE2\x80\x8Brl").text, "curl");                                  // zero-width space
  EXPECT_EQ(fold("\xD1\x81url").text, "curl");                                       // Cyrillic es
  EXPECT_EQ(fold("\xEF\xBD\x83\xEF\xBD\x95\xEF\xBD\x92\xEF\xBD\x8C").text, "curl");  // full width
  EXPECT_EQ(fold("a\r\nb").text, "a\nb");
  EXPECT_EQ(fold("\xFF\xC3").text, "\xFF\xC3");  // not UTF-8: kept
}

TEST(Fold, RemembersWhereEveryByteCameFrom) {
  const Mapped folded = fold("x\xE2\x80\x8By");
  ASSERT_EQ(folded.text, "xy");
  EXPECT_EQ(folded.origin[1], 4U);
}

TEST(NormaliseUrl, UndoesDisguises) {
  EXPECT_EQ(normalise_url("HXXPS://Evil[.]Example/a"), "https://evil.example/a");
  EXPECT_EQ(normalise_url("http://user:pw@Host.example:80/x?y"), "http://host.example:80/x?y");
  EXPECT_EQ(normalise_url("http://0x2d09940c/x"), "http://45.9.148.12/x");
  EXPECT_EQ(normalise_url("http://755602444/"), "http://45.9.148.12/");
  EXPECT_EQ(normalise_url("http://055.011.0224.014/"), "http://45.9.148.12/");
  EXPECT_EQ(host_of("https://a.example:8080/x"), "a.example");
}

}  // namespace
}  // namespace skill_verifier::scan
