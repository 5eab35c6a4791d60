#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "skill/manifest/reading.hpp"

namespace skill_verifier::skill::manifest {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// A manifest whose flat metadata has one field more.
ManifestReport read_field(std::string_view field) {
  return read("name: x\ndescription: y\nmetadata:\n  test_command: run\n  " + std::string(field) + "\n");
}

ManifestReport read_command(std::string_view value) {
  return read("name: x\ndescription: y\nmetadata:\n  test_command: " + std::string(value) + "\n");
}

TEST(TestCommand, IsShellTextOrAnArgumentList) {
  EXPECT_EQ(read_command("npm test").manifest->test.command, shell("npm test"));
  EXPECT_EQ(read_command("'  npm test  '").manifest->test.command, shell("npm test"));
  EXPECT_EQ(read_command("|\n    set -e\n    npm test\n").manifest->test.command, shell("set -e\nnpm test"));
  EXPECT_EQ(read_command("'[\"npm\", \"test\"]'").manifest->test.command, exec({"npm", "test"}));
  EXPECT_EQ(read_command("[npm, test, '']").manifest->test.command, exec({"npm", "test", ""}));
  EXPECT_EQ(read_command("'[ -f x ] && y'").manifest->test.command, shell("[ -f x ] && y"));
  EXPECT_EQ(read_command("'[\"npm\", 1]'").manifest->test.command, shell("[\"npm\", 1]"));
  EXPECT_EQ(read_command("true").manifest->test.command, shell("true"));
}

TEST(TestCommand, RefusesNothingToRun) {
  for (const std::string_view value : {"''", "'  '", "[]", "'[]'", "['']", "'[\"\"]'", "\"a\\0b\"", "[\"a\\0\"]"}) {
    EXPECT_EQ(outcome(read_command(value)), "command_invalid") << value;
  }
  for (const std::string_view value : {"{a: b}", "[a, [b]]", "[a, ~]"}) {
    EXPECT_EQ(outcome(read_command(value)), "field_type") << value;
  }
}

TEST(TestCommand, IsAbsentWhenNull) {
  const auto report = read_command("~");
  ASSERT_EQ(outcome(report), "ok");
  EXPECT_FALSE(report.manifest->test.command);
  EXPECT_TRUE(warned(report, "field_null"));
}

TEST(TestDeps, TakesTheSameForms) {
  EXPECT_EQ(read_field("test_deps: npm ci").manifest->test.deps, shell("npm ci"));
  EXPECT_EQ(read_field("test_deps: '[\"npm\",\"ci\"]'").manifest->test.deps, exec({"npm", "ci"}));
  EXPECT_EQ(outcome(read_field("test_deps: ''")), "command_invalid");
}

TEST(TestTimeout, HasAWholeNumberAndAUnit) {
  EXPECT_EQ(read_field("test_timeout: 30").manifest->test.timeout, 30s);
  EXPECT_EQ(read_field("test_timeout: 30s").manifest->test.timeout, 30s);
  EXPECT_EQ(read_field("test_timeout: '1500ms'").manifest->test.timeout, 1500ms);
  EXPECT_EQ(read_field("test_timeout: 2m").manifest->test.timeout, 2min);
  EXPECT_EQ(read_field("test_timeout: 999999999m").manifest->test.timeout, 999999999min);
  EXPECT_EQ(read("name: x\n").manifest->test.timeout, 30s);
}

TEST(TestTimeout, RefusesEverythingElse) {
  for (const std::string_view value :
       {"0", "0ms", "1h", "1.5s", "-1", "+1", "s", "' 1s'", "1 s", "1S", "1000000000", "1e3"}) {
    EXPECT_EQ(outcome(read_field("test_timeout: " + std::string(value))), "timeout_invalid") << value;
  }
  EXPECT_EQ(outcome(read_field("test_timeout: [30]")), "field_type");
}

TEST(TestEnv, TakesAListAMappingOrLines) {
  const std::vector<std::pair<std::string, std::string>> expected{{"A", "1"}, {"_B", "x=y z"}};
  for (const std::string_view value :
       {"['_B=x=y z', A=1]", "{_B: 'x=y z', A: 1}", "\"A=1\\n\\n_B=x=y z\\n\"", "|\n    _B=x=y z\n    A=1"}) {
    const auto report = read_field("test_env: " + std::string(value));
    ASSERT_EQ(outcome(report), "ok") << value;
    EXPECT_EQ(report.manifest->test.env, expected) << value;
  }
  EXPECT_EQ(read_field("test_env: A=").manifest->test.env.at(0).second, "");
}

TEST(TestEnv, RefusesBadNamesAndDuplicates) {
  for (const std::string_view value :
       {"A", "1A=b", "'=b'", "A-B=c", "'A =b'", "[A=1, A=2]", "{A-B: c}", "{A: 1, 'A ': 2}", "\"A=\\0\""}) {
    EXPECT_EQ(outcome(read_field("test_env: " + std::string(value))), "env_invalid") << value;
  }
  for (const std::string_view value : {"{A: ~}", "{A: [b]}", "[[A=1]]"}) {
    EXPECT_EQ(outcome(read_field("test_env: " + std::string(value))), "field_type") << value;
  }
}

TEST(TestNetwork, IsNoneUnlessBridge) {
  EXPECT_EQ(read_field("test_network: bridge").manifest->test.network, Network::bridge);
  EXPECT_EQ(read_field("test_network: none").manifest->test.network, Network::none);
  EXPECT_EQ(read("name: x\n").manifest->test.network, Network::none);
  for (const std::string_view value : {"host", "Bridge", "''", "yes"}) {
    EXPECT_EQ(outcome(read_field("test_network: " + std::string(value))), "network_invalid") << value;
  }
}

TEST(Runtime, IsAnImageReference) {
  const std::string digest = "@sha256:" + std::string(64, 'a');
  for (const std::string& value : {std::string("alpine"), std::string("python:3.11-alpine"),
                                   std::string("ghcr.io/a-b/c__d:1.0_x"), "alpine" + digest, "alpine:3.20" + digest,
                                   std::string("localhost:5000/a"), std::string("a/b/c"), std::string("a.b/c")}) {
    EXPECT_EQ(read_field("runtime: " + value).manifest->test.runtime, value);
  }
  EXPECT_EQ(read("name: x\n").manifest->test.runtime, "alpine:latest");
}

TEST(Runtime, RefusesWhatDockerWould) {
  for (const std::string_view value :
       {"Alpine", "'alpine:'", "alpine:-x", "a//b", "/a", "a/", "'a b'", "alpine@sha256:ab", "a@md5:00", "--privileged",
        "a___b", "a..b", "'-a.b/c'", "a.b:x/c", "''", "a:b:c", "\"a\\nb\""}) {
    EXPECT_EQ(outcome(read_field("runtime: " + std::string(value))), "runtime_invalid") << value;
  }
  EXPECT_EQ(outcome(read_field("runtime: " + std::string(256, 'a'))), "runtime_invalid");
}

TEST(Runtime, OfAnotherMeaningIsOnlyWarnedOfWhereNothingIsTested) {
  const auto top = read("name: x\nruntime: Node.js 18 or newer\n");
  ASSERT_EQ(outcome(top), "ok");
  EXPECT_TRUE(warned(top, "runtime_invalid"));
  EXPECT_EQ(top.manifest->test.runtime, "alpine:latest");
  EXPECT_EQ(outcome(read("name: x\nruntime: Node.js 18\ntest_command: npm test\n")), "runtime_invalid");
  EXPECT_EQ(outcome(read("name: x\nmetadata:\n  skill-verifier.runtime: Node.js\n")), "runtime_invalid");
}

struct Place {
  std::string_view name;
  std::string_view frontmatter;
  std::string_view source;
};

const std::vector<Place> kPlaces{
    {"flat",
     "metadata:\n  runtime: node:20\n  test_deps: npm ci\n  test_command: npm test\n  test_timeout: 5s\n  test_env: "
     "A=1\n  test_network: bridge\n",
     "metadata.test_command"},
    {"prefixed",
     "metadata:\n  skill-verifier.runtime: node:20\n  skill-verifier.test_deps: npm ci\n  skill-verifier.test_command: "
     "npm test\n"
     "  skill-verifier.test_timeout: 5s\n  skill-verifier.test_env: A=1\n  skill-verifier.test_network: bridge\n",
     "metadata.skill-verifier.test_command"},
    {"nested",
     "metadata:\n  skill-verifier:\n    runtime: node:20\n    test_deps: npm ci\n    test:\n      command: npm test\n"
     "      timeout: 5s\n      environment: [A=1]\n      network: bridge\n",
     "metadata.skill-verifier.test.command"},
    {"json text",
     "metadata: '{\"skill-verifier\":{\"runtime\":\"node:20\",\"test_deps\":\"npm ci\",\"test\":{\"command\":\"npm "
     "test\",\"timeout\":5,"
     "\"environment\":{\"A\":\"1\"},\"network\":\"bridge\"},}}'\n",
     "metadata.skill-verifier.test.command"},
    {"plan",
     "runtime: node:20\ntest_deps: npm ci\ntest:\n  command: npm test\n  timeout: 5s\n  environment: [A=1]\n  network: "
     "bridge\n",
     "test.command"},
    {"top level",
     "runtime: node:20\ntest_deps: npm ci\ntest_command: npm test\ntest_timeout: 5s\ntest_env: A=1\ntest_network: "
     "bridge\n",
     "test_command"},
};

void expect_full(const ManifestReport& report, std::string_view source) {
  ASSERT_EQ(outcome(report), "ok") << source << report.refusal->message;
  const TestDeclaration& test = report.manifest->test;
  EXPECT_EQ(test.runtime, "node:20");
  EXPECT_EQ(test.deps, shell("npm ci"));
  EXPECT_EQ(test.command, shell("npm test"));
  EXPECT_EQ(test.timeout, 5s);
  EXPECT_EQ(test.env, (std::vector<std::pair<std::string, std::string>>{{"A", "1"}}));
  EXPECT_EQ(test.network, Network::bridge);
  EXPECT_TRUE(test.declared);
  EXPECT_EQ(test.source, source);
}

TEST(Places, EachHoldsTheWholeDeclaration) {
  for (const auto& place : kPlaces)
    expect_full(read("name: x\ndescription: y\n" + std::string(place.frontmatter)), place.source);
}

TEST(Places, OnlyTheTopLevelOnesAreOutsideTheSpecification) {
  for (const auto& place : kPlaces) {
    const auto report = read("name: x\ndescription: y\n" + std::string(place.frontmatter));
    EXPECT_EQ(warned(report, "spec_invalid"), place.name == "plan" || place.name == "top level") << place.name;
  }
}

TEST(Places, ASidecarHoldsTheWholeDeclaration) {
  const std::string yaml =
      "---\nversion: 1.0\nruntime: node:20\ntest_deps: npm ci\ntest:\n  command: npm test\n  timeout: 5s\n  "
      "environment:\n    A: 1\n  network: bridge\n";
  const std::string json =
      R"({"version":"1.0","runtime":"node:20","test_deps":"npm ci","test":{"command":"npm test","timeout":5,"environment":["A=1"],"network":"bridge"}})";
  for (const std::string name : {"skill-verifier.yaml", "skill-verifier.yml", "skill-verifier.json", "verifier.yaml",
                                 "verifier.yml", "verifier.json"}) {
    const auto report = read_with("name: x\ndescription: y\n", name, name.ends_with(".json") ? json : yaml);
    expect_full(report, name + " test.command");
    EXPECT_EQ(report.manifest->version, "1.0");
    EXPECT_EQ(warned(report, "sidecar_alias"), name.starts_with("verifier"));
  }
}

TEST(Places, TheHigherOneIsNamedWhereBothAgree) {
  const auto report =
      read_with("name: x\nmetadata:\n  test_command: '[\"npm\",\"test\"]'\ntest:\n  command: [npm, test]\n",
                "skill-verifier.yaml", "test_command: [\"npm\", \"test\"]\n");
  ASSERT_EQ(outcome(report), "ok");
  EXPECT_EQ(report.manifest->test.source, "skill-verifier.yaml test_command");
}

TEST(Places, FieldsOfDifferentPlacesAddUp) {
  const auto report = read_with("name: x\nmetadata:\n  test_timeout: 60\nruntime: node:20\n", "skill-verifier.yaml",
                                "test:\n  command: x\n  timeout: 1m\n");
  ASSERT_EQ(outcome(report), "ok");
  EXPECT_EQ(report.manifest->test.runtime, "node:20");
  EXPECT_EQ(report.manifest->test.timeout, 1min);
}

TEST(Places, MetadataAndTopLevelConflictWhenTheyDiffer) {
  for (std::size_t high = 0; high < kPlaces.size(); ++high) {
    for (std::size_t low = 0; low < kPlaces.size(); ++low) {
      // One file holds `metadata` and the top-level fields once each; lower places come second.
      if (high >= 4 || low < 4) continue;
      std::string other(kPlaces[low].frontmatter);
      other.replace(other.find("npm test"), 8, "npm run");
      const auto report = read("name: x\n" + std::string(kPlaces[high].frontmatter) + other);
      ASSERT_EQ(outcome(report), "manifest_conflict") << kPlaces[high].name << " " << kPlaces[low].name;
      EXPECT_THAT(report.refusal->message, HasSubstr(std::string(kPlaces[high].source)));
      EXPECT_THAT(report.refusal->message, HasSubstr(std::string(kPlaces[low].source)));
      EXPECT_THAT(report.refusal->message, HasSubstr("`npm test`"));
      EXPECT_THAT(report.refusal->message, HasSubstr("`npm run`"));
    }
  }
}

TEST(Places, ConflictsAreFoundInEveryField) {
  for (const auto& [flat, sidecar] :
       std::vector<std::pair<std::string, std::string>>{{"runtime: a", "runtime: b\n"},
                                                        {"test_deps: a", "test_deps: b\n"},
                                                        {"test_command: a", "test: {command: b}\n"},
                                                        {"test_command: '[\"a\"]'", "test: {command: a}\n"},
                                                        {"test_timeout: 1s", "test: {timeout: 2s}\n"},
                                                        {"test_env: A=1", "test: {environment: {A: 2}}\n"},
                                                        {"test_network: none", "test: {network: bridge}\n"}}) {
    EXPECT_EQ(outcome(read_with("name: x\nmetadata:\n  " + flat + "\n", "skill-verifier.yaml", sidecar)),
              "manifest_conflict")
        << flat;
  }
  EXPECT_EQ(outcome(read("name: x\nmetadata:\n  test_command: a\n  skill-verifier.test_command: b\n")),
            "manifest_conflict");
  EXPECT_EQ(outcome(read("name: x\ntest:\n  command: a\ntest_command: b\n")), "manifest_conflict");
  EXPECT_EQ(outcome(read_with("name: x\n", "skill-verifier.yaml", "test_command: a\ntest:\n  command: b\n")),
            "manifest_conflict");
}

TEST(Places, UnknownFieldsOfOurOwnBlocksAreRefused) {
  EXPECT_EQ(outcome(read_with("name: x\n", "skill-verifier.yaml", "test:\n  comand: a\n")), "unknown_field");
  EXPECT_EQ(outcome(read_with("name: x\n", "skill-verifier.yaml", "name: a\n")), "unknown_field");
  EXPECT_EQ(outcome(read_with("name: x\n", "skill-verifier.json", R"({"tests":{}})")), "unknown_field");
  EXPECT_EQ(outcome(read("name: x\nmetadata:\n  skill-verifier.test_cmd: a\n")), "unknown_field");
  EXPECT_EQ(outcome(read("name: x\nmetadata:\n  skill-verifier:\n    version: 1\n")), "unknown_field");
  EXPECT_EQ(outcome(read("name: x\ntest:\n  cmd: a\n")), "unknown_field");
  EXPECT_EQ(outcome(read("name: x\nmetadata:\n  author: me\nhomepage: y\n")), "ok");
}

TEST(Places, BlocksHaveToBeMappings) {
  EXPECT_EQ(outcome(read("name: x\ntest: npm test\n")), "field_type");
  EXPECT_EQ(outcome(read("name: x\nmetadata:\n  skill-verifier: x\n")), "field_type");
  EXPECT_EQ(outcome(read_with("name: x\n", "skill-verifier.yaml", "test: [a]\n")), "field_type");
  EXPECT_EQ(outcome(read_with("name: x\n", "skill-verifier.yaml", "- a\n")), "frontmatter_not_mapping");
  EXPECT_EQ(outcome(read_with("name: x\n", "skill-verifier.json", "[]")), "json_invalid");
  EXPECT_TRUE(warned(read("name: x\ntest:\n"), "field_null"));
}

TEST(Places, LookAlikesAreWarnedOf) {
  EXPECT_TRUE(warned(read("name: x\nmetadata:\n  test:\n    command: a\n"), "misplaced_field"));
  EXPECT_TRUE(warned(read("name: x\nskill-verifier:\n  test_command: a\n"), "misplaced_field"));
  EXPECT_TRUE(warned(read("name: x\nmetadata:\n  test_command: [a]\n"), "spec_invalid"));
}

TEST(Sidecar, TwoOfThemAreAmbiguous) {
  const auto report = read_manifest(
      view({{"SKILL.md", skill_md("name: x\n")}, {"skill-verifier.json", "{}"}, {"verifier.yaml", "{}\n"}}), {});
  EXPECT_EQ(outcome(report), "manifest_ambiguous");
}

TEST(Sidecar, CountsOnlyAtTheRootAndByItsExactName) {
  const auto report = read_manifest(view({{"SKILL.md", skill_md("name: x\n")},
                                          {"evals/skill-verifier.yaml", "test_command: a\n"},
                                          {".skill-verifier.yaml", "test_command: a\n"}}),
                                    {});
  ASSERT_EQ(outcome(report), "ok");
  EXPECT_FALSE(report.manifest->test.command);
}

TEST(Sidecar, FractionsInJsonAreRefusedWhereDigitsWouldBeLost) {
  EXPECT_EQ(outcome(read_with("name: x\n", "skill-verifier.json", R"({"version":1.10})")), "field_type");
  EXPECT_EQ(outcome(read_with("name: x\n", "skill-verifier.json", R"({"test":{"timeout":1.5}})")), "field_type");
}

TEST(Sidecar, ErrorsNameItsFileAndLine) {
  const auto report = read_with("name: x\n", "skill-verifier.yaml", "---\ntest:\n  timeout: never\n");
  ASSERT_TRUE(report.refusal);
  EXPECT_EQ(report.refusal->file, "skill-verifier.yaml");
  EXPECT_EQ(report.refusal->at.line, 3);
}

}  // namespace
}  // namespace skill_verifier::skill::manifest
