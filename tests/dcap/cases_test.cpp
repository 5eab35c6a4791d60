#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "dcap-cases/cases.hpp"
#include "skill_verifier/dcap/verify.hpp"
#include "support/paths.hpp"

namespace skill_verifier::dcap {
namespace {

const std::filesystem::path kCases = test::shared_fixtures() / "dcap" / "cases.json";

TEST(VerifyCases, AllAgreeInVerdictCodeStatusAndAdvisories) {
  if (!std::filesystem::exists(kCases)) GTEST_SKIP() << "no fixtures beside the source tree";
  const auto cases = dcap_cases::read_cases(kCases);
  EXPECT_GE(cases.size(), 382u);
  for (const auto& one : cases)
    EXPECT_EQ(dcap_cases::disagreement(one, dcap_cases::run(one)), "") << one.name;
}

/// A file of cases in a folder of its own.
class CasesFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "skill-verifier-cases-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    write("quote.bin", "not a quote");
    write("collateral.json", "{}");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  std::vector<dcap_cases::Case> read(const std::string& text) const {
    write("cases.json", text);
    return dcap_cases::read_cases(folder_ / "cases.json");
  }
  std::string refusal(const std::string& text) const {
    try {
      read(text);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }

  std::filesystem::path folder_;
};

TEST_F(CasesFile, TakesNullForAbsentAndAListBeneathCases) {
  const std::string one = R"({"name":"a","quote":"quote.bin","collateral":"collateral.json","now":1,"root":null,
    "expect":{"ok":false,"code":null,"status":null,"advisory_ids":null}})";
  for (const auto& text : {"[" + one + "]", R"({"cases":[)" + one + "]}"}) {
    const auto cases = read(text);
    ASSERT_EQ(cases.size(), 1u);
    EXPECT_TRUE(cases[0].root.is_intel());
    EXPECT_EQ(dcap_cases::run(cases[0]).code, "COLLATERAL_FIELD");
    EXPECT_EQ(dcap_cases::disagreement(cases[0], dcap_cases::run(cases[0])), "");
  }
}

TEST_F(CasesFile, SaysWhichCaseCannotBeRead) {
  const std::string good =
      R"({"name":"a","quote":"quote.bin","collateral":"collateral.json","now":1,"expect":{"ok":false}})";
  EXPECT_NE(refusal("[" + good + R"(,{"name":"b"}])").find("case 2"), std::string::npos);
  EXPECT_NE(refusal(R"([{"name":"a","quote":"absent.bin"}])").find("absent.bin"), std::string::npos);
  EXPECT_NE(refusal("{"), "");
  EXPECT_NE(refusal("1"), "");
  EXPECT_NE(refusal(R"({"other":[]})"), "");
}

TEST(VerifyCases, GiveTheSameWithCollateralVerifiedBefore) {
  if (!std::filesystem::exists(kCases)) GTEST_SKIP() << "no fixtures beside the source tree";
  int compared = 0;
  for (const auto& one : dcap_cases::read_cases(kCases)) {
    const auto collateral = parse_collateral(one.collateral);
    const auto verified =
        collateral ? verify_collateral(*collateral, one.root, one.now) : Result<VerifiedCollateral>(collateral.error());
    if (!verified) {
      EXPECT_FALSE(one.expect_ok) << one.name << ": " << verified.error().message;
      continue;
    }
    const auto cached = verify(one.quote, *verified, one.now, dcap_cases::widest_policy());
    const auto whole = verify(one.quote, *collateral, one.root, one.now, dcap_cases::widest_policy());
    EXPECT_EQ(cached.code, whole.code) << one.name;
    EXPECT_EQ(cached.status, whole.status) << one.name;
    EXPECT_EQ(cached.steps.size(), whole.steps.size()) << one.name;
    ++compared;
  }
  EXPECT_GT(compared, 200);
}

TEST(VerifyCases, KeepStatusesThatOnlyAPolicyRefuses) {
  if (!std::filesystem::exists(kCases)) GTEST_SKIP() << "no fixtures beside the source tree";
  int refused = 0;
  for (const auto& one : dcap_cases::read_cases(kCases)) {
    if (!one.expect_ok || one.expect_status == "UpToDate") continue;
    const auto strict = verify(one.quote, *parse_collateral(one.collateral), one.root, one.now);
    EXPECT_EQ(strict.code, "TCB_STATUS_NOT_ACCEPTED") << one.name;
    ASSERT_TRUE(strict.status) << one.name;
    EXPECT_EQ(to_string(*strict.status), one.expect_status) << one.name;
    ++refused;
  }
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace skill_verifier::dcap
