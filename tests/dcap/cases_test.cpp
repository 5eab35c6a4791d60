#include <gtest/gtest.h>

#include "dcap-cases/cases.hpp"
#include "skill_verifier/dcap/verify.hpp"

namespace skill_verifier::dcap {
namespace {

const std::filesystem::path kCases =
    std::filesystem::path(SKILL_VERIFIER_SOURCE_DIR).parent_path() / "shared" / "fixtures" / "dcap" / "cases.json";

TEST(VerifyCases, AllAgreeInVerdictCodeStatusAndAdvisories) {
  if (!std::filesystem::exists(kCases)) GTEST_SKIP() << "no fixtures beside the source tree";
  const auto cases = dcap_cases::read_cases(kCases);
  EXPECT_GE(cases.size(), 382u);
  for (const auto& one : cases)
    EXPECT_EQ(dcap_cases::disagreement(one, dcap_cases::run(one)), "") << one.name;
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
