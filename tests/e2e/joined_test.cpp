#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "e2e/collateral_stub.hpp"
#include "e2e/harness.hpp"
#include "e2e/offline.hpp"
#include "e2e/simulator.hpp"
#include "support/scripted_server.hpp"

/// All parts together, none of them told what another should have said: the guest agent quotes, the service fetches
/// collateral and puts it into its documents, curl fetches those, and `check` reads them without a network.
namespace skill_verifier::e2e {
namespace {

using test::Reply;

/// Simulator, PCCS and service, joined by nothing but the service's configuration.
class Joined : public testing::Test {
 protected:
  void SetUp() override {
    SKILL_VERIFIER_NEEDS_ENGINE();
    if (const auto why = why_no_namespace(); !why.empty()) GTEST_SKIP() << why;
    simulator_.emplace();
    auto answer = test::routes(served_collateral(Json::parse(read(simulator_->state("collateral.json")))));
    pccs_.emplace([this, answer = std::move(answer)](const test::ReceivedRequest& request) {
      return up_ ? answer(request) : Reply::closed();
    });
    daemon_.emplace("attestation: {pccs: \"" + pccs_->url() + "\"}\n",
                    std::map<std::string, std::string>{{"DSTACK_SOCKET", simulator_->socket()}});
  }

  std::string verified() {
    const std::string id = daemon_->submit_path(source_dir() / "examples" / "hello-world");
    EXPECT_EQ(daemon_->wait(id)["status"], "completed");
    return id;
  }
  /// As a reader gets it: nothing is added to it afterwards.
  fs::path fetched(const std::string& path) const {
    const fs::path file = work_.path() / "document.json";
    const Finished curl = run({"curl", "-fsS", "-o", file.string(), daemon_->url() + path});
    EXPECT_EQ(curl.exit_code, 0) << curl.err;
    return file;
  }
  static std::string last_line(const std::string& text) { return text.substr(text.rfind('\n', text.size() - 2) + 1); }
  void expect_valid_under_its_root_only(std::vector<std::string> arguments) const {
    const Finished refused = check_offline(arguments);
    EXPECT_EQ(refused.exit_code, 1) << refused.out;
    EXPECT_EQ(last_line(refused.out).find("INVALID, SIMULATED"), 0u) << refused.out;
    arguments.insert(arguments.end(), {"--trust-root", simulator_->state("root_ca.pem").string()});
    const Finished valid = check_offline(arguments);
    EXPECT_EQ(valid.exit_code, 0) << valid.out << valid.err;
    EXPECT_EQ(last_line(valid.out).find("VALID, SIMULATED"), 0u) << valid.out;
  }

  std::atomic<bool> up_ = true;
  std::optional<Simulator> simulator_;
  std::optional<test::ScriptedServer> pccs_;
  std::optional<Daemon> daemon_;
  TempDir work_;
};

TEST_F(Joined, AJobsDocumentIsValidOfflineAsItWasFetched) {
  const fs::path file = fetched("/verify/" + verified() + "/attestation");
  const Json document = Json::parse(read(file));
  ASSERT_TRUE(document["collateral"].is_object()) << document.dump(2);
  EXPECT_TRUE(document["collateral"]["fetchedAt"].is_string());
  EXPECT_EQ(document["attestation"]["teeType"], "simulated");
  expect_valid_under_its_root_only({file.string()});
}

TEST_F(Joined, TheServicesOwnDocumentIsValidOfflineWithTheNonceThatWasGiven) {
  const fs::path file = fetched("/attestation?nonce=mine");
  EXPECT_TRUE(Json::parse(read(file))["collateral"]["fetchedAt"].is_string());
  expect_valid_under_its_root_only({file.string(), "--nonce", "mine"});
  const Finished other = check_offline(
      {file.string(), "--nonce", "another", "--trust-root", simulator_->state("root_ca.pem").string(), "--json"});
  EXPECT_EQ(other.exit_code, 1) << other.out;
  const Json report = Json::parse(other.out);
  EXPECT_TRUE(std::ranges::any_of(report["rows"], [](const Json& row) {
    return row["id"] == "nonce" && row["outcome"] == "failed";
  })) << other.out;
}

TEST_F(Joined, ADocumentIsCompletedOnReadWhenTheCollateralServiceIsBack) {
  up_ = false;
  const std::string path = "/verify/" + verified() + "/attestation";
  const Json before = Json::parse(read(fetched(path)));
  EXPECT_TRUE(before["collateral"].is_null());
  EXPECT_NE(before["collateralNote"].get<std::string>().find("No collateral"), std::string::npos);
  const Finished incomplete =
      check_offline({fetched(path).string(), "--trust-root", simulator_->state("root_ca.pem").string()});
  EXPECT_EQ(incomplete.exit_code, 2) << incomplete.out;

  up_ = true;
  // The service asks again when the pause after a failure is over: ten seconds, or twenty after a second one.
  const Finished completed =
      run({"sh", "-c", "until curl -fsS '" + daemon_->url() + path + "' | grep -q '\"fetchedAt\"'; do sleep 1; done"});
  ASSERT_EQ(completed.exit_code, 0) << completed.err;
  expect_valid_under_its_root_only({fetched(path).string()});
}

}  // namespace
}  // namespace skill_verifier::e2e
