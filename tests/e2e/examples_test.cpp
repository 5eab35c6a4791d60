#include <gtest/gtest.h>

#include "e2e/harness.hpp"

namespace skill_verifier::e2e {
namespace {

class Examples : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (why_no_engine().empty()) daemon_ = std::make_unique<Daemon>();
  }
  static void TearDownTestSuite() { daemon_.reset(); }
  void SetUp() override { SKILL_VERIFIER_NEEDS_ENGINE(); }

  static Json result_of(const std::string& example) {
    Json job = daemon_->wait(daemon_->submit(Json{{"skillPath", "./examples/" + example}}));
    EXPECT_EQ(job.at("status"), "completed") << job.dump(2);
    return job.value("result", Json::object());
  }
  static inline std::unique_ptr<Daemon> daemon_;
};

std::vector<std::string> names(const Json& object) {
  std::vector<std::string> all;
  for (const auto& [name, value] : object.items())
    all.push_back(name);
  return all;
}

TEST_F(Examples, HelloWorldPassesWithThePredecessorsMembersInOrder) {
  Json result = result_of("hello-world");
  const auto members = names(result);
  ASSERT_GE(members.size(), 6u);
  EXPECT_EQ(std::vector<std::string>(members.begin(), members.begin() + 6),
            (std::vector<std::string>{"skillId", "timestamp", "duration", "result", "attestation", "manifest"}));
  // What is ours comes after what the predecessor had.
  EXPECT_EQ(names(result["result"]),
            (std::vector<std::string>{"passed", "exitCode", "stdout", "stderr", "duration", "checks"}));
  EXPECT_EQ(names(result["manifest"]), (std::vector<std::string>{"name", "version", "description"}));
  EXPECT_EQ(result["skillId"], "hello-world@1.0.0");
  EXPECT_EQ(result["result"]["passed"], true);
  EXPECT_EQ(result["result"]["exitCode"], 0);
  EXPECT_EQ(result["result"]["stdout"], "Hello from skill!\n");
  EXPECT_EQ(result["result"]["stderr"], "");
  EXPECT_TRUE(result["attestation"]["quote"].is_null());
  EXPECT_EQ(result["attestation"]["verifier"], "none");
  EXPECT_EQ(result["attestation"]["resultHash"].get<std::string>().size(), 64u);
  EXPECT_TRUE(result["attestation"].contains("note"));
}

TEST_F(Examples, NodeAppInstallsAndPasses) {
  Json result = result_of("node-app");
  EXPECT_EQ(result["skillId"], "node-example@1.0.0");
  EXPECT_EQ(result["result"]["passed"], true) << result.dump(2);
  EXPECT_NE(result["result"]["stdout"].get<std::string>().find("5 assertions passed"), std::string::npos);
  EXPECT_TRUE(result["image"]["preparedId"].is_string());
}

TEST_F(Examples, PythonScriptInstallsAndPasses) {
  Json result = result_of("python-script");
  EXPECT_EQ(result["skillId"], "python-example@1.0.0");
  EXPECT_EQ(result["result"]["passed"], true) << result.dump(2);
  EXPECT_NE(result["result"]["stderr"].get<std::string>().find("Ran 3 tests"), std::string::npos);
}

TEST_F(Examples, HermesPassesAllSixChecksWithoutANetwork) {
  Json result = result_of("hermes-verified");
  EXPECT_EQ(result["skillId"], "hermes@1.0.0");
  EXPECT_EQ(result["result"]["passed"], true) << result.dump(2);
  EXPECT_NE(result["result"]["stdout"].get<std::string>().find("6 of 6 checks passed"), std::string::npos);
}

TEST_F(Examples, UntestedSkillIsNeverAPass) {
  Json result = result_of("untested-skill");
  EXPECT_TRUE(result["result"]["passed"].is_null());
  EXPECT_TRUE(result["result"]["exitCode"].is_null());
  EXPECT_EQ(result["verdict"], "untested");
}

TEST_F(Examples, FailingSkillShowsItsStatusAndOutput) {
  Json result = result_of("failing-skill");
  EXPECT_EQ(result["result"]["passed"], false);
  EXPECT_EQ(result["result"]["exitCode"], 7);
  EXPECT_EQ(result["result"]["stdout"], "2 + 2 is 5\n");
  EXPECT_EQ(result["result"]["stderr"], "expected 4\n");
  EXPECT_EQ(result["verdict"], "failed");
}

TEST_F(Examples, TheSameTreeHasOneDigestAsFolderTarAndZip) {
  const TempDir work;
  const std::string tar = (work.path() / "skill.tar.gz").string(), zip = (work.path() / "skill.zip").string();
  const std::string parent = (source_dir() / "examples").string();
  ASSERT_EQ(run({"tar", "-czf", tar, "-C", parent, "node-app"}).exit_code, 0);
  ASSERT_EQ(run({"sh", "-c", "cd '" + parent + "' && zip -qr '" + zip + "' node-app"}).exit_code, 0);
  const auto digest = [](const Answer& answer) {
    EXPECT_EQ(answer.status, 202) << answer.body;
    return daemon_->wait(answer.json().at("jobId"))["result"]["subject"]["treeDigest"].get<std::string>();
  };
  const std::string folder = result_of("node-app")["subject"]["treeDigest"];
  EXPECT_EQ(digest(daemon_->curl("/verify", {"-F", "skill=@" + tar})), folder);
  EXPECT_EQ(digest(daemon_->curl("/verify", {"-H", "Content-Type: application/zip", "--data-binary", "@" + zip})),
            folder);
  const Finished expected = run({"sh", "-c",
                                 "cd '" + parent +
                                     "/node-app' && find . -type f | cut -c3- | LC_ALL=C sort | xargs sha256sum | "
                                     "sha256sum | cut -c1-64"});
  EXPECT_EQ(expected.out, folder + "\n");
}

TEST_F(Examples, NothingIsLeftInTheEngine) {
  result_of("hello-world");
  // Removal goes on behind the verdict; stopping waits for it.
  EXPECT_EQ(daemon_->stop(), 0);
  EXPECT_EQ(daemon_->containers(), std::vector<std::string>{});
  daemon_->start();
}

}  // namespace
}  // namespace skill_verifier::e2e
