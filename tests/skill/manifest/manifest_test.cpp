#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "skill/manifest/reading.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::skill::manifest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(ReadManifest, TakesTheFieldsOfTheSpecification) {
  const std::string text =
      skill_md("name: my-skill\ndescription: |\n  Does it.\nmetadata:\n  version: \"1.10\"\nentrypoint: ./run.sh\n");
  const auto report = read_manifest_text(text, "SKILL.md", {});
  ASSERT_EQ(outcome(report), "ok");
  const Manifest& manifest = *report.manifest;
  EXPECT_EQ(manifest.name, "my-skill");
  EXPECT_EQ(manifest.description, "Does it.\n");
  EXPECT_EQ(manifest.version, "1.10");
  EXPECT_EQ(manifest.entrypoint, "./run.sh");
  EXPECT_EQ(manifest.file, "SKILL.md");
  EXPECT_EQ(core::to_hex(manifest.sha256), core::sha256_hex(text));
  EXPECT_FALSE(manifest.frontmatter_recovered);
  EXPECT_FALSE(manifest.test.command);
}

TEST(ReadManifest, HasNoWarningsForThePortableForm) {
  EXPECT_THAT(warning_codes(read("name: a-b\ndescription: c\nmetadata:\n  version: 1.0.0\n  test_command: x\n")),
              IsEmpty());
}

TEST(ReadManifest, RefusesASkillWithoutAName) {
  for (const std::string_view text : {"description: x\n", "name:\n", "name: ~\n", "name: ''\n", "name: '  '\n"}) {
    EXPECT_EQ(outcome(read(text)), "name_missing") << text;
  }
}

TEST(ReadManifest, RefusesNamesAndVersionsThatCannotBePrinted) {
  EXPECT_EQ(outcome(read("name: \"a\\nb\"\n")), "name_unusable");
  EXPECT_EQ(outcome(read("name: \"a\\0b\"\n")), "name_unusable");
  EXPECT_EQ(outcome(read("name: " + std::string(257, 'a') + "\n")), "name_unusable");
  EXPECT_EQ(outcome(read("name: x\nversion: \"1\\e\"\n")), "version_unusable");
  EXPECT_EQ(outcome(read("name: x\nmetadata:\n  version: " + std::string(129, '1') + "\n")), "version_unusable");
  EXPECT_EQ(outcome(read("name: [x]\n")), "field_type");
  EXPECT_EQ(outcome(read("name: x\nversion: {a: b}\n")), "field_type");
  EXPECT_EQ(outcome(read("name: x\ndescription: [a]\n")), "field_type");
}

TEST(ReadManifest, KeepsTheSourceTextOfAVersion) {
  EXPECT_EQ(read("name: x\nversion: 1.0\n").manifest->version, "1.0");
  EXPECT_EQ(read("name: x\nversion: '1.10'\n").manifest->version, "1.10");
  EXPECT_EQ(read("name: x\nversion: 0x10\n").manifest->version, "0x10");
  EXPECT_EQ(read("name: x\nversion: ~\n").manifest->version, std::nullopt);
  EXPECT_EQ(read("name: x\nversion: ''\n").manifest->version, std::nullopt);
}

TEST(ReadManifest, TakesTheVersionFromTheHighestPlace) {
  const std::string text = skill_md("name: x\nversion: 3.0.0\nmetadata:\n  version: 4.0.0\n");
  const auto top = read_manifest(view({{"SKILL.md", text}}), {});
  EXPECT_EQ(top.manifest->version, "3.0.0");
  EXPECT_TRUE(warned(top, "version_differs"));
  const FileView with_sidecar = view({{"SKILL.md", text}, {"skill-verifier.yaml", "version: 2.0.0\n"}});
  EXPECT_EQ(read_manifest(with_sidecar, {}).manifest->version, "2.0.0");
  ManifestOptions options;
  options.version = "1.0.0";
  EXPECT_EQ(read_manifest(with_sidecar, options).manifest->version, "1.0.0");
  EXPECT_FALSE(warned(read("name: x\nversion: 1.0.0\nmetadata:\n  version: '1.0.0'\n"), "version_differs"));
}

TEST(ReadManifest, LetsTheCallerGiveTheName) {
  ManifestOptions options;
  options.name = "given";
  const auto differs = read("name: x\n", options);
  EXPECT_EQ(differs.manifest->name, "given");
  EXPECT_TRUE(warned(differs, "name_differs"));
  EXPECT_EQ(read("description: x\n", options).manifest->name, "given");
}

TEST(ReadManifest, FormsTheSkillId) {
  EXPECT_EQ(read("name: x\nversion: 1.0\n").manifest->skill_id("0123456789abcdef"), "x@1.0");
  EXPECT_EQ(read("name: x\n").manifest->skill_id("0123456789abcdef"), "x@sha256-0123456789ab");
}

TEST(ReadManifest, DropsEntrypointsOutsideThePackage) {
  for (const std::string_view value : {"/bin/sh", "../x", "a/../b", "a\\b", "..", "''", "[a]", "\"a\\nb\""}) {
    const auto report = read("name: x\nentrypoint: " + std::string(value) + "\n");
    ASSERT_EQ(outcome(report), "ok") << value;
    EXPECT_FALSE(report.manifest->entrypoint) << value;
    EXPECT_TRUE(warned(report, "entrypoint_invalid")) << value;
  }
  EXPECT_EQ(read("name: x\nentrypoint: a..b/c\n").manifest->entrypoint, "a..b/c");
}

TEST(ReadManifest, ReadsMetadataGivenAsJsonText) {
  EXPECT_EQ(read("name: x\nmetadata: '{\"version\":\"1.2.3\",}'\n").manifest->version, "1.2.3");
  EXPECT_EQ(outcome(read("name: x\nmetadata:\n")), "ok");
  for (const std::string_view value : {"text", "'[1]'", "'{'", "[a]"}) {
    EXPECT_EQ(outcome(read("name: x\nmetadata: " + std::string(value) + "\n")), "field_type") << value;
  }
}

TEST(ReadManifest, IgnoresNamesBelowTheTopLevel) {
  const auto report = read("name: outer\nversion: 1.0.0\nmetadata:\n  library:\n    name: inner\n    version: 9.9.9\n");
  EXPECT_EQ(report.manifest->name, "outer");
  EXPECT_EQ(report.manifest->version, "1.0.0");
}

TEST(ReadManifest, CollectsWhatTheSkillSaysItNeeds) {
  const auto report = read(
      "name: x\nmetadata:\n  openclaw: {requires: {bins: [jq, curl], env: A}}\n"
      "  clawdbot: '{\"requires\":{\"bins\":\"jq, git\",\"anyBins\":[\"a\",\"b\"],}}'\n  moltbot: {emoji: x}\n");
  ASSERT_EQ(outcome(report), "ok");
  EXPECT_THAT(report.manifest->required_bins, ElementsAre("jq", "curl", "git"));
  EXPECT_THAT(report.manifest->required_env, ElementsAre("A"));
  EXPECT_THAT(report.manifest->any_bins, ElementsAre(ElementsAre("a", "b")));
  EXPECT_FALSE(warned(report, "claims_unreadable"));
}

TEST(ReadManifest, WarnsOfClaimsThatCannotBeRead) {
  for (const std::string_view value :
       {"x", "[a]", "{requires: x}", "{requires: {bins: {a: b}}}", "{requires: {env: [[a]]}}", "'{'"}) {
    const auto report = read("name: x\nmetadata:\n  openclaw: " + std::string(value) + "\n");
    ASSERT_EQ(outcome(report), "ok") << value;
    EXPECT_TRUE(warned(report, "claims_unreadable")) << value;
  }
}

TEST(FindManifest, AcceptsTheNamesThatAreInUse) {
  const std::string text = skill_md("name: x\n");
  for (const std::string name : {"SKILL.md", "skill.md", "Skill.md", "SKILL.MD", "skills.md", "Skills.md"}) {
    EXPECT_EQ(read_manifest(view({{name, text}}), {}).manifest->file, name);
  }
  EXPECT_EQ(read_manifest(view({{"SKILL.md", text}, {"skills.md", "x"}}), {}).manifest->file, "SKILL.md");
}

TEST(FindManifest, RefusesNoneAndTwo) {
  const std::string text = skill_md("name: x\n");
  EXPECT_EQ(outcome(read_manifest(view({}), {})), "manifest_missing");
  EXPECT_EQ(outcome(read_manifest(view({{"a/SKILL.md", text}, {"SKILL.md.txt", text}}), {})), "manifest_missing");
  EXPECT_EQ(outcome(read_manifest(view({{"SKILL.md", text}, {"skill.md", text}}), {})), "manifest_ambiguous");
  FileView unreadable = view({{"SKILL.md", text}});
  unreadable.read = [](std::string_view) { return std::nullopt; };
  EXPECT_EQ(outcome(read_manifest(unreadable, {})), "manifest_too_large");
}

TEST(ToError, NamesFileLineAndColumn) {
  const auto report = read("name: x\ndescription: a: b\n");
  const Error error = to_error(*report.refusal);
  EXPECT_EQ(error.code, Errc::rejected);
  EXPECT_EQ(error.id, "yaml_unquoted_colon");
  EXPECT_THAT(error.message, HasSubstr("SKILL.md line 3 column 15: "));
}

TEST(Messages, ShowHostileValuesShortenedAndEscaped) {
  const auto report = read("name: x\nmetadata:\n  test_network: \"\\e[31m" + std::string(500, 'x') + "\"\n");
  ASSERT_TRUE(report.refusal);
  EXPECT_LT(report.refusal->message.size(), 250u);
  EXPECT_EQ(report.refusal->message.find('\x1B'), std::string::npos);
}

}  // namespace
}  // namespace skill_verifier::skill::manifest
