#include "skill/manifest/frontmatter.hpp"

#include <gtest/gtest.h>

#include <string>

namespace skill_verifier::skill::manifest {
namespace {

std::string refusal_of(std::string_view text) {
  Diagnostics notes;
  const auto block = split_frontmatter(text, "SKILL.md", notes);
  return block ? "" : block.error().code;
}

std::vector<std::string> notes_of(std::string_view text) {
  Diagnostics notes;
  const auto block = split_frontmatter(text, "SKILL.md", notes);
  EXPECT_TRUE(block) << block.error().message;
  std::vector<std::string> codes;
  for (const auto& note : notes)
    codes.push_back(note.code);
  return codes;
}

TEST(SplitFrontmatter, TakesTheLinesBetweenTheDelimiters) {
  Diagnostics notes;
  const auto block = split_frontmatter("---\nname: a\n\nb: c\n---\n# body\n---\n", "SKILL.md", notes);
  ASSERT_TRUE(block);
  EXPECT_EQ(block->yaml, "name: a\n\nb: c\n");
  EXPECT_EQ(block->first_line, 2);
  EXPECT_TRUE(notes.empty());
}

TEST(SplitFrontmatter, PermitsBlanksAfterTheDashesAndAMissingLastLineEnd) {
  Diagnostics notes;
  const auto block = split_frontmatter("--- \t\nname: a\n---\t", "SKILL.md", notes);
  ASSERT_TRUE(block);
  EXPECT_EQ(block->yaml, "name: a\n");
}

TEST(SplitFrontmatter, RefusesTextBeforeOrOnTheFirstDelimiter) {
  for (const std::string_view text : {"", "\n---\na: b\n---\n", "# title\n---\na: b\n---\n", "----\na: b\n----\n",
                                      " ---\na: b\n---\n", "--- x\na: b\n---\n", "name: a\n"}) {
    EXPECT_EQ(refusal_of(text), "no_frontmatter") << text;
  }
}

TEST(SplitFrontmatter, RefusesABlockThatNeverEnds) {
  for (const std::string_view text :
       {"---\n", "---", "---\na: b\n", "---\na: b\n ---\n", "---\na: b\n--- x\n", "---\n----\n"}) {
    EXPECT_EQ(refusal_of(text), "unterminated_frontmatter") << text;
  }
}

TEST(SplitFrontmatter, NamesTheLineThatLooksLikeTheEnd) {
  Diagnostics notes;
  const auto block = split_frontmatter("---\na: b\n--- end\n", "SKILL.md", notes);
  ASSERT_FALSE(block);
  EXPECT_NE(block.error().message.find("line 3"), std::string::npos) << block.error().message;
}

TEST(SplitFrontmatter, RefusesBytesThatAreNotUtf8AnywhereInTheFile) {
  EXPECT_EQ(refusal_of("---\na: \xFF\n---\n"), "invalid_utf8");
  EXPECT_EQ(refusal_of("---\na: b\n---\nbody \xC3\x28\n"), "invalid_utf8");
  EXPECT_EQ(refusal_of("---\na: \xED\xA0\x80\n---\n"), "invalid_utf8");
}

TEST(SplitFrontmatter, StripsOneByteOrderMarkAndSaysSo) {
  EXPECT_EQ(notes_of("\xEF\xBB\xBF---\na: b\n---\n"), std::vector<std::string>{"bom"});
  EXPECT_EQ(refusal_of("\xEF\xBB\xBF\xEF\xBB\xBF---\na: b\n---\n"), "no_frontmatter");
}

TEST(SplitFrontmatter, ReadsEveryKindOfLineEndAlike) {
  for (const std::string_view text : {"---\r\na: b\r\n---\r\n", "---\ra: b\r---\r", "---\r\na: b\r---\n"}) {
    Diagnostics notes;
    const auto block = split_frontmatter(text, "SKILL.md", notes);
    ASSERT_TRUE(block);
    EXPECT_EQ(block->yaml, "a: b\n");
    ASSERT_EQ(notes.size(), 1u);
    EXPECT_EQ(notes[0].code, "crlf");
  }
}

TEST(SplitFrontmatter, IgnoresLineEndsOfTheBody) {
  EXPECT_TRUE(notes_of("---\na: b\n---\nbody\r\n").empty());
}

TEST(SplitFrontmatter, WarnsOnceOfDashesInsideTheBlock) {
  Diagnostics notes;
  ASSERT_TRUE(split_frontmatter("---\na: b --- c\nd: ---\n---\n", "SKILL.md", notes));
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].code, "dashes_in_value");
  EXPECT_EQ(notes[0].at.line, 2);
  EXPECT_EQ(notes[0].at.column, 6);
}

TEST(SplitFrontmatter, PermitsExactlySixtyFourKibibytes) {
  const std::string line = "a: " + std::string(kMaxYamlBytes - 4, 'x') + "\n";
  EXPECT_EQ(refusal_of("---\n" + line + "---\n"), "");
  EXPECT_EQ(refusal_of("---\n" + line + "b\n---\n"), "frontmatter_too_large");
  EXPECT_EQ(refusal_of("---\n" + line + line), "unterminated_frontmatter");
}

TEST(WholeYaml, SkipsOneLeadingDelimiterAndKeepsLineNumbers) {
  Diagnostics notes;
  const auto block = whole_yaml("---\na: b", "skill-verifier.yaml", notes);
  ASSERT_TRUE(block);
  EXPECT_EQ(block->yaml, "a: b\n");
  EXPECT_EQ(block->first_line, 2);
  EXPECT_EQ(whole_yaml("a: b\n", "skill-verifier.yaml", notes)->first_line, 1);
}

TEST(WholeYaml, RefusesWhatIsTooLargeOrNotUtf8) {
  Diagnostics notes;
  EXPECT_EQ(whole_yaml(std::string(kMaxYamlBytes + 1, '#'), "f", notes).error().code, "frontmatter_too_large");
  EXPECT_EQ(whole_yaml("a: \xFF", "f", notes).error().code, "invalid_utf8");
}

}  // namespace
}  // namespace skill_verifier::skill::manifest
