#include <gtest/gtest.h>

#include "skill/manifest/reading.hpp"

namespace skill_verifier::skill::manifest {
namespace {

TestDeclaration discover(Files files, std::string_view frontmatter = "name: x\n") {
  files["SKILL.md"] = skill_md(frontmatter);
  ManifestOptions options;
  options.discover = true;
  const auto report = read_manifest(view(std::move(files)), options);
  EXPECT_EQ(outcome(report), "ok");
  return report.manifest ? report.manifest->test : TestDeclaration{};
}

const std::string kNpm = R"({"scripts":{"test":"node --test"}})";

TEST(Discovery, HappensOnlyWhenAskedFor) {
  const auto report =
      read_manifest(view({{"SKILL.md", skill_md("name: x\n")}, {"package.json", kNpm}, {"test.sh", ""}}), {});
  EXPECT_FALSE(report.manifest->test.command);
}

TEST(Discovery, NeverReplacesADeclaredTest) {
  const auto test = discover({{"package.json", kNpm}}, "name: x\nmetadata:\n  test_command: mine\n");
  EXPECT_EQ(test.command, shell("mine"));
  EXPECT_TRUE(test.declared);
}

TEST(Discovery, FindsNpmScripts) {
  const auto test = discover({{"package.json", kNpm}, {"test.sh", ""}});
  EXPECT_EQ(test.command, shell("npm test"));
  EXPECT_FALSE(test.declared);
  EXPECT_EQ(test.source, "package.json scripts.test");
  EXPECT_EQ(test.runtime, "node:20-alpine");
  EXPECT_FALSE(test.deps);
}

TEST(Discovery, InstallsWhatPackageJsonLists) {
  const std::string package = R"({"scripts":{"test":"x"},"devDependencies":{"a":"1"}})";
  EXPECT_EQ(discover({{"package.json", package}}).deps, shell("npm install"));
  EXPECT_EQ(discover({{"package.json", package}, {"package-lock.json", "{}"}}).deps, shell("npm ci"));
}

TEST(Discovery, TakesNpmsPlaceholderForNone) {
  for (const std::string_view package :
       {R"({"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}})", R"({"scripts":{"test":""}})",
        R"({"scripts":{}})", R"({"scripts":["test"]})", R"({"scripts":{"test":{"a":"b"}}})", "{}", "not json"}) {
    EXPECT_FALSE(discover({{"package.json", std::string(package)}}).command) << package;
  }
}

TEST(Discovery, FindsATestScript) {
  EXPECT_EQ(discover({{"test.sh", "exit 0\n"}}).command, exec({"sh", "test.sh"}));
  const auto bash = discover({{"test.sh", "#!/usr/bin/env bash\nexit 0\n"}});
  EXPECT_EQ(bash.command, exec({"bash", "test.sh"}));
  EXPECT_EQ(bash.runtime, "debian:12-slim");
  EXPECT_FALSE(discover({{"scripts/test.sh", ""}}).command);
}

TEST(Discovery, FindsPytestFiles) {
  for (const std::string path : {"test_a.py", "tests/test_a.py", "a_test.py"}) {
    const auto test = discover({{path, ""}, {"requirements.txt", ""}, {"Makefile", "test:\n"}});
    EXPECT_EQ(test.command, shell("python -m pytest")) << path;
    EXPECT_EQ(test.deps, shell("pip install pytest -r requirements.txt"));
    EXPECT_EQ(test.source, "pytest");
  }
  for (const std::string path :
       {"node_modules/a/test_b.py", "a/node_modules/test_b.py", "testa.py", "test_a.pyc", "contest.py"}) {
    EXPECT_FALSE(discover({{path, ""}}).command) << path;
  }
}

TEST(Discovery, FindsAMakefileTarget) {
  for (const std::string_view text : {"test:\n\ttrue\n", "all test: x\n", "a: b\ntest :\n", "test:: x\n"}) {
    EXPECT_EQ(discover({{"Makefile", std::string(text)}}).command, shell("make test")) << text;
  }
  for (const std::string_view text :
       {"tests:\n", "\ttest: x\n", "# test:\n", "test := x\n", "test ::= x\n", ".PHONY: test\n", ""}) {
    EXPECT_FALSE(discover({{"Makefile", std::string(text)}}).command) << text;
  }
  EXPECT_FALSE(discover({{"GNUmakefile", "x:\n"}, {"Makefile", "test:\n"}}).command);
}

TEST(Discovery, DoesNotTakeAnotherMeaningOfRuntimeForADeclaration) {
  EXPECT_EQ(discover({{"package.json", kNpm}}, "name: x\nruntime: Node.js 18\n").runtime, "node:20-alpine");
}

TEST(Discovery, LeavesADeclaredRuntimeAndDepsAlone) {
  const auto runtime = discover({{"test_a.py", ""}}, "name: x\nmetadata:\n  runtime: my/python:1\n");
  EXPECT_EQ(runtime.runtime, "my/python:1");
  EXPECT_FALSE(runtime.deps);
  EXPECT_EQ(discover({{"test_a.py", ""}}, "name: x\nmetadata:\n  test_deps: mine\n").deps, shell("mine"));
}

}  // namespace
}  // namespace skill_verifier::skill::manifest
