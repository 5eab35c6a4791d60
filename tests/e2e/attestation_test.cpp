#include <gtest/gtest.h>

#include "e2e/harness.hpp"

namespace skill_verifier::e2e {
namespace {

std::string first_word(const std::string& text) {
  return text.substr(0, text.find(' '));
}

/// The simulator on a socket of its own.
class Simulator {
 public:
  explicit Simulator(std::vector<std::string> options = {}) {
    std::vector<std::string> argv = {program("dstack-simulator").string(), "--socket", socket(), "--state-dir",
                                     (directory_.path() / "state").string()};
    argv.insert(argv.end(), options.begin(), options.end());
    process_ = std::make_unique<Process>(argv, std::map<std::string, std::string>{}, directory_.path() / "log");
    process_->wait_for_line("listening on");
  }
  std::string socket() const { return (directory_.path() / "dstack.sock").string(); }

 private:
  TempDir directory_;
  std::unique_ptr<Process> process_;
};

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
