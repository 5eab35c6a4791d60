#include <functional>

#include "service/policy_document.hpp"
#include "service/service_fixture.hpp"
#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::service {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;

/// The service over fakes, with checks in the sandbox that see what the test says.
class SandboxChecksTest : public ServiceTest {
 protected:
  void SetUp() override {
    options_.sandbox_checks = scan::sandbox_profile().value();
    options_.toolbox = "toolbox:1";
    sandbox_.examines = [this](const sandbox::ExamineRequest& request) -> Result<sandbox::ExamineResult> {
      if (fault_) return *fault_;
      sandbox::ExamineResult result;
      result.image = {"toolbox:1", "sha256:" + std::string(64, '7'), {}};
      result.runs.assign(request.commands.size(), FakeSandbox::exited(0));
      result.runs[0] = FakeSandbox::exited(0, "sh\nbash\npython3\n");
      for (auto& run : result.runs) {
        run.watched.emplace();
        run.watched->calls = run.watched->network = true;
      }
      if (!reported_.empty()) result.runs.back().out = FakeSandbox::exited(0, reported_).out;
      if (broken_syntax_) result.runs[1] = FakeSandbox::exited(2, "", "./run.sh: line 3: syntax error");
      return result;
    };
    start();
  }
  std::string submit_with_script(const std::string& front, bool script = true) {
    Submission made;
    made.skill_path = make_skill(front);
    std::ofstream(fs::path(*made.skill_path) / "SKILL.md", std::ios::app) << "Start `run.sh`.\n";
    if (script) std::ofstream(fs::path(*made.skill_path) / "run.sh") << "echo hi\n";
    if (!reported_.empty()) std::ofstream(fs::path(*made.skill_path) / "test.sh") << "echo hi\n";
    auto job = await(service_->submit(std::move(made)));
    EXPECT_TRUE(job) << job.error().message;
    return job ? job->id : std::string();
  }
  store::Job verify(const std::string& front, bool script = true) {
    const auto id = submit_with_script(front, script);
    return id.empty() ? store::Job{} : wait(id);
  }
  static json entry(const json& statement, const std::string& name) {
    for (const auto& one : statement["predicate"]["configuration"])
      if (one["name"] == name) return one;
    return nullptr;
  }
  static std::vector<std::string> list(const json& statement, const char* name) {
    return statement["predicate"][name].get<std::vector<std::string>>();
  }

  std::optional<Error> fault_;
  bool broken_syntax_ = false;
  std::string reported_;  ///< by a test that the package then holds
};

TEST_F(SandboxChecksTest, AgreeWithTheStatementOrAreNotGivenAgain) {
  broken_syntax_ = true;
  const auto job = verify(kTested);
  const auto statement = json::parse(job.statement), result = result_of(job);
  EXPECT_EQ(disagreement(result, statement), std::nullopt);
  const auto changed = [&](const char* pointer, json value) {
    return disagreement_with(result, statement, pointer, std::move(value));
  };
  EXPECT_EQ(changed("/sandboxRows/0/note", "harmless"), "sandboxRows");
  EXPECT_EQ(changed("/result/checks/sandbox/profile", "other-v1"), "result.checks.sandbox.profile");
  EXPECT_EQ(changed("/result/checks/sandbox/digest", std::string(64, '0')), "result.checks.sandbox.digest");
  EXPECT_EQ(changed("/result/checks/sandbox/image", "other"), "result.checks.sandbox.image");
  EXPECT_EQ(changed("/result/checks/sandbox/imageId", "sha256:0"), "result.checks.sandbox.imageId");
  EXPECT_EQ(changed("/result/checks/sandbox/failed", 0), "result.checks.sandbox");
  EXPECT_EQ(changed("/warnings", json::array()), "warnings");
}

TEST_F(SandboxChecksTest, AreMadeForASkillWithoutATest) {
  const auto job = verify("");
  const auto result = result_of(job);
  EXPECT_EQ(result["result"]["passed"], nullptr);
  EXPECT_EQ(result["verdict"], "untested");
  EXPECT_EQ(result["result"]["checks"]["sandbox"]["profile"], "sandbox-v1");
  EXPECT_EQ(result["result"]["checks"]["sandbox"]["image"], "toolbox:1");
  EXPECT_EQ(result["result"]["checks"]["sandbox"]["passed"], 5);
  EXPECT_EQ(sandbox_.examine_requests.size(), 1u) << "one container for all of them";
  EXPECT_TRUE(sandbox_.run_requests.empty());
  EXPECT_THAT(log_of(job.id), HasSubstr("run.sh --help"));
}

class RepeatedSandboxChecksTest : public SandboxChecksTest {
 protected:
  void SetUp() override {
    options_.cache = true;
    move_toolbox('7');
    SandboxChecksTest::SetUp();
  }
  void move_toolbox(char digit) {
    const sandbox::Image image{"toolbox:1", "sha256:" + std::string(64, digit), {}};
    sandbox_.known.insert_or_assign("toolbox:1", image);
  }
};

TEST_F(RepeatedSandboxChecksTest, OnlyWhereTheToolboxIsTheSameImage) {
  const auto first = verify("");
  EXPECT_EQ(verify("").original, first.id);
  move_toolbox('8');
  EXPECT_EQ(verify("").original, "");
  sandbox_.known.erase("toolbox:1");
  EXPECT_EQ(verify("").original, "");
  EXPECT_EQ(verify("", false).original, "") << "another package";
}

TEST_F(SandboxChecksTest, StandInTheStatement) {
  const auto job = verify("");
  const auto statement = parse(job.statement);
  EXPECT_THAT(list(statement, "passedTests"), Contains("sandbox/syntax"));
  const auto about = entry(statement, "sandbox-checks");
  EXPECT_EQ(about["uri"], "sandbox-v1");
  EXPECT_EQ(about["digest"]["sha256"], options_.sandbox_checks->digest());
  EXPECT_EQ(about["annotations"]["imageSha256"], std::string(64, '7'));
  EXPECT_EQ(about["annotations"]["skipped"], json::array({"sandbox/test"}));
  EXPECT_EQ(about["annotations"]["rowsSha256"], core::sha256_hex(result_of(job)["sandboxRows"].dump()));
}

TEST_F(SandboxChecksTest, AreInTheSarifOfAJob) {
  options_.checks = scan::standard_profile().value();
  restart();
  broken_syntax_ = true;
  const auto job = verify("");
  const auto sarif = await(service_->sarif(job));
  ASSERT_TRUE(sarif) << sarif.error().message;
  const auto run = parse(*sarif)["runs"][0];
  EXPECT_EQ(run["properties"]["profile"], "standard-v1");
  EXPECT_EQ(run["properties"]["furtherProfiles"][0]["profile"], "sandbox-v1");
  EXPECT_EQ(run["properties"]["furtherProfiles"][0]["profileDigest"], options_.sandbox_checks->digest());
  std::vector<json> found;
  for (const auto& result : run["results"])
    if (result["ruleId"] == "sandbox/syntax") found.push_back(result);
  ASSERT_EQ(found.size(), 1u) << run["results"];
  const auto rows = result_of(job)["sandboxRows"].get<std::vector<json>>();
  const json& row = *std::ranges::find_if(rows, [](const json& one) { return one["check"] == "sandbox/syntax"; });
  const auto& rule = run["tool"]["driver"]["rules"][found[0]["ruleIndex"].get<std::size_t>()];
  EXPECT_EQ(rule["id"], "sandbox/syntax");
  EXPECT_FALSE(rule["help"]["text"].get<std::string>().empty());
  const auto& place = found[0]["locations"][0]["physicalLocation"];
  EXPECT_EQ(place["artifactLocation"]["uri"], row["file"]);
  EXPECT_EQ(place["region"]["startLine"], row.value("line", 1));
  EXPECT_THAT(found[0]["message"]["text"].get<std::string>(), HasSubstr(row["command"].get<std::string>()));
  EXPECT_THAT(found[0]["message"]["text"].get<std::string>(), HasSubstr(row["note"].get<std::string>()));
}

TEST_F(SandboxChecksTest, AreInNoSarifWhereTheyWereOff) {
  options_.checks = scan::standard_profile().value();
  options_.sandbox_checks.reset();
  restart();
  const auto sarif = await(service_->sarif(verify("")));
  ASSERT_TRUE(sarif);
  EXPECT_FALSE(parse(*sarif)["runs"][0]["properties"].contains("furtherProfiles"));
}

TEST_F(SandboxChecksTest, SingleTestsThatNobodyDeclaredStandInTheStatement) {
  reported_ = "1..2\nok 1 - adds\nnot ok 2 - breaks\n";
  const auto job = verify("");
  const auto statement = parse(job.statement);
  const auto is_single = [](const std::string& name) { return name.starts_with("sandbox/test/"); };
  auto passed = list(statement, "passedTests"), failed = list(statement, "failedTests");
  std::erase_if(passed, std::not_fn(is_single));
  std::erase_if(failed, std::not_fn(is_single));
  ASSERT_EQ(passed.size(), 1u);
  EXPECT_THAT(passed[0], testing::EndsWith("/adds"));
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_THAT(failed[0], testing::EndsWith("/breaks"));
  EXPECT_EQ(result_of(job)["result"]["passed"], nullptr);
}

TEST_F(SandboxChecksTest, DoNotChangeWhatTheDeclaredTestSays) {
  broken_syntax_ = true;
  const auto passed = verify(kTested);
  EXPECT_EQ(result_of(passed)["result"]["passed"], true);
  EXPECT_EQ(result_of(passed)["verdict"], "passed");
  const auto statement = parse(passed.statement);
  EXPECT_EQ(statement["predicate"]["result"], "WARNED");
  EXPECT_THAT(list(statement, "failedTests"), Contains("sandbox/syntax"));
  EXPECT_THAT(list(statement, "passedTests"), Contains("test_command"));
  sandbox_.runs.push_back(FakeSandbox::step(FakeSandbox::exited(1)));
  EXPECT_EQ(result_of(verify(kTested))["result"]["passed"], false);
}

TEST_F(SandboxChecksTest, RunBesideTheDeclaredTest) {
  sandbox_.examine_holds = true;
  sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
  const auto id = submit_with_script(kTested);
  ASSERT_TRUE(await(sandbox_.until_running(2))) << "one waits for the other";
  sandbox_.release();
  const auto job = wait(id);
  EXPECT_EQ(result_of(job)["verdict"], "passed");
  EXPECT_EQ(result_of(job)["result"]["checks"]["sandbox"]["passed"], 5);
  const auto log = log_of(id);
  EXPECT_LT(log.find("test_command ended"), log.find("run.sh --help")) << "in the log they do not mix: " << log;
}

TEST_F(SandboxChecksTest, EndWithTheJobThatIsRemoved) {
  sandbox_.examine_holds = true;
  sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
  const auto id = submit_with_script(kTested);
  ASSERT_TRUE(await(sandbox_.until_running(2)));
  ASSERT_TRUE(await(service_->remove(id)));
  ASSERT_TRUE(await(sandbox_.until_running(0)));
  EXPECT_EQ(sandbox_.cancelled, 2);
}

TEST_F(SandboxChecksTest, AreNotWaitedForWhereTheTestHasNoImage) {
  sandbox_.examine_holds = true;
  sandbox_.known.insert_or_assign("alpine:latest",
                                  Error{Errc::rejected, "image_not_allowed", "image alpine:latest is not on the list"});
  const auto job = wait(submit_with_script(kTested));
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_THAT(job.error, HasSubstr("image_not_allowed"));
  EXPECT_EQ(sandbox_.cancelled, 1) << "the checks, which nobody would read";
}

TEST_F(SandboxChecksTest, AFaultOfTheTestIsTheJobsFaultWhateverTheChecksSay) {
  options_.attempts = 1;
  restart();
  sandbox_.runs.push_back(FakeSandbox::step(Error{Errc::unavailable, "engine_unreachable", "connection refused"}));
  const auto job = wait(submit_with_script(kTested));
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_THAT(job.error, HasSubstr("engine_unreachable"));
}

TEST_F(SandboxChecksTest, CostAPackageWithoutScriptsNothing) {
  const auto job = verify(kTested, false);
  EXPECT_TRUE(sandbox_.examine_requests.empty());
  const auto statement = parse(job.statement);
  EXPECT_EQ(entry(statement, "sandbox-checks")["annotations"]["skipped"].size(), 6u);
  EXPECT_FALSE(entry(statement, "sandbox-checks")["annotations"].contains("image"));
}

TEST_F(SandboxChecksTest, AreSkippedWhereTheirImageIsMissing) {
  fault_ = Error{Errc::not_found, "image_missing", "image toolbox:1 is not in the Docker Engine"};
  const auto job = verify("");
  const auto result = result_of(job);
  EXPECT_EQ(job.attempt, 1);
  EXPECT_EQ(result["result"]["checks"]["sandbox"]["failed"], 0);
  EXPECT_EQ(result["sandboxRows"][0]["outcome"], "skipped");
  EXPECT_THAT(result["sandboxRows"][0]["note"].get<std::string>(), HasSubstr("toolbox:1"));
}

TEST_F(SandboxChecksTest, ASandboxThatIsLostAccusesNobody) {
  fault_ = Error{Errc::unavailable, "sandbox_lost", "the sandbox ended"};
  const auto result = result_of(verify(kTested));
  EXPECT_EQ(result["result"]["passed"], true);
  EXPECT_EQ(result["result"]["checks"]["sandbox"]["failed"], 0);
  EXPECT_EQ(result["result"]["checks"]["sandbox"]["warned"], 0);
}

TEST_F(SandboxChecksTest, AnEngineThatIsAwayMakesTheJobTryAgain) {
  fault_ = Error{Errc::unavailable, "engine_unreachable", "connection refused"};
  const auto job = verify("");
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(sandbox_.examine_requests.size(), static_cast<std::size_t>(options_.attempts));
}

TEST_F(SandboxChecksTest, AreAbsentWhereTheyAreOff) {
  options_.sandbox_checks.reset();
  restart();
  const auto job = verify("");
  EXPECT_FALSE(result_of(job).contains("sandboxRows"));
  EXPECT_EQ(entry(parse(job.statement), "sandbox-checks"), nullptr);
  EXPECT_TRUE(sandbox_.examine_requests.empty());
}

TEST_F(SandboxChecksTest, GiveTheSameStatementInTwoServices) {
  const auto first = verify("");
  restart();
  EXPECT_EQ(attest::comparable_core(first.statement).value(), attest::comparable_core(verify("").statement).value());
}

TEST_F(SandboxChecksTest, ArePartOfThePolicy) {
  const auto policy = json::parse(policy_document(options_, {}).value());
  EXPECT_EQ(policy["sandboxChecks"]["image"], "toolbox:1");
  EXPECT_EQ(policy["sandboxChecks"]["sha256"], options_.sandbox_checks->digest());
}

}  // namespace
}  // namespace skill_verifier::service
