#include "service/service_fixture.hpp"
#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/service/run_once.hpp"

namespace skill_verifier::service {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kWithDeps = kTested + "test_deps: npm install\n";

Error unreachable() {
  return {Errc::unavailable, "engine_unreachable", "the engine does not answer", "start it"};
}

class LifecycleTest : public ServiceTest {
 protected:
  void SetUp() override { start(); }
  void use_quoter() {
    quoter_used_ = &quoter_;
    restart();
  }
};

TEST_F(LifecycleTest, APassingSkillIsCompletedAndPassed) {
  auto step = FakeSandbox::step(FakeSandbox::exited(0, "Hello from skill!\n"));
  sandbox_.runs.push_back(step);
  const auto job = wait(submit().id);
  const auto result = result_of(job);
  EXPECT_EQ(result["result"]["passed"], true);
  EXPECT_EQ(result["result"]["stdout"], "Hello from skill!\n");
  EXPECT_EQ(result["verdict"], "passed");
  EXPECT_EQ(result["attestation"]["resultHash"], attest::result_hash(job.statement));
  EXPECT_EQ(job.attempt, 1);
  EXPECT_TRUE(job.started_at);
  EXPECT_FALSE(job.has_pack);
  ASSERT_EQ(sandbox_.run_requests.size(), 1u);
  EXPECT_EQ(sandbox_.run_requests[0].job_id, job.id);
  EXPECT_THAT(sandbox_.run_requests[0].command.argv, ElementsAre("/bin/sh", "-c", "echo hi"));
  EXPECT_GT(sandbox_.run_requests[0].pack_bytes, 0u);
  EXPECT_THAT(sandbox_.resolved, ElementsAre("alpine:latest"));
}

TEST_F(LifecycleTest, AFailingSkillIsCompletedToo) {
  sandbox_.runs.push_back(FakeSandbox::step(FakeSandbox::exited(3, "", "broken\n")));
  const auto result = run();
  EXPECT_EQ(result["result"]["passed"], false);
  EXPECT_EQ(result["result"]["exitCode"], 3);
  EXPECT_EQ(result["verdict"], "failed");
}

TEST_F(LifecycleTest, ASkillWithoutATestRunsNothing) {
  const auto result = run("");
  EXPECT_EQ(result["verdict"], "untested");
  EXPECT_EQ(result["result"]["passed"], nullptr);
  EXPECT_TRUE(sandbox_.run_requests.empty());
  EXPECT_TRUE(sandbox_.prepare_requests.empty());
  EXPECT_TRUE(sandbox_.resolved.empty());
}

TEST_F(LifecycleTest, DepsArePreparedFirstAndTheTestRunsFromTheirImage) {
  const auto result = run(kWithDeps);
  ASSERT_EQ(sandbox_.prepare_requests.size(), 1u);
  EXPECT_TRUE(sandbox_.prepare_requests[0].bridge_network);
  EXPECT_EQ(sandbox_.prepare_requests[0].tree_digest, result["subject"]["treeDigest"].get<std::string>());
  ASSERT_EQ(sandbox_.run_requests.size(), 1u);
  EXPECT_EQ(sandbox_.run_requests[0].prepared_id, "sha256:" + std::string(64, 'b'));
  EXPECT_EQ(result["image"]["preparedId"], "sha256:" + std::string(64, 'b'));
  EXPECT_EQ(result["image"]["id"], "sha256:" + std::string(64, 'a'));
}

TEST_F(LifecycleTest, FailingDepsAreAFindingAndNoTestRuns) {
  test::FakeStep<sandbox::PrepareResult> step;
  sandbox::PrepareResult prepared;
  prepared.run = FakeSandbox::exited(1, "", "npm ERR!\n");
  step.answer = prepared;
  sandbox_.prepares.push_back(step);
  const auto result = run(kWithDeps);
  EXPECT_EQ(result["verdict"], "failed");
  EXPECT_EQ(result["phase"], "test_deps");
  EXPECT_EQ(result["result"]["stderr"], "npm ERR!\n");
  EXPECT_TRUE(sandbox_.run_requests.empty());
}

TEST_F(LifecycleTest, DepsThatSucceedWithoutAnImageAreOurFault) {
  test::FakeStep<sandbox::PrepareResult> step;
  sandbox::PrepareResult prepared;
  prepared.run = FakeSandbox::exited(0);
  step.answer = prepared;
  sandbox_.prepares.push_back(step);
  const auto job = wait(submit(kWithDeps).id);
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(parse(job.error)["code"], "prepared_image_missing");
}

TEST_F(LifecycleTest, RunsAtMostAsManyJobsAsThereAreWorkers) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
    ids.push_back(submit().id);
  }
  ASSERT_TRUE(await(sandbox_.until_running(2)));
  const auto health = await(service_->health());
  EXPECT_EQ(health.running, 2u);
  EXPECT_EQ(health.queued, 3u);
  EXPECT_EQ(health.jobs.at(JobState::running), 2u);
  EXPECT_EQ(health.jobs.at(JobState::pending), 3u);
  for (int i = 0; i < 3; ++i) {
    sandbox_.release();
    wait(ids[static_cast<std::size_t>(std::min(2 * i + 1, 4))]);
    if (i < 2) ASSERT_TRUE(await(sandbox_.until_running(i == 0 ? 2 : 1)));
  }
  EXPECT_EQ(sandbox_.most_running, 2);
}

TEST_F(LifecycleTest, RunsJobsInTheOrderOfTheirAcknowledgement) {
  options_.workers = 1;
  restart();
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i)
    ids.push_back(submit().id);
  wait(ids.back());
  std::vector<std::string> order;
  for (const auto& request : sandbox_.run_requests)
    order.push_back(request.job_id);
  EXPECT_EQ(order, ids);
}

TEST_F(LifecycleTest, TriesAgainAfterAPassingFault) {
  sandbox_.runs.push_back(FakeSandbox::step(unreachable()));
  sandbox_.runs.push_back(FakeSandbox::step(Error{Errc::unavailable, "sandbox_lost", "the init went away"}));
  const auto result = run();
  EXPECT_EQ(result["verdict"], "passed");
  EXPECT_EQ(result["attempt"], 3);
  ASSERT_EQ(sandbox_.run_requests.size(), 3u);
  EXPECT_EQ(sandbox_.run_requests[2].attempt, 3);
  EXPECT_EQ(store_->requeues, 2);
}

TEST_F(LifecycleTest, GivesUpAfterTheConfiguredNumberOfAttempts) {
  for (int i = 0; i < 5; ++i)
    sandbox_.runs.push_back(FakeSandbox::step(unreachable()));
  const auto job = wait(submit().id);
  EXPECT_EQ(job.state, JobState::failed);
  const auto error = parse(job.error);
  EXPECT_EQ(error["code"], "engine_unreachable");
  EXPECT_EQ(error["message"], "the engine does not answer");
  EXPECT_EQ(error["hint"], "start it");
  EXPECT_EQ(job.attempt, 3);
  EXPECT_EQ(job.result, "");
  EXPECT_EQ(sandbox_.run_requests.size(), 3u);
}

TEST_F(LifecycleTest, DoesNotRepeatAFaultThatWouldRepeatItself) {
  sandbox_.known.emplace("alpine:latest", Error{Errc::rejected, "image_not_allowed", "not on the list"});
  const auto job = wait(submit().id);
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(parse(job.error)["code"], "image_not_allowed");
  EXPECT_EQ(sandbox_.resolved.size(), 1u);
}

TEST_F(LifecycleTest, AJobThatWaitsToBeTriedAgainHoldsNoWorker) {
  options_.workers = 1;
  options_.retry_backoff = std::chrono::hours(1);
  restart();
  sandbox_.runs.push_back(FakeSandbox::step(unreachable()));
  const auto faulty = submit();
  const auto fine = submit();
  EXPECT_EQ(result_of(wait(fine.id))["verdict"], "passed");
  EXPECT_EQ(find(faulty.id).state, JobState::pending);
  EXPECT_EQ(find(faulty.id).attempt, 1);
}

TEST_F(LifecycleTest, ASandboxThatDoesNotAnswerIsAFaultNotAHang) {
  options_.sandbox_overhead = std::chrono::nanoseconds(1);
  options_.max_test_timeout = std::chrono::milliseconds(1);
  options_.attempts = 1;
  restart();
  sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
  const auto job = wait(submit().id);
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(parse(job.error)["code"], "timed_out");
  EXPECT_EQ(sandbox_.cancelled, 1);
}

TEST_F(LifecycleTest, TestDepsMayWaitForAnEqualJobsTurnWithoutLosingTheirOwnTime) {
  options_.sandbox_overhead = std::chrono::nanoseconds(1);
  options_.deps_timeout = std::chrono::milliseconds(1);
  restart();
  test::FakeStep<sandbox::PrepareResult> waiting;
  waiting.hold = true;
  sandbox::PrepareResult prepared;
  prepared.run = FakeSandbox::exited(0);
  prepared.image_id = "sha256:" + std::string(64, 'b');
  waiting.answer = prepared;
  sandbox_.prepares.push_back(waiting);
  const auto id = submit(kWithDeps).id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  // The whole limit of the command passes many times over.
  EXPECT_EQ(await(service_->wait(id, std::chrono::milliseconds(50)))->state, JobState::running);
  ASSERT_EQ(sandbox_.prepare_requests.size(), 1u);
  EXPECT_EQ(sandbox_.prepare_requests[0].overhead, options_.sandbox_overhead) << "the sandbox counts from the turn";
  sandbox_.release();
  EXPECT_EQ(sandbox_.cancelled, 0);
  wait(id);
  EXPECT_EQ(sandbox_.run_requests.size(), 1u);
}

TEST_F(LifecycleTest, EveryLogLineOfAJobNamesTheRequestThatSubmittedIt) {
  quoter_used_ = &quoter_;
  options_.attempts = 2;
  restart();
  quoter_.answers.push_back(Error{Errc::unavailable, "quote_unavailable", "nobody listens"});
  sandbox_.runs.push_back(FakeSandbox::step(unreachable()));
  testing::internal::CaptureStderr();
  auto wanted = submission(kWithDeps);
  wanted.request_id = "req-77";
  const auto job = await(service_->submit(std::move(wanted)));
  ASSERT_TRUE(job);
  EXPECT_EQ(wait(job->id).state, JobState::completed);
  std::istringstream log(testing::internal::GetCapturedStderr());
  int lines = 0;
  for (std::string line; std::getline(log, line); ++lines) {
    EXPECT_THAT(line, testing::HasSubstr("job=" + job->id));
    EXPECT_THAT(line, testing::HasSubstr("request=req-77"));
  }
  EXPECT_EQ(lines, 6) << "accepted, started, to be tried again, started, no quote, ended";
  EXPECT_EQ(sandbox_.prepare_requests.at(0).request_id, "req-77");
  EXPECT_EQ(sandbox_.run_requests.at(0).request_id, "req-77");
  EXPECT_EQ(quoter_.asked_for.at(0).job_id, job->id);
  EXPECT_EQ(quoter_.asked_for.at(0).request_id, "req-77");
}

TEST_F(LifecycleTest, AStoreThatCannotBeginAJobDoesNotSpoilItsAttempts) {
  store_->begin_failures = 10;
  const auto job = wait(submit().id);
  EXPECT_EQ(job.state, JobState::completed);
  EXPECT_EQ(job.attempt, 1);
}

TEST_F(LifecycleTest, AVerdictIsKeptUntilTheStoreTakesIt) {
  store_->finish_failures = 5;
  EXPECT_EQ(run()["verdict"], "passed");
  EXPECT_EQ(sandbox_.run_requests.size(), 1u) << "and nothing runs twice for it";
}

/// Every use of it is a mistake.
class BrokenSandbox final : public sandbox::Sandbox {
 public:
  core::awaitable<Result<std::vector<std::string>>> start() override { co_return std::vector<std::string>{}; }
  core::awaitable<Result<sandbox::Image>> resolve(std::string, std::function<void(std::string_view)>) override {
    throw std::runtime_error("a secret detail");
  }
  core::awaitable<Result<std::vector<sandbox::Image>>> images() override { throw std::runtime_error("unused"); }
  core::awaitable<Result<std::optional<sandbox::Image>>> present(std::string) override {
    throw std::runtime_error("unused");
  }
  core::awaitable<Result<sandbox::PrepareResult>> prepare(sandbox::PrepareRequest, sandbox::OutputSink) override {
    throw std::runtime_error("unused");
  }
  core::awaitable<Result<sandbox::RunResult>> run(sandbox::RunRequest, sandbox::OutputSink) override {
    throw std::runtime_error("unused");
  }
  core::awaitable<Result<sandbox::ExamineResult>> examine(sandbox::ExamineRequest) override {
    throw std::runtime_error("unused");
  }
  sandbox::Profile profile() const override { return {}; }
  core::awaitable<Result<void>> check() override { co_return Result<void>{}; }
  core::awaitable<void> stop() override { co_return; }
};

TEST_F(LifecycleTest, AnExceptionEndsTheJobAndNotTheService) {
  BrokenSandbox broken;
  Service service(io_.get_executor(), pool_, clock_, *store_, broken, nullptr, options_);
  ASSERT_TRUE(await(service.start()));
  auto submitted = await(service.submit(submission()));
  ASSERT_TRUE(submitted);
  const auto job = await(service.wait(submitted->id, std::chrono::seconds(30)));
  ASSERT_TRUE(job);
  EXPECT_EQ(job->state, JobState::failed);
  EXPECT_EQ(parse(job->error)["code"], "internal");
  EXPECT_THAT(job->error, Not(HasSubstr("secret")));
  auto untested = await(service.submit(submission("")));
  ASSERT_TRUE(untested);
  EXPECT_EQ(await(service.wait(untested->id, std::chrono::seconds(30)))->state, JobState::completed);
  await(service.stop());
}

TEST_F(LifecycleTest, SaysSoWhereThereIsNoGuestAgent) {
  const auto result = run();
  EXPECT_EQ(result["attestation"]["verifier"], "none");
  EXPECT_EQ(result["attestation"]["quote"], nullptr);
  EXPECT_EQ(result["attestation"]["note"], "No TEE available - deploy to dstack for real attestations");
  EXPECT_EQ(await(service_->health()).attestation, "none");
}

TEST_F(LifecycleTest, BindsTheResultHashToTheQuote) {
  use_quoter();
  const auto job = wait(submit().id);
  const auto result = result_of(job);
  EXPECT_EQ(result["attestation"]["quote"], "0x0400");
  EXPECT_EQ(result["attestation"]["teeType"], "simulated");
  ASSERT_EQ(quoter_.asked.size(), 1u);
  EXPECT_EQ(quoter_.asked[0], attest::report_data(attest::kResultTag, attest::result_hash(job.statement)));
  EXPECT_EQ(await(service_->health()).attestation, "dstack-sdk");
}

TEST_F(LifecycleTest, AnUntestedSkillIsAttestedAsUntested) {
  use_quoter();
  const auto job = wait(submit("").id);
  EXPECT_EQ(result_of(job)["attestation"]["verifier"], "dstack-sdk");
  EXPECT_THAT(job.statement, HasSubstr("\"result\":\"WARNED\""));
}

TEST_F(LifecycleTest, WithoutAQuoteTheJobStillCompletesAndSaysWhy) {
  use_quoter();
  quoter_.answers.push_back(Error{Errc::unavailable, "quote_unavailable", "the agent is busy"});
  const auto result = run();
  EXPECT_EQ(result["verdict"], "passed");
  EXPECT_EQ(result["attestation"]["verifier"], "none");
  EXPECT_THAT(result["attestation"]["note"].get<std::string>(), HasSubstr("the agent is busy"));
}

TEST_F(LifecycleTest, ARequiredQuoteThatFailsFailsTheJob) {
  options_.attestation_required = true;
  use_quoter();
  quoter_.answers.push_back(Error{Errc::rejected, "quote_mismatch", "the quote speaks for other bytes"});
  const auto job = wait(submit().id);
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(parse(job.error)["code"], "attestation_unavailable");
  EXPECT_EQ(sandbox_.run_requests.size(), 1u);
}

TEST_F(LifecycleTest, ASimulatedQuoteIsNotTheRequiredOne) {
  options_.attestation_required = true;
  use_quoter();
  const auto job = wait(submit().id);
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(parse(job.error)["code"], "attestation_simulated");
  EXPECT_EQ(quoter_.asked.size(), 1u);
}

TEST_F(LifecycleTest, ARequiredQuoteWithoutAnAgentFailsBeforeAnythingRuns) {
  options_.attestation_required = true;
  restart();
  const auto job = wait(submit().id);
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(parse(job.error)["code"], "attestation_unavailable");
  EXPECT_TRUE(sandbox_.run_requests.empty());
}

TEST_F(LifecycleTest, ASlowQuoteHoldsNoWorker) {
  options_.workers = 1;
  use_quoter();
  quoter_.hold = true;
  const auto first = submit();
  ASSERT_TRUE(await(quoter_.until_waiting(1)));
  const auto second = submit();
  ASSERT_TRUE(await(quoter_.until_waiting(2))) << "the second job was tested while the first waits for its quote";
  EXPECT_EQ(find(first.id).state, JobState::running);
  quoter_.release();
  EXPECT_EQ(result_of(wait(first.id))["attestation"]["verifier"], "dstack-sdk");
  EXPECT_EQ(result_of(wait(second.id))["attestation"]["verifier"], "dstack-sdk");
}

TEST_F(LifecycleTest, BeginsNoMoreJobsThanTheQuoterCanFollow) {
  options_.workers = 1;
  options_.quote_backlog = 2;
  use_quoter();
  quoter_.hold = true;
  std::vector<std::string> ids;
  for (int i = 0; i < 8; ++i)
    ids.push_back(submit().id);
  ASSERT_TRUE(await(quoter_.until_waiting(2)));
  EXPECT_EQ(await(service_->health()).queued, 6u);
  EXPECT_EQ(sandbox_.run_requests.size(), 2u);
  quoter_.release();
  for (const auto& id : ids)
    EXPECT_EQ(wait(id).state, JobState::completed);
}

TEST_F(LifecycleTest, AQuoteHasATimeLimit) {
  options_.quote_timeout = std::chrono::nanoseconds(1);
  use_quoter();
  quoter_.hold = true;
  const auto result = run();
  EXPECT_EQ(result["attestation"]["verifier"], "none");
  EXPECT_EQ(quoter_.cancelled, 1);
}

TEST_F(LifecycleTest, WaitAnswersAsSoonAsTheJobIsFinal) {
  sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
  const auto id = submit().id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  EXPECT_EQ(await(service_->wait(id, core::Duration::zero()))->state, JobState::running);
  EXPECT_EQ(await(service_->wait(id, std::chrono::milliseconds(1)))->state, JobState::running);
  sandbox_.release();
  EXPECT_EQ(wait(id).state, JobState::completed);
  EXPECT_EQ(wait(id).state, JobState::completed) << "at once when it is final already";
  EXPECT_EQ(await(service_->wait("none", std::chrono::seconds(30))).error().code, Errc::not_found);
}

TEST_F(LifecycleTest, TheLogGrowsWhileTheJobRuns) {
  auto step = FakeSandbox::held(FakeSandbox::exited(0));
  step.output = {{sandbox::StreamId::out, "first\n"}, {sandbox::StreamId::err, "second\n"}};
  sandbox_.runs.push_back(step);
  sandbox_.pull_lines = {"pulling layer 1/2"};
  const auto id = submit(kWithDeps).id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  const auto live = await(service_->log(id, 0, core::Duration::zero()));
  ASSERT_TRUE(live);
  EXPECT_FALSE(live->done);
  EXPECT_THAT(live->text, HasSubstr("pulling layer 1/2\n"));
  EXPECT_THAT(live->text, HasSubstr("== test_deps: /bin/sh -c npm install\n"));
  EXPECT_THAT(live->text, HasSubstr("== test_command: /bin/sh -c echo hi\nfirst\nsecond\n"));
  sandbox_.release();
  wait(id);
  const auto rest = await(service_->log(id, live->next_offset, core::Duration::zero()));
  ASSERT_TRUE(rest);
  EXPECT_TRUE(rest->done);
  EXPECT_THAT(rest->text, HasSubstr("== verdict: passed\n"));
  EXPECT_EQ(live->text + rest->text, log_of(id)) << "the stored log continues the live one";
}

TEST_F(LifecycleTest, TheLogHasTheKeptTailOfACutStream) {
  auto run = FakeSandbox::exited(0, "head");
  run.out.tail = "tail";
  run.out.total = 1000;
  run.out.truncated = true;
  sandbox_.runs.push_back(FakeSandbox::step(run));
  const auto id = submit().id;
  const auto result = result_of(wait(id));
  EXPECT_EQ(result["truncated"], true);
  EXPECT_THAT(log_of(id), HasSubstr("== stdout: 992 bytes left out\ntail\n"));
}

TEST_F(LifecycleTest, LogReadsPastTheEndAreEmpty) {
  const auto id = submit().id;
  wait(id);
  const auto part = await(service_->log(id, 1u << 30, std::chrono::seconds(30)));
  ASSERT_TRUE(part);
  EXPECT_EQ(part->text, "");
  EXPECT_EQ(part->next_offset, 1u << 30);
  EXPECT_TRUE(part->done);
  EXPECT_EQ(await(service_->log("none", 0, core::Duration::zero())).error().code, Errc::not_found);
}

TEST_F(LifecycleTest, PolicyIsAppliedWhenTheJobRuns) {
  options_.max_test_timeout = std::chrono::milliseconds(5'000);
  restart();
  const auto result = run(kTested + "network: bridge\n");
  ASSERT_EQ(sandbox_.run_requests.size(), 1u);
  EXPECT_EQ(sandbox_.run_requests[0].command.timeout, std::chrono::milliseconds(5'000));
  EXPECT_FALSE(sandbox_.run_requests[0].bridge_network);
  EXPECT_THAT(result["warnings"].dump(), HasSubstr("timeout_capped"));
}

TEST_F(LifecycleTest, ListsAndCounts) {
  const auto first = submit().id, second = submit("").id;
  wait(first);
  wait(second);
  EXPECT_EQ(await(service_->total(std::nullopt)).value(), 2u);
  const auto jobs = await(service_->list({}));
  ASSERT_EQ(jobs->size(), 2u);
  EXPECT_EQ((*jobs)[0].id, second);
}

TEST_F(LifecycleTest, OldJobsAreRemovedAtStart) {
  const auto old = submit().id;
  wait(old);
  clock_.advance(std::chrono::hours(2));
  const auto young = submit().id;
  wait(young);
  options_.retention = std::chrono::hours(1);
  restart();
  EXPECT_EQ(await(service_->find(old)).error().code, Errc::not_found);
  EXPECT_TRUE(await(service_->find(young)));
}

TEST_F(LifecycleTest, OldJobsAreRemovedWhileTheServiceRuns) {
  options_.retention = std::chrono::hours(1);
  options_.retention_interval = std::chrono::microseconds(10);
  options_.jump_hold = core::Duration::zero();
  restart();
  const auto old = submit().id;
  wait(old);
  clock_.advance(std::chrono::hours(2));
  bool removed = false;
  for (int turn = 0; turn < 100'000 && !removed; ++turn)
    removed = !await(service_->find(old));
  EXPECT_TRUE(removed);
}

TEST_F(LifecycleTest, RunOnceGivesTheFinalJob) {
  options_.skill_roots.clear();
  options_.allow_any_path = true;
  restart();
  const auto job = await(run_once(*service_, submission()));
  ASSERT_TRUE(job) << job.error().message;
  EXPECT_EQ(result_of(*job)["verdict"], "passed");
  Submission absent;
  absent.skill_path = (scratch_ / "absent").string();
  EXPECT_EQ(await(run_once(*service_, absent)).error().id, "skill_path_not_found");
}

core::awaitable<void> run_and_tell(Service& service, Submission wanted, std::string& told) {
  auto job = co_await run_once(service, std::move(wanted));
  told = job ? "ended" : job.error().id;
}

TEST_F(LifecycleTest, RunOnceIsCancelledWithItsJob) {
  sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
  std::string told;
  core::TaskGroup group(io_.get_executor());
  group.spawn("once", run_and_tell(*service_, submission(), told));
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  group.cancel();
  ASSERT_TRUE(await(group.wait(std::chrono::seconds(30))));
  EXPECT_EQ(told, "cancelled");
  EXPECT_EQ(sandbox_.cancelled, 1);
  EXPECT_EQ(await(service_->total(std::nullopt)).value(), 0u);
}

}  // namespace
}  // namespace skill_verifier::service
