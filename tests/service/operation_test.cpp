#include "service/service_fixture.hpp"

namespace skill_verifier::service {
namespace {

Error unreachable() {
  return {Errc::unavailable, "engine_unreachable", "the engine does not answer", "start it"};
}

class OperationTest : public ServiceTest {
 protected:
  void SetUp() override { start(); }
};

TEST_F(OperationTest, NothingIsRemovedBecauseTheClockJumped) {
  options_.retention = std::chrono::hours(1);
  options_.retention_interval = std::chrono::microseconds(10);
  restart();
  const auto id = submit().id;
  wait(id);
  clock_.advance(std::chrono::hours(24 * 3650));
  const auto jumps = [this] {
    core::MetricsText text;
    service_->write_metrics(text);
    return text.text().find("skill_verifier_clock_jumps_total 1\n") != std::string::npos;
  };
  for (int turn = 0; turn < 100'000 && !jumps(); ++turn)
    ASSERT_TRUE(await(service_->find(id)));
  EXPECT_TRUE(jumps());
  for (int turn = 0; turn < 1000; ++turn)
    ASSERT_TRUE(await(service_->find(id)));
}

TEST_F(OperationTest, TheOldestJobsGoWhenThereAreTooMany) {
  options_.retention_jobs = 2;
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) {
    ids.push_back(submit().id);
    wait(ids.back());
    clock_.advance(std::chrono::seconds(1));
  }
  restart();
  for (std::size_t i = 0; i < ids.size(); ++i)
    EXPECT_EQ(await(service_->find(ids[i])).has_value(), i >= 2) << i;
}

TEST_F(OperationTest, SaysWhichJobsTheRetentionRemoved) {
  std::vector<std::string> told;
  options_.on_removed = [&told](const std::vector<std::string>& ids, const std::string& why) -> awaitable<void> {
    for (const auto& id : ids)
      told.push_back(why + " " + id);
    co_return;
  };
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) {
    ids.push_back(submit().id);
    wait(ids.back());
    clock_.advance(std::chrono::minutes(1));
  }
  options_.retention = std::chrono::seconds(200);
  options_.retention_jobs = 2;
  restart();
  EXPECT_THAT(told, testing::ElementsAre("age " + ids[0], "number or size " + ids[1]));
  told.clear();
  restart();
  EXPECT_THAT(told, testing::IsEmpty()) << "what went before is not told again";
}

TEST_F(OperationTest, JobsWaitForAnEngineThatIsAwayAndLoseNoAttempt) {
  options_.attempts = 1;
  options_.retry_backoff = std::chrono::milliseconds(1);
  restart();
  sandbox_.check_error = unreachable();
  for (int i = 0; i < 2; ++i)
    sandbox_.runs.push_back(FakeSandbox::step(unreachable()));
  const auto first = submit().id;
  for (int turn = 0; turn < 100'000 && !service_->engine_away(); ++turn)
    ASSERT_TRUE(await(service_->find(first)));
  ASSERT_TRUE(service_->engine_away());
  const auto second = submit().id;
  EXPECT_EQ(find(second).state, JobState::pending);
  EXPECT_FALSE(store::is_final(find(first).state));
  sandbox_.runs.clear();
  sandbox_.check_error.reset();
  EXPECT_EQ(result_of(wait(first))["verdict"], "passed");
  EXPECT_EQ(result_of(wait(second))["verdict"], "passed");
  EXPECT_EQ(find(first).attempt, 1) << "what the engine spoilt was none of its attempts";
  EXPECT_FALSE(service_->engine_away());
}

TEST_F(OperationTest, ReconfigureLetsMoreJobsRun) {
  options_.workers = 1;
  options_.queue = 1;
  restart();
  ServiceOptions wanted = options_;
  wanted.queue = 0;
  service_->reconfigure(wanted);
  EXPECT_EQ(refused(submission()).id, "queue_full");
  wanted.queue = 10;
  wanted.workers = 4;
  service_->reconfigure(wanted);
  EXPECT_EQ(result_of(wait(submit().id))["verdict"], "passed");
}

}  // namespace
}  // namespace skill_verifier::service
