#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "http/client.hpp"
#include "http/test_server.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::http {
namespace {

using test::FakeBackend;
using test::get;
using test::job_id;
using test::make_job;
using test::TestServer;

core::Json json(const test::Answer& answer) {
  return *core::parse_json(answer.body);
}

TEST(ServiceAttestationRoute, HandsTheNonceOnAndShowsWhereItStands) {
  TestServer server;
  const auto answer = get(server.port(), "/attestation?nonce=a%20b");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("Cache-Control"), "no-store");
  const auto body = json(answer);
  EXPECT_EQ(body["document"], "{}");
  EXPECT_EQ(body["nonce"]["value"], "a b");
  EXPECT_EQ(body["nonce"]["index"], 0);
  EXPECT_EQ(body["nonce"]["treeSize"], 2);
  EXPECT_EQ(body["nonce"]["path"][0], std::string(64, '0'));
  EXPECT_EQ(body["policy"], "policy");
  EXPECT_EQ(body["appCompose"], nullptr);
  server.run([](FakeBackend& backend) { EXPECT_EQ(backend.nonces.at(0), "a b"); });
}

TEST(ServiceAttestationRoute, HasTheSameShapeWithoutAQuoteAndWithoutANonce) {
  TestServer server;
  const auto body = json(get(server.port(), "/attestation"));
  EXPECT_EQ(body["nonce"], nullptr);
  const auto& attestation = body["attestation"];
  EXPECT_EQ(attestation["quote"], nullptr);
  EXPECT_EQ(attestation["verifier"], "none");
  EXPECT_EQ(attestation["teeType"], nullptr);
  EXPECT_EQ(attestation["documentHash"], "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
  EXPECT_EQ(attestation["note"], "none here");
  server.run([](FakeBackend& backend) { EXPECT_EQ(backend.nonces.at(0), std::nullopt); });
}

TEST(ServiceAttestationRoute, TurnsFailuresIntoProblems) {
  const std::tuple<Error, int> cases[] = {{Error(Errc::invalid_argument, "nonce_invalid", "m"), 400},
                                          {Error(Errc::overloaded, "attestation_queue_full", "m"), 503},
                                          {Error(Errc::timed_out, "attestation_timed_out", "m"), 504},
                                          {Error(Errc::unavailable, "engine_unreachable", "m"), 503}};
  for (const auto& [error, status] : cases) {
    TestServer server;
    server.run([&error](FakeBackend& backend) { backend.attestation_error = error; });
    const auto answer = get(server.port(), "/attestation?nonce=x");
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(json(answer)["code"], error.id);
  }
  TestServer server;
  EXPECT_EQ(get(server.port(), "/attestation?nonce=a&nonce=b").status, 400);
  EXPECT_EQ(get(server.port(), "/attestation?nonce=%zz").status, 400);
}

TEST(JobAttestationRoute, EmbedsTheCollateralAndCompletesTheTeeType) {
  TestServer server;
  auto job = make_job(job_id('a'), store::JobState::completed);
  const auto quote = job.result.find(R"("quote":null)");
  job.result.replace(quote, 12, R"("quote":"0x04","teeType":null)");
  const auto verifier = job.result.find(R"("verifier":"none")");
  job.result.replace(verifier, 17, R"("verifier":"dstack-sdk")");
  server.run([&job](FakeBackend& backend) {
    backend.jobs[job.id] = job;
    backend.appraisal = attest::Appraisal{"intel-tdx", false, "", R"({"tcb_info":"{}","fetchedAt":"t"})", ""};
  });
  const auto body = json(get(server.port(), "/attestation/" + job.id));
  EXPECT_EQ(body["collateral"]["fetchedAt"], "t");
  EXPECT_FALSE(body.contains("collateralNote"));
  EXPECT_EQ(body["attestation"]["teeType"], "intel-tdx");
  EXPECT_FALSE(body["attestation"].contains("note"));
  server.run([](FakeBackend& backend) {
    backend.appraisal = attest::Appraisal{std::nullopt, false, "not verified", std::nullopt, "nobody listens"};
  });
  const auto without = json(get(server.port(), "/attestation/" + job.id));
  EXPECT_EQ(without["collateral"], nullptr);
  EXPECT_EQ(without["collateralNote"], "nobody listens");
  EXPECT_EQ(without["attestation"]["teeType"], nullptr);
  EXPECT_EQ(without["attestation"]["note"], "not verified");
}

TEST(JobAttestationRoute, IsTheDocumentOfTheJobUnderAShorterName) {
  TestServer server;
  server.run(
      [](FakeBackend& backend) { backend.jobs[job_id('a')] = make_job(job_id('a'), store::JobState::completed); });
  const auto answer = get(server.port(), "/attestation/" + job_id('a'));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, get(server.port(), "/verify/" + job_id('a') + "/attestation").body);
  EXPECT_EQ(json(get(server.port(), "/attestation/" + job_id('b')))["code"], "job_not_found");
  EXPECT_EQ(json(get(server.port(), "/attestation/x"))["code"], "job_not_found");
}

TEST(SarifRoute, GivesTheChecksOfACompletedJob) {
  TestServer server;
  server.run([](FakeBackend& backend) {
    backend.jobs[job_id('a')] = make_job(job_id('a'), store::JobState::completed);
    backend.jobs[job_id('b')] = make_job(job_id('b'), store::JobState::running);
    backend.sarif = "sarif of ";
  });
  const auto answer = get(server.port(), "/verify/" + job_id('a') + "/sarif");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Content-Type"), "application/sarif+json");
  EXPECT_EQ(answer.body, "sarif of " + job_id('a'));
  const auto early = get(server.port(), "/verify/" + job_id('b') + "/sarif");
  EXPECT_EQ(early.status, 400);
  EXPECT_EQ(json(early)["code"], "job_not_completed");
  EXPECT_EQ(get(server.port(), "/verify/" + job_id('c') + "/sarif").status, 404);
  server.run([](FakeBackend& backend) { backend.sarif.reset(); });
  const auto none = get(server.port(), "/verify/" + job_id('a') + "/sarif");
  EXPECT_EQ(none.status, 404);
  EXPECT_EQ(json(none)["code"], "checks_not_made");
}

}  // namespace
}  // namespace skill_verifier::http
