#include "skill_verifier/attest/appraiser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "attest/quote_samples.hpp"
#include "skill_verifier/core/ids.hpp"
#include "support/await.hpp"
#include "support/fake_clock.hpp"
#include "support/paths.hpp"

namespace skill_verifier::attest {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kFixtures = skill_verifier::test::shared_fixtures() / "dcap";
constexpr core::Time kRecorded{std::chrono::seconds(1'751'624'191)};

std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
Bytes intel_quote() {
  const std::string bytes = read(kFixtures / "quotes" / "tdx_v4_b0c06f_a.bin");
  return {bytes.begin(), bytes.end()};
}
std::string intel_collateral() {
  return read(kFixtures / "collateral" / "b0c06f_2025-06.json");
}

#define SKILL_VERIFIER_NEEDS_FIXTURES() \
  if (!fs::exists(kFixtures)) GTEST_SKIP() << "no fixtures at " << kFixtures

TEST(AppraiseQuote, CallsAQuoteRealOnlyAfterTheWholeVerification) {
  SKILL_VERIFIER_NEEDS_FIXTURES();
  const auto made = appraise_quote(intel_quote(), intel_collateral(), kRecorded);
  EXPECT_EQ(made.tee_type, "intel-tdx");
  EXPECT_EQ(made.note, "");
  EXPECT_EQ(made.collateral, intel_collateral());
}

TEST(AppraiseQuote, AnEmbeddedIntelRootIsNoProof) {
  SKILL_VERIFIER_NEEDS_FIXTURES();
  const auto unverified = appraise_quote(intel_quote(), std::nullopt, kRecorded);
  EXPECT_EQ(unverified.tee_type, std::nullopt);
  EXPECT_THAT(unverified.note, HasSubstr("no collateral"));
  auto forged = intel_quote();
  forged[568] ^= 1;
  const auto made = appraise_quote(forged, intel_collateral(), kRecorded);
  EXPECT_EQ(made.tee_type, std::nullopt);
  EXPECT_TRUE(made.refuted);
  EXPECT_FALSE(unverified.refuted);
  EXPECT_THAT(made.note, HasSubstr("does not verify"));
}

TEST(AppraiseQuote, BadCollateralRefutesNothingAndIsLeftOut) {
  SKILL_VERIFIER_NEEDS_FIXTURES();
  auto text = intel_collateral();
  const auto at = text.find("tcb_info_signature");
  const auto digit = text.find_first_of("0123456789", at);
  text[digit] = text[digit] == '1' ? '2' : '1';
  const auto made = appraise_quote(intel_quote(), text, kRecorded);
  EXPECT_EQ(made.tee_type, std::nullopt);
  EXPECT_FALSE(made.refuted);
  EXPECT_EQ(made.collateral, std::nullopt);
  EXPECT_THAT(made.note, HasSubstr("tcb_signature"));
}

TEST(AppraiseQuote, CollateralIsOfUseInItsTimeOnly) {
  SKILL_VERIFIER_NEEDS_FIXTURES();
  const auto made = appraise_quote(intel_quote(), intel_collateral(), kRecorded + std::chrono::hours(24 * 365));
  EXPECT_EQ(made.tee_type, std::nullopt);
  EXPECT_THAT(made.note, HasSubstr("does not verify"));
}

TEST(AppraiseQuote, AnotherRootIsASimulationWhateverTheCollateral) {
  const auto quote = test::sample_quote(test::filled(1));
  EXPECT_EQ(appraise_quote(quote, std::nullopt, kRecorded).tee_type, "simulated");
  EXPECT_EQ(appraise_quote(quote, "{}", kRecorded).tee_type, "simulated");
}

TEST(AppraiseQuote, GarbageIsNothing) {
  SKILL_VERIFIER_NEEDS_FIXTURES();
  EXPECT_EQ(appraise_quote(Bytes{4, 0}, std::nullopt, kRecorded).tee_type, std::nullopt);
  const auto made = appraise_quote(intel_quote(), "garbage", kRecorded);
  EXPECT_EQ(made.tee_type, std::nullopt);
  EXPECT_THAT(made.note, HasSubstr("not verified"));
}

class CollateralFilesTest : public testing::Test {
 protected:
  CollateralFilesTest() : directory_(fs::temp_directory_path() / ("svtest-" + core::random_hex(8))) {}
  ~CollateralFilesTest() override { fs::remove_all(directory_); }
  fs::path directory_;
};

TEST_F(CollateralFilesTest, GivesBackWhatWasKeptAndKeepsItOnce) {
  const CollateralFiles files(directory_ / "collateral");
  const auto digest = files.keep("text");
  ASSERT_TRUE(digest) << digest.error().message;
  EXPECT_EQ(*digest, core::sha256_hex("text"));
  EXPECT_EQ(files.keep("text").value(), *digest);
  EXPECT_EQ(files.read(*digest).value(), "text");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_ / "collateral"), {}), 1);
}

TEST_F(CollateralFilesTest, GivesNothingThatItDidNotKeep) {
  const CollateralFiles files(directory_);
  const auto digest = files.keep("text").value();
  std::ofstream(directory_ / (digest + ".json")) << "other";
  for (const std::string& name : {digest, std::string(64, '0'), std::string("../x"), std::string()}) {
    const auto text = files.read(name);
    ASSERT_FALSE(text) << name;
    EXPECT_EQ(text.error().id, "collateral_missing");
  }
}

TEST_F(CollateralFilesTest, SaysWhenItCannotWrite) {
  std::ofstream(directory_) << "a file, no directory";
  EXPECT_EQ(CollateralFiles(directory_).keep("text").error().id, "collateral_not_stored");
}

class AppraiserTest : public testing::Test {
 protected:
  ~AppraiserTest() override { skill_verifier::test::await(io_, cache_.stop()); }
  core::awaitable<Result<FetchedCollateral>> fetch(dcap::CollateralKey key) {
    asked_.push_back(std::move(key));
    if (collateral_.empty()) co_return Error{Errc::unavailable, "collateral_unavailable", "nobody listens"};
    co_return FetchedCollateral{collateral_, clock_.now(), clock_.now() + std::chrono::hours(1)};
  }
  Appraisal appraise(const Bytes& quote, bool any_root = false) {
    Appraiser appraiser(pool_, clock_, cache_, any_root);
    return skill_verifier::test::await(io_, appraiser.appraise(core::to_hex(quote), std::chrono::seconds(20)));
  }

  core::asio::io_context io_{1};
  core::WorkPool pool_{1};
  skill_verifier::test::FakeClock clock_{kRecorded};
  std::string collateral_;
  std::vector<dcap::CollateralKey> asked_;
  CollateralCache cache_{
      io_.get_executor(), clock_, [this](dcap::CollateralKey key) { return fetch(std::move(key)); }, {}};
};

TEST_F(AppraiserTest, AsksForTheCollateralOfTheQuotesPlatform) {
  SKILL_VERIFIER_NEEDS_FIXTURES();
  collateral_ = intel_collateral();
  const auto made = appraise(intel_quote());
  EXPECT_EQ(made.tee_type, "intel-tdx");
  EXPECT_EQ(made.collateral, intel_collateral());
  EXPECT_EQ(made.collateral_note, "");
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_EQ(asked_[0].fmspc, "B0C06F000000");
  EXPECT_EQ(asked_[0].pck_ca, "platform");
}

TEST_F(AppraiserTest, AsksAgainAfterAnAnswerThatDoesNotVerify) {
  SKILL_VERIFIER_NEEDS_FIXTURES();
  collateral_ = read(kFixtures / "collateral" / "50806f_2023-06.json");
  const auto bad = appraise(intel_quote());
  EXPECT_EQ(bad.tee_type, std::nullopt);
  EXPECT_EQ(bad.collateral, std::nullopt);
  EXPECT_THAT(bad.collateral_note, HasSubstr("does not verify"));
  collateral_ = intel_collateral();
  clock_.advance(std::chrono::minutes(30));
  EXPECT_EQ(appraise(intel_quote()).tee_type, "intel-tdx");
}

TEST_F(AppraiserTest, SaysWhyThereIsNoCollateral) {
  SKILL_VERIFIER_NEEDS_FIXTURES();
  const auto made = appraise(intel_quote());
  EXPECT_EQ(made.tee_type, std::nullopt);
  EXPECT_EQ(made.collateral, std::nullopt);
  EXPECT_EQ(made.collateral_note, "No collateral: nobody listens");
}

TEST_F(AppraiserTest, AsksIntelNothingAboutAnotherRoot) {
  collateral_ = "{}";
  const auto quote = test::sample_quote(test::filled(1));
  EXPECT_EQ(appraise(quote).collateral, std::nullopt);
  EXPECT_TRUE(asked_.empty());
  const auto made = appraise(quote, true);
  EXPECT_EQ(made.collateral, "{}");
  EXPECT_EQ(made.tee_type, "simulated");
  EXPECT_EQ(asked_.size(), 1u);
}

TEST_F(AppraiserTest, GarbageIsSaidToBeGarbage) {
  EXPECT_NE(appraise(Bytes{1, 2, 3}, true).note, "");
  EXPECT_TRUE(asked_.empty());
}

}  // namespace
}  // namespace skill_verifier::attest
