#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "skill_verifier/scan/scan.hpp"

namespace skill_verifier::scan {
namespace {

namespace fs = std::filesystem;

const Profile& standard() {
  static const Result<Profile> profile = standard_profile();
  if (!profile) throw std::runtime_error(profile.error().message);
  return *profile;
}

Report report_of(const std::string& file, const std::string& text) {
  std::string whole = text;
  if (file == "SKILL.md") whole = "---\nname: example\ndescription: An example.\n---\n\n" + text;
  auto report = scan(source_of(file, whole), standard());
  EXPECT_TRUE(report.has_value()) << (report ? "" : report.error().message);
  return report ? *report : Report{};
}

bool hits(const Report& report, const std::string& check) {
  for (const Row& row : report.rows) {
    if (row.check == check && (row.outcome == Outcome::failed || row.outcome == Outcome::warned)) return true;
  }
  return false;
}

class EveryRule : public testing::TestWithParam<std::string> {};

TEST_P(EveryRule, FindsItsHitsAndLeavesItsMissesAlone) {
  const Check* check = standard().find(GetParam());
  ASSERT_NE(check, nullptr);
  std::size_t positive = 0, negative = 0;
  for (const Example& example : check->examples) {
    ++(example.hit ? positive : negative);
    const Report report = report_of(example.file, example.text);
    EXPECT_EQ(hits(report, check->id), example.hit) << example.file << ":\n" << example.text;
  }
  EXPECT_GE(positive, 3U);
  EXPECT_GE(negative, 3U);
}

std::vector<std::string> rule_ids() {
  std::vector<std::string> ids;
  for (const Check& check : standard().checks())
    if (check.rule) ids.push_back(check.id);
  return ids;
}
std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(Standard, EveryRule, testing::ValuesIn(rule_ids()), test_name);

}  // namespace
}  // namespace skill_verifier::scan
