#include "dcap-cases/cases.hpp"

#include <gtest/gtest.h>

#include "skill_verifier/dcap/verify.hpp"

namespace skill_verifier::dcap {
namespace {

namespace fs = std::filesystem;

const fs::path kCases =
    fs::path(SKILL_VERIFIER_SOURCE_DIR).parent_path() / "shared" / "fixtures" / "dcap" / "cases.json";

TEST(Cases, AllAgree) {
  if (!fs::exists(kCases)) GTEST_SKIP() << "no " << kCases << ": the collection of verification cases is not here";
  const auto cases = dcap_cases::read_cases(kCases);
  EXPECT_GT(cases.size(), 300u);
  for (const auto& wanted : cases)
    EXPECT_EQ(dcap_cases::disagreement(wanted, dcap_cases::answer(wanted)), "") << wanted.name;
}

TEST(Cases, AgreeWithCollateralThatWasVerifiedBefore) {
  if (!fs::exists(kCases)) GTEST_SKIP() << "no " << kCases << ": the collection of verification cases is not here";
  Policy policy;
  policy.accepted = all_tcb_statuses();
  int compared = 0;
  for (const auto& wanted : dcap_cases::read_cases(kCases)) {
    const auto collateral = parse_collateral(wanted.collateral);
    if (!collateral) continue;
    const auto root = wanted.root ? TrustRoot{*wanted.root} : intel_root();
    const auto before = verify_collateral(*collateral, root, wanted.now);
    const auto once = verify(wanted.quote, *collateral, root, wanted.now, policy);
    if (!before) {
      EXPECT_FALSE(once.ok) << wanted.name << ": " << before.error().message;
      continue;
    }
    const auto cached = verify(wanted.quote, *before, wanted.now, policy);
    EXPECT_EQ(cached.ok, once.ok) << wanted.name;
    EXPECT_EQ(cached.code, once.code) << wanted.name;
    EXPECT_EQ(cached.status, once.status) << wanted.name;
    ++compared;
  }
  EXPECT_GT(compared, 200);
}

}  // namespace
}  // namespace skill_verifier::dcap
