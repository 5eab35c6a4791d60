#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "scan/scan_fixture.hpp"

namespace skill_verifier::scan {
namespace {

using test::skill_md;
using test::standard;

/// With its full weight: a text that warns of what the rule looks for may quote it.
bool counts(const Report& report, const Check& check) {
  return std::ranges::any_of(report.rows, [&](const Row& row) {
    return row.check == check.id && row.outcome != Outcome::passed && row.severity == check.severity;
  });
}

class EveryRule : public testing::TestWithParam<std::string> {};

TEST_P(EveryRule, FindsItsHitsAndLeavesItsMissesAlone) {
  const Check* check = standard().find(GetParam());
  ASSERT_NE(check, nullptr);
  std::size_t positive = 0, negative = 0;
  for (const Example& example : check->examples) {
    ++(example.hit ? positive : negative);
    const std::string text = example.file == "SKILL.md" ? skill_md(example.text) : example.text;
    EXPECT_EQ(counts(test::scan_text(example.file, text), *check), example.hit) << example.file << ":\n"
                                                                                << example.text;
  }
  EXPECT_GE(positive, 3U);
  EXPECT_GE(negative, 3U);
}

TEST_P(EveryRule, SaysWhyAndWhatToDoAndHasBeenMeasured) {
  const Check& check = *standard().find(GetParam());
  EXPECT_FALSE(check.title.empty());
  EXPECT_GT(check.reason.size(), 20U);
  EXPECT_GT(check.remedy.size(), 5U);
  EXPECT_EQ(check.owasp.substr(0, 3), "AST");
  EXPECT_GE(check.sample_malicious, 0);
  EXPECT_GE(check.sample_unlabelled, 0);
}

std::vector<std::string> rule_ids() {
  std::vector<std::string> ids;
  for (const Check& check : standard().checks())
    if (check.rule) ids.push_back(check.id);
  return ids;
}
std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param.substr(info.param.find('/') + 1);
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(Standard, EveryRule, testing::ValuesIn(rule_ids()), test_name);

}  // namespace
}  // namespace skill_verifier::scan
