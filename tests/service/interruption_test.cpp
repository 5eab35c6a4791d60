#include "service/service_fixture.hpp"

namespace skill_verifier::service {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kWithDeps = kTested + "test_deps: npm install\n";

/// Jobs that do not run to their end undisturbed: removal, shutdown, restart.
class InterruptionTest : public ServiceTest {
 protected:
  void SetUp() override { start(); }

  void hold_run() { sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0))); }
  void hold_prepare() {
    test::FakeStep<sandbox::PrepareResult> step;
    step.hold = true;
    sandbox_.prepares.push_back(step);
  }
  void expect_gone(const std::string& id) {
    EXPECT_EQ(await(service_->find(id)).error().code, Errc::not_found);
    EXPECT_FALSE(fs::exists(store_->pack_path(id)));
    EXPECT_EQ(await(service_->health()).running, 0u);
  }
};

TEST_F(InterruptionTest, RemovesAFinalJob) {
  const auto id = submit().id;
  wait(id);
  EXPECT_TRUE(await(service_->remove(id)));
  expect_gone(id);
}

TEST_F(InterruptionTest, RemovingAnUnknownJobIsNotFound) {
  EXPECT_EQ(await(service_->remove("0123456789abcdef0123456789abcdef")).error().code, Errc::not_found);
}

TEST_F(InterruptionTest, RemovingARunningJobEndsItsContainerFirst) {
  hold_run();
  const auto id = submit().id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  EXPECT_TRUE(await(service_->remove(id)));
  EXPECT_EQ(sandbox_.running, 0);
  EXPECT_EQ(sandbox_.cancelled, 1);
  expect_gone(id);
}

TEST_F(InterruptionTest, RemovingAJobInItsDepsEndsIt) {
  hold_prepare();
  const auto id = submit(kWithDeps).id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  EXPECT_TRUE(await(service_->remove(id)));
  EXPECT_EQ(sandbox_.cancelled, 1);
  EXPECT_TRUE(sandbox_.run_requests.empty());
  expect_gone(id);
}

TEST_F(InterruptionTest, RemovingAJobThatWaitsForItsQuoteEndsIt) {
  quoter_used_ = &quoter_;
  restart();
  quoter_.hold = true;
  const auto id = submit().id;
  ASSERT_TRUE(await(quoter_.until_waiting(1)));
  EXPECT_TRUE(await(service_->remove(id)));
  EXPECT_EQ(quoter_.cancelled, 1);
  expect_gone(id);
}

TEST_F(InterruptionTest, RemovingAQueuedJobNeverRunsIt) {
  options_.workers = 1;
  restart();
  hold_run();
  const auto running = submit().id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  const auto queued = submit().id, last = submit().id;
  EXPECT_TRUE(await(service_->remove(queued)));
  EXPECT_EQ(await(service_->find(queued)).error().code, Errc::not_found);
  sandbox_.release();
  wait(last);
  std::vector<std::string> ran;
  for (const auto& request : sandbox_.run_requests)
    ran.push_back(request.job_id);
  EXPECT_THAT(ran, ElementsAre(running, last));
}

TEST_F(InterruptionTest, RemovingAJobRightAfterSubmissionNeverRunsIt) {
  const auto id = submit().id;
  EXPECT_TRUE(await(service_->remove(id)));
  expect_gone(id);
}

TEST_F(InterruptionTest, RemovingAJobBetweenTwoAttemptsEndsIt) {
  options_.retry_backoff = std::chrono::hours(1);
  options_.workers = 1;
  restart();
  sandbox_.runs.push_back(FakeSandbox::step(Error{Errc::unavailable, "engine_unreachable", "no answer"}));
  const auto id = submit().id;
  wait(submit().id);
  ASSERT_EQ(find(id).state, JobState::pending);
  EXPECT_TRUE(await(service_->remove(id)));
  expect_gone(id);
}

TEST_F(InterruptionTest, TwoRemovalsOfOneJobBothEnd) {
  hold_run();
  const auto id = submit().id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  int removed = 0, missing = 0;
  auto one = [](Service& service, std::string id, int& yes, int& no) -> core::awaitable<void> {
    auto done = co_await service.remove(id);
    ++(done ? yes : no);
  };
  core::TaskGroup group(io_.get_executor());
  group.spawn("remove", one(*service_, id, removed, missing));
  group.spawn("remove", one(*service_, id, removed, missing));
  ASSERT_TRUE(await(group.wait(std::chrono::seconds(30))));
  EXPECT_EQ(removed, 1);
  EXPECT_EQ(missing, 1);
}

core::awaitable<void> wait_and_tell(Service& service, std::string id, std::string& told) {
  auto job = co_await service.wait(id, std::chrono::seconds(30));
  told = job ? store::to_string(job->state) : job.error().id;
}

TEST_F(InterruptionTest, ThoseWhoWaitForARemovedJobAreToldThatItIsGone) {
  hold_run();
  const auto id = submit().id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  std::string told;
  core::TaskGroup group(io_.get_executor());
  group.spawn("wait", wait_and_tell(*service_, id, told));
  io_.poll();
  EXPECT_TRUE(await(service_->remove(id)));
  ASSERT_TRUE(await(group.wait(std::chrono::seconds(30))));
  EXPECT_TRUE(told == "job_not_found" || told == "cancelled") << told;
}

TEST_F(InterruptionTest, ALaterLifeStillKnowsWhoSubmittedAJob) {
  hold_run();
  auto wanted = submission();
  wanted.request_id = "req-77";
  const auto id = await(service_->submit(std::move(wanted)))->id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  stop();
  testing::internal::CaptureStderr();
  restart();
  wait(id);
  const auto log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("job started job=" + id + " request=req-77"));
  EXPECT_THAT(log, HasSubstr("job ended job=" + id + " request=req-77"));
  EXPECT_EQ(sandbox_.run_requests.back().request_id, "req-77");
}

TEST_F(InterruptionTest, AWorkerIsFreeAgainAfterARemoval) {
  options_.workers = 1;
  restart();
  hold_run();
  const auto id = submit().id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  ASSERT_TRUE(await(service_->remove(id)));
  EXPECT_EQ(run()["verdict"], "passed");
}

TEST_F(InterruptionTest, StopLetsARunningJobFinishWithinItsGrace) {
  options_.drain = std::chrono::seconds(30);
  restart();
  hold_run();
  const auto id = submit().id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  core::TaskGroup group(io_.get_executor());
  group.spawn("stop", service_->stop());
  io_.poll();
  EXPECT_EQ(find(id).state, JobState::running);
  sandbox_.release();
  ASSERT_TRUE(await(group.wait(std::chrono::seconds(30))));
  EXPECT_EQ(find(id).state, JobState::completed);
  EXPECT_EQ(sandbox_.cancelled, 0);
}

TEST_F(InterruptionTest, StopPutsBackWhatDoesNotFinishAndForgivesTheAttempt) {
  hold_run();
  const auto running = submit().id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  stop();
  EXPECT_EQ(sandbox_.cancelled, 1);
  EXPECT_EQ(find(running).state, JobState::pending);
  EXPECT_EQ(find(running).attempt, 0);
  EXPECT_TRUE(fs::exists(store_->pack_path(running)));
}

TEST_F(InterruptionTest, StopLeavesQueuedJobsPending) {
  options_.workers = 1;
  restart();
  hold_run();
  const auto running = submit().id, queued = submit().id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  stop();
  EXPECT_EQ(find(queued).state, JobState::pending);
  EXPECT_EQ(sandbox_.run_requests.size(), 1u);
  start();
  EXPECT_EQ(wait(running).state, JobState::completed);
  EXPECT_EQ(wait(queued).state, JobState::completed);
}

TEST_F(InterruptionTest, StopWakesThoseWhoWait) {
  hold_run();
  const auto id = submit().id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  std::string told;
  core::TaskGroup group(io_.get_executor());
  group.spawn("wait", wait_and_tell(*service_, id, told));
  io_.poll();
  stop();
  ASSERT_TRUE(await(group.wait(std::chrono::seconds(30))));
  EXPECT_EQ(told, "pending");
}

TEST_F(InterruptionTest, StopInTheQuotePhaseRunsTheJobAgain) {
  quoter_used_ = &quoter_;
  restart();
  quoter_.hold = true;
  const auto id = submit().id;
  ASSERT_TRUE(await(quoter_.until_waiting(1)));
  stop();
  EXPECT_EQ(find(id).state, JobState::pending);
  quoter_.hold = false;
  start();
  EXPECT_EQ(result_of(wait(id))["attestation"]["verifier"], "dstack-sdk");
}

TEST_F(InterruptionTest, StopDoesNotWaitForAPause) {
  options_.retry_backoff = std::chrono::hours(1);
  restart();
  sandbox_.runs.push_back(FakeSandbox::step(Error{Errc::unavailable, "engine_unreachable", "no answer"}));
  const auto id = submit().id;
  bool requeued = false;
  for (int turn = 0; turn < 100'000 && !requeued; ++turn)
    requeued = find(id).state == JobState::pending && store_->requeues == 1;
  ASSERT_TRUE(requeued);
  restart();
  EXPECT_EQ(result_of(wait(id))["attempt"], 2);
}

TEST_F(InterruptionTest, StopDoesNotWaitForAStoreThatFails) {
  options_.retry_backoff = std::chrono::hours(1);
  restart();
  store_->finish_failures = 1'000;
  hold_run();
  const auto id = submit().id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  sandbox_.release();
  while (store_->finish_failures == 1'000)
    find(id);
  stop();
  EXPECT_EQ(find(id).state, JobState::running) << "the next life takes it up";
}

TEST_F(InterruptionTest, AJobOfAKilledLifeRunsAgainAsItsNextAttempt) {
  hold_run();
  const auto id = submit().id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  // What kill -9 leaves in the store: the job is running and nobody runs it.
  Service next(io_.get_executor(), pool_, clock_, *store_, sandbox_, nullptr, options_);
  ASSERT_TRUE(await(next.start()));
  const auto job = await(next.wait(id, std::chrono::seconds(30)));
  ASSERT_TRUE(job);
  EXPECT_EQ(result_of(*job)["attempt"], 2);
  await(next.stop());
}

TEST_F(InterruptionTest, AJobThatKeepsKillingTheServiceIsGivenUp) {
  hold_run();
  const auto id = submit().id;
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  stop();
  sandbox_.run_requests.clear();
  options_.max_starts = 2;
  for (int life = 0; life < 2; ++life)
    ASSERT_TRUE(await(store_->recover()) && await(store_->begin(id, clock_.now())));
  service_.reset();
  start();
  EXPECT_EQ(find(id).state, JobState::failed);
  EXPECT_EQ(parse(find(id).error)["code"], "attempts_exhausted");
  EXPECT_TRUE(sandbox_.run_requests.empty());
}

TEST_F(InterruptionTest, ARecoveredJobWithAnotherPackageIsNotRun) {
  options_.workers = 1;
  restart();
  hold_run();
  submit();
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  const auto id = submit().id, other = submit(kTested + "license: MIT\n").id;
  stop();
  fs::copy_file(store_->pack_path(other), store_->pack_path(id), fs::copy_options::overwrite_existing);
  start();
  const auto job = wait(id);
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(parse(job.error)["code"], "pack_corrupt");
  EXPECT_EQ(wait(other).state, JobState::completed);
}

TEST_F(InterruptionTest, ARecoveredJobWithADamagedPackageIsNotRun) {
  options_.workers = 1;
  restart();
  hold_run();
  submit();
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  const auto id = submit().id;
  stop();
  std::ofstream(store_->pack_path(id), std::ios::trunc) << "garbage";
  start();
  EXPECT_EQ(parse(wait(id).error)["code"], "pack_corrupt");
}

TEST_F(InterruptionTest, RecoveredJobsRunInTheirOldOrder) {
  options_.workers = 1;
  restart();
  hold_run();
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i)
    ids.push_back(submit().id);
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  stop();
  sandbox_.run_requests.clear();
  start();
  wait(ids.back());
  std::vector<std::string> order;
  for (const auto& request : sandbox_.run_requests)
    order.push_back(request.job_id);
  EXPECT_EQ(order, ids);
}

}  // namespace
}  // namespace skill_verifier::service
