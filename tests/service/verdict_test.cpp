#include "service/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "skill_verifier/core/json.hpp"

namespace skill_verifier::service {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

JobRequest request() {
  JobRequest made;
  made.archive_name = "demo.tar";
  made.archive_sha256 = std::string(64, '1');
  made.tree_digest = std::string(64, '2');
  made.pack_bytes = 10;
  made.manifest.name = "demo";
  made.manifest.version = "1.0.0";
  made.manifest.file = "SKILL.md";
  made.manifest.test.command = skill::Command{{"true"}, false};
  made.manifest.test.source = "metadata.test_command";
  return made;
}

sandbox::RunResult exited(int code) {
  sandbox::RunResult run;
  run.exit_code = code;
  run.out.head = "out\n";
  run.out.total = 4;
  run.duration = std::chrono::microseconds(12'600);
  return run;
}

sandbox::RunResult ended(sandbox::Outcome outcome) {
  auto run = exited(0);
  run.outcome = outcome;
  run.exit_code.reset();
  return run;
}

struct Case {
  JobRequest request = service::request();
  ServiceOptions options;
  Evidence evidence;

  Case() {
    options.verifier = "skill-verifier 0.0.0";
    options.verifier_sha256 = std::string(64, '3');
  }
  explicit Case(sandbox::RunResult run) : Case() {
    sandbox::Image image;
    image.reference = "alpine:latest";
    image.id = "sha256:" + std::string(64, '4');
    evidence.image = image;
    evidence.run = std::move(run);
  }

  Plan plan() const { return make_plan(request.manifest, options).value(); }
  Judgement judgement() const { return judge(request, plan(), evidence); }
  attest::StatementInput input() const {
    const sandbox::Profile profile{"runc", std::string(64, '5'), std::string(64, '6')};
    return statement_input("demo@1.0.0", request, plan(), evidence, judgement(), 2, profile, options);
  }
  std::string statement() const {
    const auto built = attest::build_statement(input());
    EXPECT_TRUE(built) << built.error().message;
    return built.value_or("");
  }
  core::OrderedJson result(const std::optional<attest::Quote>& quote = std::nullopt) const {
    const auto judged = judgement();
    const std::string id = "demo@1.0.0", hash(64, '7'), note = "no quote", collateral(64, '8');
    const ResultInput input{id,
                            request,
                            evidence,
                            judged,
                            core::Time(std::chrono::milliseconds(1'769'776'496'789)),
                            std::chrono::milliseconds(250),
                            2,
                            hash,
                            quote,
                            note,
                            collateral};
    return core::OrderedJson::parse(result_json(input));
  }
};

std::vector<std::string> codes(const Judgement& judgement) {
  std::vector<std::string> found;
  for (const auto& warning : judgement.warnings)
    found.push_back(warning.code);
  return found;
}

TEST(Judge, PassesOnlyWhatExitedWithZero) {
  using sandbox::Outcome;
  EXPECT_EQ(Case(exited(0)).judgement().verdict, Verdict::passed);
  EXPECT_EQ(Case(exited(1)).judgement().verdict, Verdict::failed);
  EXPECT_EQ(Case(exited(137)).judgement().verdict, Verdict::failed);
  for (const auto outcome : {Outcome::timeout, Outcome::oom, Outcome::killed}) {
    EXPECT_EQ(Case(ended(outcome)).judgement().verdict, Verdict::failed);
    auto pretends = ended(outcome);
    pretends.exit_code = 0;
    EXPECT_EQ(Case(pretends).judgement().verdict, Verdict::failed) << to_string(outcome);
  }
  auto unknown = exited(0);
  unknown.exit_code.reset();
  EXPECT_EQ(Case(unknown).judgement().verdict, Verdict::failed);
}

TEST(Judge, IsUntestedWithoutATest) {
  Case one;
  one.request.manifest.test.command.reset();
  const auto judged = one.judgement();
  EXPECT_EQ(judged.verdict, Verdict::untested);
  EXPECT_EQ(judged.phase, "");
  EXPECT_FALSE(judged.run);
}

TEST(Judge, AFailingTestDepsDecides) {
  Case one(exited(0));
  one.request.manifest.test.deps = skill::Command{{"false"}, false};
  one.evidence.run.reset();
  sandbox::PrepareResult prepared;
  prepared.run = exited(9);
  one.evidence.prepared = prepared;
  const auto judged = one.judgement();
  EXPECT_EQ(judged.verdict, Verdict::failed);
  EXPECT_EQ(judged.phase, "test_deps");
  EXPECT_EQ(judged.run->exit_code, 9);
  EXPECT_THAT(one.input().failed_tests, ElementsAre("test_deps"));
  EXPECT_EQ(one.result()["phase"], "test_deps");
  EXPECT_EQ(one.result()["result"]["passed"], false);
}

TEST(Judge, ACachedTestDepsNeedsNoRun) {
  sandbox::PrepareResult prepared;
  prepared.cached = true;
  EXPECT_FALSE(deps_succeeded(prepared)) << "but an image";
  prepared.image_id = "sha256:x";
  EXPECT_TRUE(deps_succeeded(prepared));
  prepared.cached = false;
  EXPECT_FALSE(deps_succeeded(prepared));
  prepared.run = exited(0);
  EXPECT_TRUE(deps_succeeded(prepared));
}

TEST(Judge, WarnsOfWhatStandsBetweenAPassAndTheDeclaration) {
  auto run = exited(0);
  run.out.truncated = true;
  run.memory_killed = true;
  Case one(run);
  one.request.manifest.test.declared = false;
  one.request.manifest.frontmatter_recovered = true;
  one.request.manifest.test.timeout = std::chrono::hours(1);
  one.request.manifest.test.network = skill::Network::bridge;
  const auto judged = one.judgement();
  EXPECT_THAT(codes(judged), ElementsAre("timeout_capped", "network_denied", "frontmatter_recovered", "test_discovered",
                                         "output_truncated", "memory_killed"));
  EXPECT_EQ(judged.verdict, Verdict::passed);
  EXPECT_TRUE(judged.weakened);
}

TEST(Judge, WarningsOfStyleLeaveAPassAlone) {
  Case one(exited(0));
  one.request.warnings.push_back({"crlf", "line ends are CR LF", "SKILL.md", {1, 1}});
  EXPECT_THAT(codes(one.judgement()), ElementsAre("crlf"));
  EXPECT_FALSE(one.judgement().weakened);
  EXPECT_EQ(one.input().verdict, attest::StatementInput::Verdict::passed);
}

TEST(Judge, DoesNotRepeatAWarningOfTheManifestReader) {
  Case one(exited(0));
  one.request.manifest.frontmatter_recovered = true;
  one.request.warnings.push_back({"frontmatter_recovered", "from the reader", "SKILL.md", {4, 2}});
  EXPECT_THAT(codes(one.judgement()), ElementsAre("frontmatter_recovered"));
  EXPECT_TRUE(one.judgement().weakened);
}

TEST(StatementInput, SaysPassedFailedOrWarned) {
  using Said = attest::StatementInput::Verdict;
  const Case passed(exited(0)), failed(exited(3));
  EXPECT_EQ(passed.input().verdict, Said::passed);
  EXPECT_THAT(passed.input().passed_tests, ElementsAre("test_command"));
  EXPECT_THAT(passed.input().failed_tests, IsEmpty());
  EXPECT_EQ(failed.input().verdict, Said::failed);
  EXPECT_THAT(failed.input().failed_tests, ElementsAre("test_command"));

  Case warned(exited(0));
  warned.request.manifest.test.declared = false;
  EXPECT_EQ(warned.input().verdict, Said::warned);
  EXPECT_THAT(warned.input().warned_tests, ElementsAre("test_command"));
  EXPECT_THAT(warned.input().passed_tests, IsEmpty());

  Case untested;
  untested.request.manifest.test.command.reset();
  EXPECT_EQ(untested.input().verdict, Said::warned);
  EXPECT_THAT(untested.input().warned_tests, IsEmpty());
  EXPECT_FALSE(untested.input().run);

  Case weak_failure(exited(1));
  weak_failure.request.manifest.test.declared = false;
  EXPECT_EQ(weak_failure.input().verdict, Said::failed) << "a failure is not softened";
}

TEST(StatementInput, DigestsTheKeptOutput) {
  const Case one(exited(0));
  ASSERT_TRUE(one.input().run);
  EXPECT_EQ(one.input().run->output_sha256, attest::output_digest("out\n", ""));
  EXPECT_EQ(one.input().run->attempt, 2);
  EXPECT_EQ(one.input().run->outcome, "exited");
}

TEST(StatementInput, BuildsAStatementForEveryVerdict) {
  EXPECT_FALSE(Case(exited(0)).statement().empty());
  EXPECT_FALSE(Case(exited(1)).statement().empty());
  EXPECT_FALSE(Case(ended(sandbox::Outcome::timeout)).statement().empty());
  Case untested;
  untested.request.manifest.test.command.reset();
  EXPECT_FALSE(untested.statement().empty());
}

TEST(StatementInput, CoreIsEqualForAnotherAttemptAndNonceAndDiffersForOtherLimits) {
  Case first(exited(0)), second(exited(0)), third(exited(0));
  first.request.nonce = "a";
  second.request.nonce = "b";
  second.evidence.run->duration = std::chrono::seconds(9);
  third.options.limits.pids = 64;
  const auto core_of = [](const Case& one) { return attest::comparable_core(one.statement()).value(); };
  EXPECT_NE(first.statement(), second.statement());
  EXPECT_EQ(core_of(first), core_of(second));
  EXPECT_NE(core_of(first), core_of(third));
}

TEST(StatementInput, ShowsTheEffectiveManifestAndTheWall) {
  Case one(exited(0));
  one.request.manifest.test.timeout = std::chrono::hours(1);
  one.request.manifest.test.env = {{"A", "1"}};
  const auto document = nlohmann::json::parse(one.statement());
  const auto& configuration = document["predicate"]["configuration"];
  const auto entry = [&](const std::string& name) {
    for (const auto& item : configuration)
      if (item["name"] == name) return item["annotations"];
    return nlohmann::json();
  };
  EXPECT_EQ(entry("manifest")["timeout_ms"], 300'000);
  EXPECT_EQ(entry("manifest")["test_command"], nlohmann::json::array({"true"}));
  EXPECT_EQ(entry("manifest")["env"], nlohmann::json::array({"A=1"}));
  EXPECT_EQ(entry("sandbox")["network"], "none");
  EXPECT_EQ(entry("sandbox")["memoryMiB"], 512);
  EXPECT_EQ(entry("sandbox")["runtime"], "runc");
}

TEST(ResultJson, HasThePredecessorsMembersFirstAndInItsOrder) {
  const auto result = Case(exited(0)).result();
  std::vector<std::string> names;
  for (const auto& item : result.items())
    names.push_back(item.key());
  EXPECT_THAT(names, ElementsAre("skillId", "timestamp", "duration", "result", "attestation", "manifest", "verdict",
                                 "outcome", "truncated", "memoryKilled", "phase", "declared", "image", "subject",
                                 "warnings", "notes", "attempt", "collateral"));
  names.clear();
  for (const auto& item : result["result"].items())
    names.push_back(item.key());
  EXPECT_THAT(names, ElementsAre("passed", "exitCode", "stdout", "stderr", "duration"));
  EXPECT_EQ(result["timestamp"], "2026-01-30T12:34:56.789Z");
  EXPECT_EQ(result["duration"], 250);
  EXPECT_EQ(result["result"]["passed"], true);
  EXPECT_EQ(result["result"]["exitCode"], 0);
  EXPECT_EQ(result["result"]["stdout"], "out\n");
  EXPECT_EQ(result["result"]["duration"], 13);
  EXPECT_EQ(result["manifest"]["version"], "1.0.0");
  EXPECT_EQ(result["manifest"]["description"], nullptr);
  EXPECT_EQ(result["verdict"], "passed");
  EXPECT_EQ(result["declared"], true);
  EXPECT_EQ(result["attempt"], 2);
  EXPECT_EQ(result["image"]["preparedId"], nullptr);
  EXPECT_EQ(result["subject"]["treeDigest"], std::string(64, '2'));
}

TEST(ResultJson, AnUntestedSkillNeverReadsAsAPass) {
  Case one;
  one.request.manifest.test.command.reset();
  const auto result = one.result();
  EXPECT_EQ(result["result"]["passed"], nullptr);
  EXPECT_EQ(result["result"]["exitCode"], nullptr);
  EXPECT_EQ(result["verdict"], "untested");
  EXPECT_EQ(result["outcome"], nullptr);
  EXPECT_EQ(result["phase"], nullptr);
  EXPECT_EQ(result["image"], nullptr);
  EXPECT_EQ(result["declared"], false);
}

TEST(ResultJson, ReplacesBytesThatAreNoText) {
  auto run = exited(0);
  run.out.head =
      "a\xff\x00z"
      "b";
  EXPECT_EQ(Case(run).result()["result"]["stdout"].get<std::string>().substr(0, 4), "a\xEF\xBF\xBD");
}

TEST(ResultJson, CarriesTheQuote) {
  attest::Quote quote;
  quote.quote_hex = "0400";
  quote.tee_type = "simulated";
  const auto result = Case(exited(0)).result(quote);
  EXPECT_EQ(result["attestation"]["quote"], "0x0400");
  EXPECT_EQ(result["attestation"]["teeType"], "simulated");
  EXPECT_EQ(Case(exited(0)).result()["attestation"]["verifier"], "none");
}

TEST(ErrorJson, HasCodeMessageAndHint) {
  EXPECT_EQ(error_json(Error{Errc::unavailable, "engine_unreachable", "no answer", "start it"}),
            R"({"code":"engine_unreachable","message":"no answer","hint":"start it"})");
}

}  // namespace
}  // namespace skill_verifier::service
