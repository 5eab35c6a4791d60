#include "skill_verifier/attest/service_attestor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "support/await.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_quoter.hpp"

namespace skill_verifier::attest {
namespace {

using namespace std::chrono_literals;
using skill_verifier::test::FakeQuoter;
using Answers = std::vector<Result<ServiceAnswer>>;

class ServiceAttestorTest : public testing::Test {
 protected:
  ServiceAttestorTest() {
    options_.gather = 0ms;
    options_.pace = 0ms;
  }
  ~ServiceAttestorTest() override {
    if (attestor_) test::await(io_, attestor_->stop());
  }

  void start(Quoter* quoter) {
    attestor_.emplace(io_.get_executor(), clock_, quoter, [this] { return describe(); }, options_);
  }
  core::awaitable<Result<ServiceDocument>> describe() {
    ++described_;
    if (describe_error_) co_return *describe_error_;
    ServiceDocument document;
    document.policy_sha256 = std::string(64, 'b');
    document.program = {"skill-verifier", "0.1.0", std::string(64, 'c'), std::nullopt};
    co_return document;
  }
  Result<ServiceAnswer> attest(std::optional<std::string> nonce) {
    return test::await(io_, attestor_->attest(std::move(nonce)));
  }
  /// Starts a caller whose answer goes to `answers_`.
  void call(std::optional<std::string> nonce) { callers_.spawn("caller", keep(std::move(nonce))); }
  core::awaitable<void> keep(std::optional<std::string> nonce) {
    auto answer = co_await attestor_->attest(std::move(nonce));
    answers_.push_back(std::move(answer));
  }
  void finish() { EXPECT_TRUE(test::await(io_, callers_.wait(20s))); }

  static void expect_proven(const ServiceAnswer& answer) {
    ASSERT_TRUE(answer.proof);
    const auto document = parse_service_document(answer.quote->document);
    ASSERT_TRUE(document) << document.error().message;
    MerkleHash root;
    const auto bytes = core::parse_hex(document->nonce_root).value();
    std::copy(bytes.begin(), bytes.end(), root.begin());
    const auto& proof = *answer.proof;
    EXPECT_TRUE(
        verify_merkle_path(merkle_leaf(core::as_bytes(proof.nonce)), proof.index, proof.tree_size, proof.path, root));
  }

  core::asio::io_context io_{1};
  test::FakeClock clock_;
  FakeQuoter quoter_{io_.get_executor()};
  ServiceAttestorOptions options_;
  std::optional<ServiceAttestor> attestor_;
  core::TaskGroup callers_{io_.get_executor()};
  Answers answers_;
  std::optional<Error> describe_error_;
  int described_ = 0;
};

TEST_F(ServiceAttestorTest, QuotesTheDocumentThatHoldsTheNonce) {
  start(&quoter_);
  const auto answer = attest("one");
  ASSERT_TRUE(answer) << answer.error().message;
  expect_proven(*answer);
  EXPECT_EQ(answer->proof->tree_size, 1u);
  EXPECT_EQ(answer->quote->at, clock_.now());
  ASSERT_EQ(quoter_.asked.size(), 1u);
  EXPECT_EQ(quoter_.asked[0], service_report_data(answer->quote->document));
}

TEST_F(ServiceAttestorTest, AHundredNoncesThatComeWhileOneIsQuotedShareTheNextQuote) {
  quoter_.hold = true;
  start(&quoter_);
  call("first");
  ASSERT_TRUE(test::await(io_, quoter_.until_waiting(1)));
  for (int i = 0; i < 100; ++i)
    call("nonce " + std::to_string(i));
  io_.poll();
  EXPECT_EQ(quoter_.asked.size(), 1u);
  quoter_.release();
  finish();
  EXPECT_EQ(quoter_.asked.size(), 2u);
  ASSERT_EQ(answers_.size(), 101u);
  std::set<std::string> nonces;
  for (const auto& answer : answers_) {
    ASSERT_TRUE(answer) << answer.error().message;
    expect_proven(*answer);
    nonces.insert(answer->proof->nonce);
  }
  EXPECT_EQ(nonces.size(), 101u);
}

TEST_F(ServiceAttestorTest, NoncesThatComeWithinTheGatheringTimeShareAQuote) {
  options_.gather = 50ms;
  start(&quoter_);
  for (int i = 0; i < 100; ++i)
    call("nonce " + std::to_string(i));
  finish();
  EXPECT_EQ(quoter_.asked.size(), 1u);
  EXPECT_EQ(answers_.size(), 100u);
  EXPECT_EQ(answers_.front()->proof->tree_size, 100u);
}

TEST_F(ServiceAttestorTest, QuotesBeginNoFasterThanThePace) {
  options_.pace = 60ms;
  start(&quoter_);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(attest("n"));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 120ms);
  EXPECT_EQ(quoter_.asked.size(), 3u);
}

TEST_F(ServiceAttestorTest, ABatchIsBoundedAndTheRestGetsOneOfItsOwn) {
  options_.batch = 3;
  options_.gather = 20ms;
  start(&quoter_);
  for (int i = 0; i < 7; ++i)
    call(std::to_string(i));
  finish();
  EXPECT_EQ(quoter_.asked.size(), 3u);
  for (const auto& answer : answers_) {
    ASSERT_TRUE(answer);
    EXPECT_LE(answer->proof->tree_size, 3u);
    expect_proven(*answer);
  }
}

TEST_F(ServiceAttestorTest, MoreCallersThanMayWaitAreTurnedAway) {
  options_.waiting = 2;
  quoter_.hold = true;
  start(&quoter_);
  call("a");
  call("b");
  ASSERT_TRUE(test::await(io_, quoter_.until_waiting(1)));
  const auto refused = attest("c");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::overloaded);
  EXPECT_EQ(refused.error().id, "attestation_queue_full");
  quoter_.release();
  finish();
  EXPECT_TRUE(attest("c"));
}

TEST_F(ServiceAttestorTest, CallersWithoutANonceShareARecentQuote) {
  start(&quoter_);
  const auto first = attest(std::nullopt);
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->proof);
  EXPECT_EQ(parse_service_document(first->quote->document)->nonce_root,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(attest(std::nullopt)->quote, first->quote);
  EXPECT_EQ(quoter_.asked.size(), 1u);
  EXPECT_TRUE(attest("fresh"));
  EXPECT_EQ(quoter_.asked.size(), 2u);
}

TEST_F(ServiceAttestorTest, ANonceIsNeverAnsweredFromAnOlderQuote) {
  start(&quoter_);
  const auto first = attest("same");
  const auto second = attest("same");
  EXPECT_NE(first->quote, second->quote);
  EXPECT_EQ(quoter_.asked.size(), 2u);
}

TEST_F(ServiceAttestorTest, WithoutAQuoterTheDocumentSaysSo) {
  start(nullptr);
  const auto answer = attest("one");
  ASSERT_TRUE(answer);
  expect_proven(*answer);
  EXPECT_FALSE(answer->quote->quote);
  EXPECT_THAT(answer->quote->note, testing::HasSubstr("No TEE"));
}

TEST_F(ServiceAttestorTest, AFailingAgentGivesADocumentWithTheReason) {
  quoter_.answers.emplace_back(Error{Errc::unavailable, "quote_unavailable", "nobody listens"});
  start(&quoter_);
  const auto answer = attest(std::nullopt);
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->quote->quote);
  EXPECT_EQ(answer->quote->note, "No quote: nobody listens");
  // It is not kept: the next caller gets a quote.
  EXPECT_TRUE(attest(std::nullopt)->quote->quote);
}

TEST_F(ServiceAttestorTest, WhereAQuoteIsRequiredItsAbsenceIsAnError) {
  options_.required = true;
  quoter_.answers.emplace_back(Error{Errc::unavailable, "quote_unavailable", "nobody listens"});
  start(&quoter_);
  const auto answer = attest("x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().id, "attestation_unavailable");
}

TEST_F(ServiceAttestorTest, AnEngineThatCannotBeAskedIsTheCallersAnswer) {
  describe_error_ = Error{Errc::unavailable, "engine_unreachable", "gone"};
  start(&quoter_);
  EXPECT_EQ(attest("x").error().id, "engine_unreachable");
  EXPECT_TRUE(quoter_.asked.empty());
  describe_error_.reset();
  EXPECT_TRUE(attest("x"));
}

TEST_F(ServiceAttestorTest, ABadNonceIsRefusedBeforeAnythingIsAsked) {
  start(&quoter_);
  for (const auto& nonce : {std::string(), std::string(129, 'x'), std::string("\n")})
    EXPECT_EQ(attest(nonce).error().id, "nonce_invalid");
  EXPECT_EQ(described_, 0);
}

TEST_F(ServiceAttestorTest, ACallerThatLeavesDisturbsNobody) {
  quoter_.hold = true;
  start(&quoter_);
  call("stays");
  const auto left = test::await_cancelled(io_, attestor_->attest("leaves"), [this] { return quoter_.waiting == 1; });
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().code, Errc::cancelled);
  quoter_.release();
  finish();
  ASSERT_TRUE(answers_.at(0));
  expect_proven(*answers_[0]);
  EXPECT_EQ(quoter_.cancelled, 0);
}

TEST_F(ServiceAttestorTest, ACallerWaitsNoLongerThanItsLimit) {
  options_.wait = 20ms;
  quoter_.hold = true;
  start(&quoter_);
  const auto answer = attest("x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().id, "attestation_timed_out");
  quoter_.release();
}

TEST_F(ServiceAttestorTest, StoppingEndsEveryWait) {
  quoter_.hold = true;
  start(&quoter_);
  call("in flight");
  ASSERT_TRUE(test::await(io_, quoter_.until_waiting(1)));
  call("queued");
  io_.poll();
  test::await(io_, attestor_->stop());
  finish();
  ASSERT_EQ(answers_.size(), 2u);
  for (const auto& answer : answers_) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().id, "draining");
  }
  EXPECT_EQ(attest("late").error().id, "draining");
}

}  // namespace
}  // namespace skill_verifier::attest
