#include <fmt/core.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <vector>

#include "scan/scan_fixture.hpp"
#include "skill_verifier/scan/profile.hpp"

namespace skill_verifier::scan {
namespace {

/// A profile of one rule that has nothing but one of its alternatives, with the vocabulary of the standard profile.
Result<Profile> narrowed(const YAML::Node& root, const YAML::Node& rule, std::size_t alternative) {
  YAML::Node profile = YAML::Clone(root);
  profile["checks"] = std::vector<std::string>{"rules/one.yaml"};
  YAML::Node one = YAML::Clone(rule);
  one["match"] = YAML::Node(YAML::NodeType::Sequence);
  one["match"].push_back(rule["match"][alternative]);
  const std::vector<ProfileFile> files{{"standard-v1.yaml", YAML::Dump(profile)}, {"rules/one.yaml", YAML::Dump(one)}};
  return load_profile(files);
}

bool finds(const Profile& profile, const Example& example) {
  const std::string text = example.file == "SKILL.md" ? test::skill_md(example.text) : example.text;
  const auto report = scan(source_of(example.file, text), profile);
  const Severity full = profile.checks().front().severity;
  return report && std::ranges::any_of(report->rows, [&](const Row& row) {
           return row.outcome != Outcome::passed && row.severity == full;
         });
}

TEST(EveryAlternative, HasAnExampleThatOnlyItNeedsToFind) {
  const auto files = standard_profile_files();
  const YAML::Node root = YAML::Load(files.front().text);
  std::size_t alternatives = 0;
  for (const ProfileFile& file : files.subspan(1)) {
    const YAML::Node rule = YAML::Load(file.text);
    for (std::size_t i = 0; i < rule["match"].size(); ++i, ++alternatives) {
      const auto profile = narrowed(root, rule, i);
      ASSERT_TRUE(profile) << file.path << ": " << profile.error().message;
      const auto& examples = profile->checks().front().examples;
      EXPECT_TRUE(std::ranges::any_of(examples,
                                      [&](const Example& example) { return example.hit && finds(*profile, example); }))
          << file.path << ", alternative " << i + 1 << ": no example is found by it";
    }
  }
  EXPECT_GT(alternatives, 100U);
}

}  // namespace
}  // namespace skill_verifier::scan
