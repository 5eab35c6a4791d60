#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "skill/manifest/reading.hpp"

namespace skill_verifier::skill::manifest {
namespace {

ManifestReport read_as(Profile profile, std::string_view frontmatter) {
  ManifestOptions options;
  options.profile = profile;
  return read(frontmatter, options);
}

TEST(Profile, NamesAreParsedAndPrinted) {
  for (const auto profile : {Profile::registry, Profile::spec, Profile::lenient}) {
    EXPECT_EQ(parse_profile(to_string(profile)).value(), profile);
  }
  EXPECT_EQ(parse_profile("strict").error().id, "profile_unknown");
}

TEST(EveryProfile, WarnsOfNamesOutsideTheSpecification) {
  for (const std::string_view name : {"Upper", "a b", "a_b", "-a", "a-", "a--b", "\xC3\xA9"}) {
    EXPECT_TRUE(warned(read("name: " + std::string(name) + "\n"), "name_invalid")) << name;
  }
  EXPECT_TRUE(warned(read("name: " + std::string(65, 'a') + "\n"), "name_invalid"));
  EXPECT_FALSE(warned(read("name: " + std::string(64, 'a') + "\n"), "name_invalid"));
  EXPECT_FALSE(warned(read("name: a-1\n"), "name_invalid"));
}

TEST(EveryProfile, WarnsOfDescriptionsMissingOrTooLong) {
  EXPECT_TRUE(warned(read("name: x\n"), "description_missing"));
  EXPECT_TRUE(warned(read("name: x\ndescription: ' '\n"), "description_missing"));
  std::string accents;
  for (int i = 0; i < 1024; ++i)
    accents += "\xC3\xA9";
  EXPECT_FALSE(warned(read("name: x\ndescription: " + accents + "\n"), "description_too_long"));
  EXPECT_TRUE(warned(read("name: x\ndescription: " + accents + "e\n"), "description_too_long"));
}

TEST(EveryProfile, WarnsOfVersionsThatAreNotSemantic) {
  for (const std::string_view version : {"1.0.0", "0.0.1-alpha.1+b.01", "1.2.3+x", "1.2.3--"}) {
    EXPECT_FALSE(warned(read("name: x\nversion: '" + std::string(version) + "'\n"), "version_not_semver")) << version;
  }
  for (const std::string_view version :
       {"1.0", "01.0.0", "1.0.0-", "1.0.0-01", "v1.0.0", "1.0.0+", "1..0", "1.0.0.0", "a.b.c"}) {
    EXPECT_TRUE(warned(read("name: x\nversion: '" + std::string(version) + "'\n"), "version_not_semver")) << version;
  }
}

TEST(SpecProfile, ReportsWhatTheReferenceValidatorRefuses) {
  const std::string base = "name: x\ndescription: y\n";
  EXPECT_THAT(warning_codes(read_as(Profile::spec,
                                    base + "license: MIT\nallowed-tools: a b\ncompatibility: c\nmetadata:\n  d: e\n")),
              testing::IsEmpty());
  EXPECT_TRUE(warned(read_as(Profile::spec, base + "homepage: z\n"), "spec_unknown_field"));
  EXPECT_TRUE(warned(read_as(Profile::spec, base + "metadata: {a: b}\n"), "spec_flow_style"));
  EXPECT_TRUE(warned(read_as(Profile::spec, base + "metadata:\n  a:\n    - [b]\n"), "spec_flow_style"));
  EXPECT_TRUE(
      warned(read_as(Profile::spec, base + "compatibility: " + std::string(501, 'a') + "\n"), "compatibility_invalid"));
  EXPECT_TRUE(warned(read_as(Profile::spec, base + "compatibility:\n  - a\n"), "compatibility_invalid"));
  EXPECT_TRUE(warned(read_as(Profile::spec, base + "metadata:\n  a:\n    b: c\n"), "spec_metadata_value"));
}

TEST(SpecProfile, BlocksNothingThatRegistryAccepts) {
  const auto report = read_as(Profile::spec, "name: Bad Name\nhomepage: z\ntest_command: [a]\n");
  ASSERT_EQ(outcome(report), "ok");
  EXPECT_EQ(report.manifest->test.command, exec({"a"}));
}

TEST(RegistryProfile, LeavesTheValidatorsRulesAlone) {
  const auto report = read("name: x\ndescription: y\nhomepage: z\nmetadata: {a: {b: c}}\n");
  EXPECT_THAT(warning_codes(report), testing::IsEmpty());
}

TEST(LenientProfile, RecoversIdentityLineByLine) {
  const auto report = read_as(
      Profile::lenient, "name: \"x\"\ndescription: Use when: asked\nversion: '1.0'\n  name: inner\nhomepage: h\n");
  ASSERT_EQ(outcome(report), "ok");
  EXPECT_TRUE(report.manifest->frontmatter_recovered);
  EXPECT_TRUE(warned(report, "frontmatter_recovered"));
  EXPECT_EQ(report.manifest->name, "x");
  EXPECT_EQ(report.manifest->description, "Use when: asked");
  EXPECT_EQ(report.manifest->version, "1.0");
}

TEST(LenientProfile, NeverTakesATestFromARecoveredBlock) {
  const std::string broken =
      "name: x\ndescription: a: b\ntest_command: evil\nruntime: evil\nmetadata:\n  test_command: evil\n  openclaw: "
      "{requires: {bins: [a]}}\ntest:\n  command: evil\n";
  const auto report = read_as(Profile::lenient, broken);
  ASSERT_EQ(outcome(report), "ok");
  EXPECT_FALSE(report.manifest->test.command);
  EXPECT_EQ(report.manifest->test.runtime, "alpine:latest");
  EXPECT_TRUE(report.manifest->required_bins.empty());

  ManifestOptions options;
  options.profile = Profile::lenient;
  const auto with_sidecar =
      read_manifest(view({{"SKILL.md", skill_md(broken)}, {"skill-verifier.yaml", "test_command: good\n"}}), options);
  ASSERT_EQ(outcome(with_sidecar), "ok");
  EXPECT_EQ(with_sidecar.manifest->test.command, shell("good"));
}

TEST(LenientProfile, DoesNotRecoverWhatIsYamlButRefused) {
  for (const auto& [yaml, code] :
       std::vector<std::pair<std::string, std::string>>{{"name: &a x\n", "yaml_anchor"},
                                                        {"name: x\nname: y\n", "yaml_duplicate_key"},
                                                        {"name: !t x\n", "yaml_tag"},
                                                        {"- name: x\n", "frontmatter_not_mapping"},
                                                        {"name: x\na: " + std::string(20, '['), "yaml_too_deep"}}) {
    EXPECT_EQ(outcome(read_as(Profile::lenient, yaml + "\n")), code);
  }
  ManifestOptions options;
  options.profile = Profile::lenient;
  EXPECT_EQ(outcome(read_manifest_text("name: x\n", "SKILL.md", options)), "no_frontmatter");
  EXPECT_EQ(outcome(read_manifest_text("---\nname: x\n", "SKILL.md", options)), "unterminated_frontmatter");
}

TEST(LenientProfile, LeavesBlocksOutAndStillNeedsAName) {
  const auto report = read_as(Profile::lenient, "name: x\ndescription: |\n  text\na: b: c\n");
  ASSERT_EQ(outcome(report), "ok");
  EXPECT_FALSE(report.manifest->description);
  EXPECT_EQ(outcome(read_as(Profile::lenient, "description: a: b\n")), "name_missing");
}

TEST(LenientProfile, ReadsSoundFilesAsRegistryDoes) {
  const auto report = read_as(Profile::lenient, "name: x\nmetadata:\n  test_command: t\n");
  EXPECT_FALSE(report.manifest->frontmatter_recovered);
  EXPECT_EQ(report.manifest->test.command, shell("t"));
}

}  // namespace
}  // namespace skill_verifier::skill::manifest
