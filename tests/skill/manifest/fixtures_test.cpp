#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "skill/manifest/reading.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/skill/lint.hpp"
#include "support/paths.hpp"

namespace skill_verifier::skill::manifest {
namespace {

namespace fs = std::filesystem;

fs::path fixtures() {
  return test::shared_fixtures();
}

std::string slurp(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// The package of a fixture.
ManifestReport read_fixture(const std::string& name, Profile profile = Profile::registry) {
  Files files;
  for (const auto& entry : fs::directory_iterator(fixtures() / "skills" / name)) {
    files[entry.path().filename().string()] = slurp(entry.path());
  }
  ManifestOptions options;
  options.profile = profile;
  return read_manifest(view(std::move(files)), options);
}

class Fixture : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(fixtures() / "skills")) GTEST_SKIP() << "the shared fixtures are not beside the source";
  }
  static Manifest accepted(const std::string& name) {
    const auto report = read_fixture(name);
    EXPECT_EQ(outcome(report), "ok") << name;
    EXPECT_TRUE(!report.manifest || report.manifest->name == name);
    return report.manifest.value_or(Manifest{});
  }
};

void expect_portable(const Manifest& manifest) {
  EXPECT_EQ(manifest.version, "1.0.0");
  EXPECT_EQ(manifest.test.runtime, "node:20-alpine");
  EXPECT_EQ(manifest.test.deps, shell("npm install"));
  EXPECT_EQ(manifest.test.command, shell("npm test"));
  EXPECT_EQ(manifest.test.timeout, std::chrono::seconds(30));
  EXPECT_EQ(manifest.test.source, "metadata.test_command");
}

TEST_F(Fixture, PortableFlatMetadata01) {
  expect_portable(accepted("01-portable-flat-metadata"));
  EXPECT_TRUE(read_fixture("01-portable-flat-metadata").warnings.empty());
}

TEST_F(Fixture, PortableFlatJsonString02) {
  const Manifest manifest = accepted("02-portable-flat-json-string");
  EXPECT_EQ(manifest.test.command, exec({"npm", "test"}));
  EXPECT_EQ(manifest.test.runtime, "alpine:latest");
}

TEST_F(Fixture, NestedBlockMetadata03) {
  const Manifest manifest = accepted("03-nested-block-metadata");
  EXPECT_EQ(manifest.version, std::nullopt);
  EXPECT_EQ(manifest.test.command, shell("python test.py"));
  EXPECT_EQ(manifest.test.runtime, "python:3.11-alpine");
  EXPECT_EQ(manifest.test.env, (std::vector<std::pair<std::string, std::string>>{{"A", "1"}}));
}

TEST_F(Fixture, NestedFlowMetadata04) {
  const Manifest manifest = accepted("04-nested-flow-metadata");
  EXPECT_EQ(manifest.test.command, exec({"sh", "test.sh"}));
  EXPECT_EQ(manifest.test.runtime, "alpine:3.20");
  EXPECT_EQ(manifest.required_bins, std::vector<std::string>{"jq"});
}

TEST_F(Fixture, UpstreamToplevel05) {
  const Manifest manifest = accepted("05-upstream-toplevel");
  EXPECT_EQ(manifest.version, "1.0.0");
  EXPECT_EQ(manifest.test.command, exec({"npm", "test"}));
  EXPECT_EQ(manifest.test.deps, shell("npm install"));
  EXPECT_EQ(manifest.test.source, "test_command");
  EXPECT_TRUE(warned(read_fixture("05-upstream-toplevel"), "spec_invalid"));
}

TEST_F(Fixture, PlanToplevelTest06) {
  const Manifest manifest = accepted("06-plan-toplevel-test");
  EXPECT_EQ(manifest.test.command, shell("npm test"));
  EXPECT_EQ(manifest.test.source, "test.command");
  EXPECT_EQ(manifest.test.env, (std::vector<std::pair<std::string, std::string>>{{"NODE_ENV", "test"}}));
  EXPECT_EQ(manifest.entrypoint, "./weather.sh");
  EXPECT_TRUE(warned(read_fixture("06-plan-toplevel-test"), "spec_invalid"));
}

TEST_F(Fixture, SidecarOnly07) {
  const Manifest manifest = accepted("07-sidecar-only");
  EXPECT_EQ(manifest.test.command, exec({"sh", "test.sh"}));
  EXPECT_EQ(manifest.test.runtime, "alpine:3.20");
  EXPECT_EQ(manifest.test.source, "verifier.yaml test.command");
}

TEST_F(Fixture, UnquotedColon08) {
  const auto report = read_fixture("08-unquoted-colon");
  ASSERT_EQ(outcome(report), "yaml_unquoted_colon");
  EXPECT_EQ(report.refusal->at.line, 3);
  EXPECT_EQ(report.refusal->at.column, 22);
  const auto recovered = read_fixture("08-unquoted-colon", Profile::lenient);
  EXPECT_EQ(recovered.manifest->description, "Use when: the user asks (1) foo: bar");
}

TEST_F(Fixture, Crlf09) {
  expect_portable(accepted("09-crlf"));
  EXPECT_TRUE(warned(read_fixture("09-crlf"), "crlf"));
}

TEST_F(Fixture, Bom10) {
  EXPECT_FALSE(accepted("10-bom").test.command);
  EXPECT_TRUE(warned(read_fixture("10-bom"), "bom"));
}

TEST_F(Fixture, TripleDashInValue11) {
  EXPECT_EQ(accepted("11-triple-dash-in-value").description, "before --- after");
  EXPECT_TRUE(warned(read_fixture("11-triple-dash-in-value"), "dashes_in_value"));
}

TEST_F(Fixture, DupKey12) {
  const auto report = read_fixture("12-dup-key");
  EXPECT_EQ(outcome(report), "yaml_duplicate_key");
  EXPECT_EQ(report.refusal->at.line, 4);
}

TEST_F(Fixture, Anchor13) {
  const auto report = read_fixture("13-anchor");
  EXPECT_EQ(outcome(report), "yaml_anchor");
  EXPECT_EQ(report.refusal->at.column, 14);
}

TEST_F(Fixture, VersionFloat14) {
  EXPECT_EQ(accepted("14-version-float").version, "1.0");
}

TEST_F(Fixture, NoTest15) {
  const Manifest manifest = accepted("15-no-test");
  EXPECT_EQ(manifest.version, "1.0.0");
  EXPECT_FALSE(manifest.test.command);
}

TEST_F(Fixture, NestedKeyShadow16) {
  EXPECT_EQ(accepted("16-nested-key-shadow").version, "1.0.0");
}

TEST_F(Fixture, ClosingDelimSuffix17) {
  EXPECT_EQ(outcome(read_fixture("17-closing-delim-suffix")), "yaml_multiple_documents");
}

TEST_F(Fixture, ReportExample18) {
  expect_portable(accepted("18-report-example"));
}

TEST_F(Fixture, SpecProfileAgreesWithTheReferenceValidator) {
  const auto matrix = nlohmann::json::parse(slurp(fixtures() / "skills" / "matrix.json"));
  // Not rules of the validator: notes of ours, and 17, whose text after the dashes it takes for the body.
  const auto is_violation = [](const std::string& code) {
    return code != "crlf" && code != "dashes_in_value" && code != "sidecar_alias" && code != "version_not_semver" &&
           code != "spec_metadata_value";
  };
  ASSERT_EQ(matrix.size(), 18u);
  for (const auto& [name, readers] : matrix.items()) {
    if (name == "17-closing-delim-suffix") continue;
    const auto report = read_fixture(name, Profile::spec);
    const auto codes = warning_codes(report);
    const bool violates = report.refusal || std::ranges::any_of(codes, is_violation);
    EXPECT_EQ(violates, !readers.at("skills_ref").empty()) << name;
  }
}

TEST_F(Fixture, PublishedFilesAreReadOrRefusedWithAKnownCode) {
  if (!fs::exists(fixtures() / "wild")) GTEST_SKIP() << "the published files are not there";
  const auto index = nlohmann::json::parse(slurp(fixtures() / "wild" / "index.json"));
  std::map<std::string, int> outcomes;
  for (const auto& entry : index) {
    const fs::path path = fixtures() / "wild" / entry.at("file").get<std::string>();
    for (const auto profile : {Profile::registry, Profile::spec, Profile::lenient}) {
      const LintResult result = lint_path(path, profile);
      ASSERT_FALSE(result.failure) << path;
      const auto& report = result.report;
      EXPECT_TRUE(core::is_utf8(to_json(result)));
      if (profile == Profile::registry) ++outcomes[outcome(report)];
      // Nobody publishes a test: a declaration found here would be a misreading.
      EXPECT_FALSE(report.manifest && report.manifest->test.command) << path;
    }
  }
  EXPECT_EQ(outcomes, (std::map<std::string, int>{
                          {"ok", 196}, {"no_frontmatter", 14}, {"yaml_unquoted_colon", 1}, {"name_missing", 1}}));
}

}  // namespace
}  // namespace skill_verifier::skill::manifest
