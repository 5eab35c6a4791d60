#include "service/service_fixture.hpp"

namespace skill_verifier::service {
namespace {

class HealthTest : public ServiceTest {
 protected:
  void SetUp() override {
    quoter_used_ = &quoter_;
    start();
  }
  ~HealthTest() override { let_go(); }

  Health health() { return await(service_->health()); }
  Health readiness() { return await(service_->readiness()); }
  /// Nobody answers from now on, until let_go().
  void hang() {
    sandbox_.check_holds = quoter_.info_holds = true;
    store_->check_holds = &disk_;
  }
  void let_go() {
    sandbox_.check_holds = quoter_.info_holds = false;
    store_->check_holds = nullptr;
    sandbox_.release();
    quoter_.release();
    disk_.notify_all();
  }

  core::Event disk_{io_.get_executor()};
};

TEST_F(HealthTest, ACheckThatItsCallerLeftIsNoFailureForTheNext) {
  core::TaskGroup callers(io_.get_executor());
  const auto ask = [](Service& service) -> awaitable<void> { static_cast<void>(co_await service.readiness()); };
  callers.spawn("caller", ask(*service_));
  io_.poll_one();
  callers.cancel();
  ASSERT_TRUE(await(callers.wait(std::chrono::seconds(30))));
  const auto now = readiness();
  EXPECT_FALSE(now.engine_error);
  EXPECT_FALSE(now.store_error);
}

TEST_F(HealthTest, ReadinessTellsWhatDoesNotAnswer) {
  EXPECT_FALSE(readiness().engine_error);
  EXPECT_EQ(readiness().engine.name, "An Engine");
  EXPECT_EQ(readiness().engine.version, "1.2.3");
  sandbox_.check_error = Error{Errc::unavailable, "engine_unreachable", "the engine does not answer"};
  store_->check_error = Error{Errc::unavailable, "store_failed", "disk full"};
  quoter_.info_answer = Error{Errc::unavailable, "agent_unreachable", "the agent does not answer"};
  const auto now = readiness();
  EXPECT_EQ(now.engine_error, "the engine does not answer");
  EXPECT_EQ(now.store_error, "disk full");
  EXPECT_EQ(now.dstack_error, "the agent does not answer");
  EXPECT_FALSE(now.draining);
  EXPECT_EQ(health().engine_error, "the engine does not answer") << "known from then on";
  EXPECT_TRUE(service_->engine_away());
  stop();
  EXPECT_TRUE(health().draining);
}

TEST_F(HealthTest, AYoungAnswerIsRepeated) {
  options_.health_cache = std::chrono::hours(1);
  restart();
  EXPECT_FALSE(readiness().engine_error);
  sandbox_.check_error = Error{Errc::unavailable, "engine_unreachable", "the engine does not answer"};
  EXPECT_FALSE(readiness().engine_error);
}

TEST_F(HealthTest, IsToldWhileNobodyAnswersAndEverybodyIsAskedOnce) {
  options_.check_limit = std::chrono::hours(1);
  restart();
  ASSERT_FALSE(readiness().engine_error);
  const int infos = quoter_.infos, checks = store_->checks;
  hang();
  for (int i = 0; i < 3; ++i) {
    const auto told = health();
    EXPECT_FALSE(told.engine_error) << "what was last known";
    EXPECT_FALSE(told.store_error);
    EXPECT_FALSE(told.dstack_error);
    EXPECT_EQ(told.attestation, "dstack-sdk");
  }
  EXPECT_EQ(sandbox_.checks_held, 1);
  EXPECT_EQ(store_->checks, checks + 1) << "beside the engine's";
  EXPECT_EQ(quoter_.infos, infos + 1);
  sandbox_.check_error = Error{Errc::unavailable, "engine_unreachable", "the engine does not answer"};
  let_go();
  EXPECT_EQ(readiness().engine_error, "the engine does not answer");
}

TEST_F(HealthTest, CountsJobsWhileNobodyAnswers) {
  ASSERT_FALSE(readiness().engine_error);
  hang();
  wait(submit().id);
  EXPECT_EQ(health().jobs.at(JobState::completed), 1u);
}

TEST_F(HealthTest, SaysThatNobodyAnsweredYet) {
  options_.check_limit = std::chrono::hours(1);
  options_.health_wait = std::chrono::milliseconds(1);
  restart();
  hang();
  const auto told = health();
  EXPECT_EQ(told.engine_error, "no answer yet");
  EXPECT_EQ(told.store_error, "no answer yet");
  EXPECT_EQ(told.dstack_error, "no answer yet");
  EXPECT_FALSE(service_->engine_away()) << "nothing is known of it";
}

TEST_F(HealthTest, ReadinessNamesEverybodyWhoHangsAlsoInAWriteThatCannotBeCancelled) {
  options_.check_limit = std::chrono::milliseconds(1);
  restart();
  hang();
  const auto now = readiness();
  EXPECT_EQ(now.engine_error, "engine: no answer within 0.001 s");
  EXPECT_EQ(now.store_error, "store: no answer within 0.001 s");
  EXPECT_EQ(now.dstack_error, "guest agent: no answer within 0.001 s");
  EXPECT_EQ(health().store_error, now.store_error);
}

}  // namespace
}  // namespace skill_verifier::service
