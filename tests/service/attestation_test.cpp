#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "service/policy_document.hpp"
#include "service/service_fixture.hpp"
#include "support/paths.hpp"
#include "test_pki/quote.hpp"

namespace skill_verifier::service {
namespace {

using testing::HasSubstr;

class ServiceAttestationTest : public ServiceTest {
 protected:
  ServiceAttestation attestation(const std::string& nonce = "n") {
    auto made = await(service_->attestation(nonce));
    EXPECT_TRUE(made) << made.error().message;
    return made ? *made : ServiceAttestation{};
  }
  static sandbox::Image image(std::string reference, char digit) {
    sandbox::Image made;
    made.reference = std::move(reference);
    made.id = "sha256:" + std::string(64, digit);
    return made;
  }
};

TEST_F(ServiceAttestationTest, NamesProgramPolicyAndTheImagesThatAreThere) {
  options_.source_commit = std::string(40, 'd');
  sandbox_.known.emplace("node:20", image("node:20", '1'));
  sandbox_.known.emplace("gone:1", Error{Errc::not_found, "image_missing", "gone"});
  start();
  const auto made = attestation();
  const auto document = attest::parse_service_document(made.answer.quote->document);
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(document->program.name, "skill-verifier");
  EXPECT_EQ(document->program.version, "0.0.0");
  EXPECT_EQ(document->program.sha256, std::string(64, 'e'));
  EXPECT_EQ(document->program.source_commit, std::string(40, 'd'));
  ASSERT_EQ(document->runtimes.size(), 1u);
  EXPECT_EQ(document->runtimes[0].image_id, "sha256:" + std::string(64, '1'));
  EXPECT_EQ(document->policy_sha256, core::sha256_hex(made.extras.policy));
  EXPECT_FALSE(made.answer.quote->quote);
  EXPECT_FALSE(made.extras.app_compose);
}

TEST_F(ServiceAttestationTest, ShowsTheAppComposeThatTheAgentGives) {
  quoter_used_ = &quoter_;
  quoter_.info_answer = nlohmann::json{{"tcb_info", nlohmann::json{{"app_compose", "{\"a\":1}"}}.dump()}}.dump();
  start();
  EXPECT_EQ(attestation("one").extras.app_compose, "{\"a\":1}");
  EXPECT_EQ(attestation("two").extras.app_compose, "{\"a\":1}");
  EXPECT_EQ(quoter_.infos, 1);
}

TEST_F(ServiceAttestationTest, AnAgentThatTellsNothingIsNotAskedEachTime) {
  quoter_used_ = &quoter_;
  quoter_.info_answer = Error{Errc::unavailable, "agent_error", "no"};
  start();
  EXPECT_FALSE(attestation("one").extras.app_compose);
  EXPECT_FALSE(attestation("two").extras.app_compose);
  EXPECT_EQ(quoter_.infos, 1);
}

TEST_F(ServiceAttestationTest, AnEngineThatIsGoneIsAnErrorAndNotAnEmptyList) {
  sandbox_.check_error = Error{Errc::unavailable, "engine_unreachable", "gone"};
  start();
  const auto made = await(service_->attestation(std::nullopt));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().id, "engine_unreachable");
}

TEST_F(ServiceAttestationTest, RequiredMeansNoDocumentWithoutAQuote) {
  quoter_used_ = &quoter_;
  quoter_.answers.emplace_back(Error{Errc::unavailable, "quote_unavailable", "no"});
  options_.attestation_required = true;
  start();
  const auto made = await(service_->attestation("x"));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().id, "attestation_unavailable");
}

/// Quotes of another root, and a collateral service that the test turns on and off.
class JobCollateralTest : public ServiceTest {
 protected:
  JobCollateralTest() {
    options_.collateral = scratch_ / "collateral";
    quoter_used_ = &quoter_;
    attest::Quote quote = test::FakeQuoter::good();
    test_pki::QuoteSpec spec;
    test_pki::PckChainSpec chain;
    chain.not_after = std::chrono::sys_days(std::chrono::year{2049} / 12 / 31);
    quote.quote_hex =
        core::to_hex(test_pki::build_quote(spec, test_pki::SigningKey::generate(), test_pki::make_pck_chain(chain)));
    quoter_.answers.emplace_back(std::move(quote));
    appraiser_used_ = &appraiser_;
    start();
  }
  ~JobCollateralTest() override {
    stop();
    service_.reset();
    await(cache_.stop());
  }
  core::awaitable<Result<attest::FetchedCollateral>> fetch() {
    if (text_.empty()) co_return Error{Errc::unavailable, "collateral_unavailable", "nobody listens"};
    co_return attest::FetchedCollateral{text_, clock_.now(), clock_.now() + std::chrono::hours(24)};
  }
  std::optional<attest::Appraisal> appraisal(const std::string& id) { return await(service_->appraisal(find(id))); }

  fs::path stored() const { return options_.collateral / (core::sha256_hex(text_) + ".json"); }

  std::string text_;
  attest::CollateralCache cache_{io_.get_executor(), clock_, [this](dcap::CollateralKey) { return fetch(); }, {}};
  attest::Appraiser appraiser_{pool_, clock_, cache_, true};
};

TEST_F(JobCollateralTest, StaysWhatItWasWhenTheJobEnded) {
  text_ = R"({"fetchedAt":"then"})";
  const std::string id = submit().id;
  const auto result = result_of(wait(id));
  EXPECT_EQ(result["attestation"]["teeType"], "simulated");
  EXPECT_EQ(result["collateral"]["sha256"], core::sha256_hex(text_));
  const std::string then = text_;
  text_ = R"({"fetchedAt":"later"})";
  clock_.advance(std::chrono::hours(48));
  const auto made = appraisal(id);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->collateral, then);
  EXPECT_EQ(made->tee_type, "simulated");
}

TEST_F(JobCollateralTest, AServiceThatIsDownFailsNoJobAndIsMadeUpForOnRead) {
  const std::string id = submit().id;
  const auto result = result_of(wait(id));
  EXPECT_EQ(result["verdict"], "passed");
  EXPECT_FALSE(result.contains("collateral"));
  const auto before = appraisal(id);
  ASSERT_TRUE(before);
  EXPECT_EQ(before->collateral, std::nullopt);
  EXPECT_EQ(before->collateral_note, "No collateral: nobody listens");
  text_ = R"({"fetchedAt":"later"})";
  clock_.advance(std::chrono::minutes(30));
  EXPECT_EQ(appraisal(id)->collateral, text_);
}

TEST_F(JobCollateralTest, WhatWasLostFromTheDiskIsGotAnew) {
  text_ = R"({"fetchedAt":"then"})";
  const std::string id = submit().id;
  result_of(wait(id));
  fs::remove_all(options_.collateral);
  text_ = R"({"fetchedAt":"later"})";
  clock_.advance(std::chrono::hours(48));
  EXPECT_EQ(appraisal(id)->collateral, text_);
}

TEST_F(JobCollateralTest, IsRemovedWhenTheLastJobThatNamesItIsGone) {
  text_ = R"({"fetchedAt":"then"})";
  quoter_.answers.push_back(quoter_.answers.front());
  const std::string first = submit().id;
  result_of(wait(first));
  clock_.advance(std::chrono::minutes(30));
  const std::string second = submit().id;
  result_of(wait(second));
  options_.retention = std::chrono::hours(1);
  clock_.advance(std::chrono::minutes(31));
  restart();
  EXPECT_EQ(await(service_->find(first)).error().code, Errc::not_found);
  EXPECT_TRUE(fs::exists(stored()));
  EXPECT_EQ(appraisal(second)->collateral, text_);
  clock_.advance(std::chrono::minutes(30));
  restart();
  EXPECT_FALSE(fs::exists(stored()));
}

TEST_F(JobCollateralTest, IsRemovedWhileTheServiceRuns) {
  options_.retention_interval = std::chrono::microseconds(10);
  restart();
  text_ = R"({"fetchedAt":"then"})";
  const std::string id = submit().id;
  result_of(wait(id));
  ASSERT_TRUE(fs::exists(stored()));
  ASSERT_TRUE(await(service_->remove(id)));
  for (int turn = 0; turn < 100'000 && fs::exists(stored()); ++turn)
    static_cast<void>(await(service_->find(id)));
  EXPECT_FALSE(fs::exists(stored()));
}

TEST_F(JobCollateralTest, OfAJobThatIsNotStoredYetStays) {
  options_.retention_interval = std::chrono::microseconds(10);
  restart();
  store_->finish_failures = 24;
  text_ = R"({"fetchedAt":"then"})";
  const std::string id = submit().id;
  EXPECT_EQ(result_of(wait(id))["collateral"]["sha256"], core::sha256_hex(text_));
  EXPECT_LE(store_->finish_failures, 0);
  EXPECT_TRUE(fs::exists(stored()));
}

TEST_F(JobCollateralTest, WhatACrashLeftIsRemovedAtStartAndNothingElse) {
  fs::create_directories(options_.collateral);
  const auto put = [this](const std::string& name) {
    std::ofstream(options_.collateral / name) << "{}";
    return options_.collateral / name;
  };
  const auto unfinished = put("0123456789abcdef.tmp");
  const auto unused = put(std::string(64, 'a') + ".json");
  const auto foreign = put("notes.json");
  restart();
  EXPECT_FALSE(fs::exists(unfinished));
  EXPECT_FALSE(fs::exists(unused));
  EXPECT_TRUE(fs::exists(foreign));
}

TEST_F(ServiceAttestationTest, AJobWithoutAQuoteHasNothingToAppraise) {
  start();
  const std::string id = submit().id;
  wait(id);
  EXPECT_FALSE(await(service_->appraisal(find(id))));
}

TEST(PolicyDocument, ChangesWithEveryRule) {
  const ServiceOptions options;
  const sandbox::Profile profile{"runc", "i", "s"};
  const std::string before = policy_document(options, profile).value();
  const std::vector<std::function<void(ServiceOptions&, sandbox::Profile&)>> changes = {
      [](auto& o, auto&) { o.attestation_required = true; },
      [](auto& o, auto&) { o.allow_bridge_for_tests = true; },
      [](auto& o, auto&) { o.allow_bridge_for_deps = false; },
      [](auto& o, auto&) { o.allow_deps = false; },
      [](auto& o, auto&) { o.deps_timeout += std::chrono::milliseconds(1); },
      [](auto& o, auto&) { o.max_test_timeout -= std::chrono::milliseconds(1); },
      [](auto& o, auto&) { ++o.limits.memory_bytes; },
      [](auto& o, auto&) { ++o.limits.nano_cpus; },
      [](auto& o, auto&) { ++o.limits.pids; },
      [](auto& o, auto&) { ++o.limits.skill_bytes; },
      [](auto& o, auto&) { ++o.limits.tmp_bytes; },
      [](auto& o, auto&) { ++o.limits.inodes; },
      [](auto& o, auto&) { ++o.limits.open_files; },
      [](auto& o, auto&) { ++o.limits.file_bytes; },
      [](auto& o, auto&) { ++o.limits.output_bytes; },
      [](auto& o, auto&) { ++o.package.archive_bytes; },
      [](auto& o, auto&) { ++o.package.expanded_bytes; },
      [](auto& o, auto&) { ++o.package.file_bytes; },
      [](auto& o, auto&) { ++o.package.files; },
      [](auto& o, auto&) { ++o.package.path_bytes; },
      [](auto& o, auto&) { ++o.package.depth; },
      [](auto& o, auto&) { o.profile = skill::Profile::spec; },
      [](auto& o, auto&) { o.runtimes["a"] = "b"; },
      [](auto&, auto& p) { p.runtime = "crun"; },
      [](auto&, auto& p) { p.init_sha256 = "j"; },
      [](auto&, auto& p) { p.seccomp_sha256 = "t"; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    auto other = options;
    auto wall = profile;
    changes[i](other, wall);
    EXPECT_NE(policy_document(other, wall).value(), before) << i;
  }
}

const std::filesystem::path kFixtures = test::shared_fixtures() / "dcap";

/// Intel's own certificates around a quote that somebody changed, at a time when they were valid.
class ForgedQuoteTest : public JobCollateralTest {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kFixtures)) GTEST_SKIP() << "no fixtures at " << kFixtures;
    stop();
    clock_.advance(core::Time(std::chrono::seconds(1751624191)) - clock_.now());
    options_.attestation_required = true;
    start();
  }
  static std::string read(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void quote_with(std::size_t changed) {
    auto bytes = read(kFixtures / "quotes" / "tdx_v4_b0c06f_a.bin");
    bytes[changed] = static_cast<char>(bytes[changed] ^ 1);
    attest::Quote quote = test::FakeQuoter::good();
    quote.tee_type.clear();
    quote.quote_hex = core::to_hex(core::as_bytes(bytes));
    quoter_.answers.clear();
    quoter_.answers.emplace_back(std::move(quote));
  }
};

TEST_F(ForgedQuoteTest, IsNotTheRequiredOne) {
  text_ = read(kFixtures / "collateral" / "b0c06f_2025-06.json");
  quote_with(568);
  const auto job = wait(submit().id);
  EXPECT_EQ(job.state, store::JobState::failed);
  EXPECT_THAT(job.error, HasSubstr("attestation_refuted"));
}

TEST_F(ForgedQuoteTest, IsNeverCalledRealWhereNobodyCouldVerifyIt) {
  quote_with(568);
  const std::string id = submit().id;
  const auto result = result_of(wait(id));
  EXPECT_EQ(result["attestation"]["teeType"], nullptr);
  EXPECT_THAT(result["attestation"]["note"].get<std::string>(), HasSubstr("not verified"));
  text_ = read(kFixtures / "collateral" / "b0c06f_2025-06.json");
  clock_.advance(std::chrono::minutes(30));
  const auto made = appraisal(id);
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->refuted);
  EXPECT_EQ(made->tee_type, std::nullopt);
}

}  // namespace
}  // namespace skill_verifier::service
