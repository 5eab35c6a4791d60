#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "attest/check_world.hpp"
#include "skill_verifier/core/clock.hpp"
#include "support/paths.hpp"

// Genuine evidence under Intel's own root: dstack's published fixtures.
namespace skill_verifier::attest {
namespace {

using test::failures;
using test::row;

class CheckFixtures : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kFolder)) GTEST_SKIP() << kFolder << " is not there";
  }
  static std::string read(const std::string& name) {
    std::ifstream file(kFolder / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static Expectations at(const char* time) {
    Expectations expected;
    expected.at =
        std::chrono::floor<std::chrono::seconds>(core::parse_rfc3339(time).value()).time_since_epoch().count();
    expected.collateral = read("dcapqvl-tdx_quote_outdated_collateral.json");
    return expected;
  }
  static CheckReport check_file(const std::string& name, const Expectations& expected) {
    const auto evidence = parse_evidence(read(name));
    return evidence ? check(*evidence, expected, 0) : unreadable(evidence.error(), 0);
  }

  static inline const std::filesystem::path kFolder = skill_verifier::test::shared_fixtures() / "dstack";
};

TEST_F(CheckFixtures, AGenuineQuoteWithItsLogIsValidAndNotSimulated) {
  auto expected = at("2026-03-01T00:00:00Z");
  expected.app_id = "3763bc34552cf3a27ff71ad5f7a90471562a1a2d";
  expected.compose_hash = "3763bc34552cf3a27ff71ad5f7a90471562a1a2df552dfc1998cba2d60da27e7";
  expected.key_provider = "local-sgx:1b7a49378403249b6986a907844cab0921eca32dd47e657f3c10311ccaeccf8b";
  const auto report = check_file("verifier-quote-report.json", expected);
  EXPECT_EQ(report.verdict, CheckVerdict::valid) << failures(report);
  EXPECT_FALSE(report.simulated);
  EXPECT_EQ(row(report, "tcb").actual, "UpToDate");
  EXPECT_EQ(report.not_pinned, std::vector<std::string>{"OS image"});
  const auto late = check_file("verifier-quote-report.json", at("2026-04-30T00:00:00Z"));
  EXPECT_EQ(late.verdict, CheckVerdict::invalid);
}

TEST_F(CheckFixtures, ALegacyImagesHashIsNotBelievedWithoutMeasurements) {
  auto expected = at("2026-03-01T00:00:00Z");
  expected.os_image = "14ad42d0270b444eaeb53918a5a94d9b17eec7a817cd336173b17c5327541c67";
  const auto report = check_file("verifier-quote-report.json", expected);
  EXPECT_EQ(report.verdict, CheckVerdict::incomplete) << failures(report);
  EXPECT_EQ(report.missing, std::vector<std::string>{"os-image"});
}

TEST_F(CheckFixtures, ATdxLiteImageIsRecomputedAlsoWhereTheLogIsStripped) {
  for (const char* const name : {"tdx-lite-getquote.json", "tdx-lite-attestation.json"}) {
    auto expected = at("2026-03-01T00:00:00Z");
    expected.os_image = "e6f5cfec20c02e7b97baa213d0f718020b55e040172d90ccbcb946d56c8b09db";
    const auto report = check_file(name, expected);
    EXPECT_EQ(row(report, "os-image").outcome, Outcome::passed) << name << failures(report);
    EXPECT_EQ(row(report, "mr-config-id").outcome, Outcome::passed) << name;
    EXPECT_EQ(row(report, "rtmr3").outcome, Outcome::passed) << name;
    EXPECT_FALSE(row(report, "rtmr1").demanded && row(report, "rtmr1").outcome == Outcome::not_checked) << name;
    // The PCK certificate is younger than this collateral: there is no instant at which both hold.
    EXPECT_EQ(row(report, "certificates").outcome, Outcome::failed) << name;
    expected.os_image = std::string(64, '0');
    EXPECT_EQ(row(check_file(name, expected), "os-image").outcome, Outcome::failed) << name;
  }
}

TEST_F(CheckFixtures, AnotherPlatformIsRefused) {
  const auto report = check_file("sev-snp-attestation.json", {});
  EXPECT_EQ(report.verdict, CheckVerdict::invalid);
  EXPECT_EQ(row(report, "document").outcome, Outcome::failed);
}

TEST_F(CheckFixtures, AnEventAfterSystemReadyIsNoClaim) {
  const auto evidence = parse_evidence(read("verifier-quote-report.json"));
  ASSERT_TRUE(evidence && evidence->events);
  auto renamed = *evidence;
  const auto found = std::ranges::find(renamed.events->events, "LIUM_MINER_HOTKEY", &dcap::LogEvent::name);
  ASSERT_NE(found, renamed.events->events.end());
  found->name = "compose-hash";
  const auto report = check(renamed, at("2026-03-01T00:00:00Z"), 0);
  EXPECT_EQ(report.verdict, CheckVerdict::invalid);
  EXPECT_EQ(row(report, "rtmr3").outcome, Outcome::failed);
}

}  // namespace
}  // namespace skill_verifier::attest
