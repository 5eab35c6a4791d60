#include "service/sandbox_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace skill_verifier::service {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Kind = PlannedCommand::Kind;
using Files = std::map<std::string, std::string>;

skill::FileView view(const Files& files) {
  skill::FileView made;
  for (const auto& [path, text] : files)
    made.paths.push_back(path);
  made.read = [files](std::string_view path) -> std::optional<std::string> {
    const auto found = files.find(std::string(path));
    return found == files.end() ? std::nullopt : std::optional(found->second);
  };
  return made;
}

skill::Manifest manifest(std::optional<skill::Command> command = std::nullopt) {
  skill::Manifest made;
  made.file = "SKILL.md";
  made.test.command = std::move(command);
  return made;
}

/// `python3 run.py --help`, with ` [why]` where it is not run.
std::vector<std::string> shown(const SandboxPlan& plan, Kind kind) {
  std::vector<std::string> lines;
  for (const auto& command : plan.commands)
    if (command.kind == kind) lines.push_back(command.shown + (command.skipped.empty() ? "" : " [skipped]"));
  return lines;
}

TEST(FindScripts, GoesByTheFirstLineThenByTheName) {
  const auto scripts = find_scripts(view({{"SKILL.md", "#!/bin/sh"},
                                          {"a.sh", "echo"},
                                          {"b.sh", "#!/bin/sh\n"},
                                          {"c", "#!/usr/bin/env -S node --x\n"},
                                          {"d.py", "#!/usr/bin/python3.11 -I\r\n"},
                                          {"e.py", "#!/usr/bin/env python2"},
                                          {"f.mjs", ""},
                                          {"g", "no script"},
                                          {"h.txt", "#!/bin/sh"},
                                          {"i.zsh", "x"},
                                          {"node_modules/x/j.js", ""}}));
  EXPECT_THAT(scripts,
              ElementsAre(Script{"a.sh", "bash"}, Script{"b.sh", "sh"}, Script{"c", "node"}, Script{"d.py", "python3"},
                          Script{"e.py", "python2"}, Script{"f.mjs", "node"}, Script{"i.zsh", "zsh"}));
}

TEST(CodeWords, StandInCodeAndInTargetsOfLinks) {
  EXPECT_THAT(
      code_words(
          "Run `python3 a.py -x` or [this](b.sh), not c.sh.\n```bash\n./d.sh \"e\" | f\n```\n~~~\n```\ng\n~~~\nh\n"),
      ElementsAre("python3", "a.py", "-x", "b.sh", "./d.sh", "e", "f", "g"));
  EXPECT_THAT(code_words("an `unclosed span"), IsEmpty());
}

TEST(FindEntries, AreWhatSomebodyIsToldToStart) {
  const Files files{
      {"SKILL.md",
       "Run `scripts/a.py`, [b](./b.sh) or\n```\nnode {baseDir}/c.js\n```\nbut d.sh never, `xa.sh` neither.\n"},
      {"scripts/a.py", ""},
      {"b.sh", ""},
      {"c.js", ""},
      {"d.sh", ""},
      {"a.sh", ""},
      {"bin/e.js", ""},
      {"main.rb", ""},
      {"package.json", R"({"bin": {"e": "./bin/e.js"}})"}};
  auto about = manifest();
  about.entrypoint = "main.rb";
  std::vector<std::string> paths;
  for (const auto& entry : find_entries(view(files), about, find_scripts(view(files))))
    paths.push_back(entry.path);
  EXPECT_THAT(paths, ElementsAre("b.sh", "bin/e.js", "c.js", "main.rb", "scripts/a.py"));
}

TEST(FindEntries, TakeAnyPackageJson) {
  for (const auto* text : {"", "[]", "{\"bin\": 3}", "{\"bin\": [1]}", "{\"bin\": {\"x\": null}}", "{{{"})
    EXPECT_THAT(find_entries(view({{"SKILL.md", ""}, {"package.json", text}}), manifest(), {}), IsEmpty()) << text;
}

TEST(SandboxPlan, IsEmptyWhereThereIsNothingToRun) {
  const auto plan = plan_sandbox_checks(view({{"SKILL.md", "Run `ls`."}, {"data.txt", "x"}}), manifest());
  EXPECT_THAT(plan.commands, IsEmpty());
  EXPECT_THAT(plan.to_run(), IsEmpty());
}

TEST(SandboxPlan, RunsNothingOfThePackageBeforeItsSyntaxWasLookedAt) {
  const auto plan = plan_sandbox_checks(
      view({{"SKILL.md", "`a.pl` `b.py` `c.zsh`"}, {"a.pl", ""}, {"b.py", ""}, {"c.zsh", ""}, {"test.sh", ""}}),
      manifest());
  std::vector<Kind> kinds;
  for (const auto& command : plan.commands)
    kinds.push_back(command.kind);
  EXPECT_THAT(kinds, ElementsAre(Kind::probe, Kind::syntax, Kind::syntax, Kind::syntax, Kind::syntax, Kind::smoke,
                                 Kind::smoke, Kind::smoke, Kind::smoke, Kind::smoke, Kind::smoke, Kind::test));
  EXPECT_THAT(shown(plan, Kind::syntax),
              ElementsAre("python3 compile b.py", "zsh c.zsh [skipped]", "bash -n test.sh", "perl -c a.pl"))
      << "perl executes BEGIN blocks: last";
  EXPECT_THAT(shown(plan, Kind::smoke),
              ElementsAre("perl a.pl --help", "perl a.pl", "python3 b.py --help", "python3 b.py",
                          "zsh c.zsh --help [skipped]", "zsh c.zsh [skipped]"));
  EXPECT_THAT(shown(plan, Kind::test), ElementsAre("sh test.sh"));
  for (const auto& command : plan.commands)
    EXPECT_EQ(command.command.watch, command.kind == Kind::smoke) << command.shown;
}

TEST(SandboxPlan, HasALimitAndSaysWhatItLeavesOut) {
  Files files;
  std::string text;
  for (int i = 100; i < 200; ++i) {
    files["s" + std::to_string(i) + ".sh"] = "";
    text += "`s" + std::to_string(i) + ".sh` ";
  }
  files["SKILL.md"] = text;
  const auto plan = plan_sandbox_checks(view(files), manifest());
  EXPECT_EQ(shown(plan, Kind::syntax).size(), 64u);
  EXPECT_EQ(plan.more_scripts, 36u);
  EXPECT_EQ(shown(plan, Kind::smoke).size(), 32u);
  EXPECT_EQ(plan.more_entries, 84u);
  EXPECT_LE(plan.to_run().size(), 250u) << "what one container takes";
}

TEST(SandboxPlan, NamesFilesSoThatTheyAreNoOptions) {
  const auto plan = plan_sandbox_checks(view({{"SKILL.md", "`-c.sh`"}, {"-c.sh", ""}}), manifest());
  for (const auto& command : plan.commands) {
    if (command.kind == Kind::probe) continue;
    EXPECT_THAT(command.command.spec.argv, testing::Contains("./-c.sh"));
    EXPECT_THAT(command.command.spec.argv, Not(testing::Contains("-c.sh")));
  }
}

TEST(SandboxPlan, RunsTestsThatNobodyDeclared) {
  const Files files{{"SKILL.md", ""},
                    {"package.json", R"({"scripts": {"test": "node t.js"}})"},
                    {"test.sh", "#!/bin/bash\n"},
                    {"test_x.py", ""},
                    {"Makefile", "test:\n\ttrue\n"},
                    {"t/a.bats", ""}};
  EXPECT_THAT(shown(plan_sandbox_checks(view(files), manifest()), Kind::test),
              ElementsAre("npm test", "bash test.sh", "python -m pytest", "make test", "bats --tap ./t/a.bats"));
  auto declared = manifest(skill::Command{{"/bin/sh", "-c", "npm test && ./test.sh"}, true});
  EXPECT_THAT(shown(plan_sandbox_checks(view(files), declared), Kind::test),
              ElementsAre("python -m pytest", "make test", "bats --tap ./t/a.bats"))
      << "the others have been run";
}

TEST(SandboxPlan, DoesNotRunATestWithoutItsDependencies) {
  const Files files{{"SKILL.md", ""},
                    {"package.json", R"({"scripts": {"test": "jest"}, "devDependencies": {"jest": "1"}})"},
                    {"requirements.txt", "requests\n"},
                    {"test_x.py", ""}};
  EXPECT_THAT(shown(plan_sandbox_checks(view(files), manifest()), Kind::test),
              ElementsAre("npm test [skipped]", "python -m pytest [skipped]"));
}

}  // namespace
}  // namespace skill_verifier::service
