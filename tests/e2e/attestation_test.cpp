#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "e2e/harness.hpp"
#include "e2e/simulator.hpp"
#include "support/pccs_stub.hpp"

namespace skill_verifier::e2e {
namespace {

std::string first_word(const std::string& text) {
  return text.substr(0, text.find(' '));
}

TEST(Attestation, AQuoteCarriesTheReportDataThatSha512sumRecomputes) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const Simulator simulator;
  const Daemon daemon("", {{"DSTACK_SOCKET", simulator.socket()}});
  const std::string id = daemon.submit_path(source_dir() / "examples" / "hello-world");
  Json job = daemon.wait(id);
  ASSERT_EQ(job["status"], "completed") << job.dump(2);

  const Answer answer = daemon.curl("/verify/" + id + "/attestation");
  ASSERT_EQ(answer.status, 200) << answer.body;
  Json document = answer.json();
  const TempDir work;
  const fs::path statement = work.write("statement.json", document.at("statement"));
  const std::string result_hash = first_word(run({"sha256sum", statement.string()}).out);
  EXPECT_EQ(document["attestation"]["resultHash"], result_hash);
  EXPECT_EQ(job["result"]["attestation"]["resultHash"], result_hash);

  const std::string expected =
      first_word(run({"sh", "-c", "printf 'skill-verifier-result-v1:%s' " + result_hash + " | sha512sum"}).out);
  EXPECT_EQ(document["attestation"]["reportData"], expected);
  // Offset 568 of a version 4 quote (Intel's TD report body), two hex digits a byte, after "0x".
  const std::string quote = document["attestation"]["quote"];
  ASSERT_GT(quote.size(), 2u + 2 * 632);
  EXPECT_EQ(quote.substr(0, 2), "0x");
  EXPECT_EQ(quote.substr(2 + 2 * 568, 128), expected);
}

TEST(Attestation, ASimulatedQuoteIsNeverCalledReal) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const Simulator simulator;
  const Daemon daemon("", {{"DSTACK_SIMULATOR_ENDPOINT", simulator.socket()}});
  Json job = daemon.verify(source_dir() / "examples" / "hello-world");
  EXPECT_EQ(job["result"]["attestation"]["verifier"], "dstack-sdk");
  EXPECT_EQ(job["result"]["attestation"]["teeType"], "simulated");
}

TEST(Attestation, AnAgentThatQuotesOtherBytesIsNotBelieved) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const Simulator simulator({"--zero-report-data"});
  const Daemon daemon("", {{"DSTACK_SOCKET", simulator.socket()}});
  Json job = daemon.verify(source_dir() / "examples" / "hello-world");
  EXPECT_EQ(job["status"], "completed");
  EXPECT_TRUE(job["result"]["attestation"]["quote"].is_null());
  EXPECT_EQ(job["result"]["attestation"]["verifier"], "none");
}

TEST(Attestation, AHundredNoncesAtOnceCostAtMostThreeQuotes) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const Simulator simulator;
  const Daemon daemon("", {{"DSTACK_SOCKET", simulator.socket()}});
  const TempDir work;
  const std::string url = daemon.url() + "/attestation?nonce=";
  const auto asked =
      run({"sh", "-c",
           "seq 100 | xargs -P 100 -I @ curl -sf -o '" + (work.path() / "@.json").string() + "' '" + url + "@'"});
  ASSERT_EQ(asked.exit_code, 0) << asked.err;
  std::set<std::string> quotes;
  for (int i = 1; i <= 100; ++i) {
    std::ifstream in(work.path() / (std::to_string(i) + ".json"));
    const Json document = Json::parse(in);
    ASSERT_TRUE(document["attestation"]["quote"].is_string()) << document.dump(2);
    EXPECT_EQ(document["nonce"]["value"], std::to_string(i));
    quotes.insert(document["attestation"]["quote"].get<std::string>());
  }
  EXPECT_LE(quotes.size(), 3u);
}

TEST(Attestation, TheServiceDocumentIsQuotedAndHoldsTheNonce) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const Simulator simulator;
  const Daemon daemon("", {{"DSTACK_SOCKET", simulator.socket()}});
  const Json answer = daemon.curl("/attestation?nonce=lonely").json();
  const TempDir work;
  const fs::path text = work.write("document.json", answer["document"]);
  const std::string hash = first_word(run({"sha256sum", text.string()}).out);
  EXPECT_EQ(answer["attestation"]["documentHash"], hash);
  const std::string expected =
      first_word(run({"sh", "-c", "printf 'skill-verifier-service-v1:%s' " + hash + " | sha512sum"}).out);
  const std::string quote = answer["attestation"]["quote"];
  EXPECT_EQ(quote.substr(2 + 2 * 568, 128), expected);
  const Json document = Json::parse(answer["document"].get<std::string>());
  // A tree of one leaf: the root is the leaf's own hash.
  EXPECT_EQ(document["nonceRoot"], first_word(run({"sh", "-c", "printf '\\000lonely' | sha256sum"}).out));
  const std::string executable = first_word(run({"sha256sum", program("skill-verifier").string()}).out);
  EXPECT_EQ(document["program"]["sha256"], executable);
  EXPECT_EQ(document["policy"]["sha256"],
            first_word(run({"sha256sum", work.write("policy", answer["policy"]).string()}).out));
  EXPECT_TRUE(answer["appCompose"].is_string());
}

TEST(Attestation, CollateralComesFromTheConfiguredService) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const Simulator simulator;
  const auto tomorrow =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + std::chrono::hours(24);
  std::optional<test::ScriptedServer> pccs;
  pccs.emplace([tomorrow](const test::ReceivedRequest& request) {
    const std::string fmspc = request.target.substr(request.target.find('=') + 1);
    const auto bodies = test::PccsBodies::until(tomorrow, fmspc.size() == 12 ? fmspc : "90C06F000000");
    return test::routes(bodies.replies())(request);
  });
  const Daemon daemon("attestation: {pccs: \"" + pccs->url() + "\"}\n", {{"DSTACK_SOCKET", simulator.socket()}});
  const std::string id = daemon.submit_path(source_dir() / "examples" / "hello-world");
  ASSERT_EQ(daemon.wait(id)["status"], "completed");
  const std::size_t asked = pccs->requests().size();
  EXPECT_EQ(asked, 4u);
  const Json first = daemon.curl("/attestation/" + id).json();
  EXPECT_TRUE(first["collateral"]["tcb_info"].is_string()) << first.dump(2);
  EXPECT_TRUE(first["collateral"]["fetchedAt"].is_string());
  EXPECT_EQ(first["attestation"]["teeType"], "simulated");
  EXPECT_TRUE(daemon.curl("/attestation").json()["collateral"]["qe_identity"].is_string());
  EXPECT_EQ(pccs->requests().size(), asked);
  pccs.reset();
  EXPECT_EQ(daemon.curl("/attestation/" + id).json(), first);
}

TEST(Attestation, ACollateralServiceThatIsDownFailsNoJob) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const Simulator simulator;
  const Daemon daemon("attestation: {pccs: \"http://127.0.0.1:1\"}\n", {{"DSTACK_SOCKET", simulator.socket()}});
  const std::string id = daemon.submit_path(source_dir() / "examples" / "hello-world");
  ASSERT_EQ(daemon.wait(id)["status"], "completed");
  const Json document = daemon.curl("/attestation/" + id).json();
  EXPECT_TRUE(document["attestation"]["quote"].is_string());
  EXPECT_TRUE(document["collateral"].is_null());
  EXPECT_NE(document["collateralNote"].get<std::string>().find("No collateral"), std::string::npos);
}

TEST(Attestation, RequiredMeansThatAJobWithoutAQuoteFails) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const Simulator simulator({"--fail-quotes", "1000"});
  const Daemon daemon("attestation: {required: true}\n", {{"DSTACK_SOCKET", simulator.socket()}});
  Json job = daemon.verify(source_dir() / "examples" / "hello-world");
  EXPECT_EQ(job["status"], "failed") << job.dump(2);
  EXPECT_TRUE(job["error"].is_string());
}

TEST(Attestation, RequiredIsNotSatisfiedByTheSimulator) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const Simulator simulator;
  const Daemon daemon("attestation: {required: true}\n", {{"DSTACK_SOCKET", simulator.socket()}});
  Json job = daemon.verify(source_dir() / "examples" / "hello-world");
  EXPECT_EQ(job["status"], "failed") << job.dump(2);
  EXPECT_EQ(job["code"], "attestation_simulated");
}

TEST(Attestation, TwoVerifiersOfOneTreeAgreeOnTheComparableCore) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const Daemon first, second;
  const auto core_of = [](const Daemon& daemon, const std::string& nonce) {
    const std::string id =
        daemon.submit({{"skillPath", (source_dir() / "examples" / "hello-world").string()}, {"nonce", nonce}});
    EXPECT_EQ(daemon.wait(id)["status"], "completed");
    Json statement =
        Json::parse(daemon.curl("/verify/" + id + "/attestation").json().at("statement").get<std::string>());
    Json kept = Json::array();
    for (const Json& entry : statement["predicate"]["configuration"])
      if (entry["name"] != "nonce" && entry["name"] != "run") kept.push_back(entry);
    statement["predicate"]["configuration"] = kept;
    return statement.dump();
  };
  EXPECT_EQ(core_of(first, "one"), core_of(second, "two"));
}

}  // namespace
}  // namespace skill_verifier::e2e
