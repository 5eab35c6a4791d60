#include "skill_verifier/store/outbox.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/store_fixture.hpp"

namespace skill_verifier::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

enum class Kind { memory, sqlite };

OutboxRules rules_for(std::vector<Webhook> endpoints = {}) {
  OutboxRules rules;
  rules.endpoints = std::move(endpoints);
  rules.payload = [](std::string_view event, const Job& job) {
    return std::string(event) + " " + job.id + " " + std::string(to_string(job.state)) + " " + job.result;
  };
  return rules;
}

const Webhook kHook{"https://hooks.example.com/a?token=t", "hooks.example.com", "whsec_c2VjcmV0"};

class OutboxContract : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { open({}); }

  void open(std::vector<Webhook> endpoints) {
    store_.reset();
    if (GetParam() == Kind::memory) {
      store_ = open_memory_store(directory_.path(), rules_for(std::move(endpoints)));
      return;
    }
    auto opened = open_sqlite_store(directory_.path() / "store", rules_for(std::move(endpoints)));
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  std::string insert(std::optional<Webhook> webhook = kHook) {
    Job job = make_job();
    job.webhook = std::move(webhook);
    const auto inserted = await(io_, store_->insert(job, make_pack(*store_)));
    EXPECT_TRUE(inserted) << inserted.error().message;
    EXPECT_FALSE(inserted->webhook) << "the secret goes in and never comes out";
    return job.id;
  }
  std::string run(std::optional<Webhook> webhook = kHook) {
    const std::string id = insert(std::move(webhook));
    EXPECT_TRUE(await(io_, store_->begin(id, at(2'000))));
    EXPECT_TRUE(await(io_, store_->finish(id, completed())));
    return id;
  }
  std::vector<Delivery> due(core::Time now = at(1'000'000), std::size_t per_host = 10) {
    auto found = await(io_, store_->outbox().due(now, per_host));
    EXPECT_TRUE(found) << found.error().message;
    return found ? *found : std::vector<Delivery>();
  }
  std::vector<Delivery> list(DeliveryFilter filter = {}) {
    auto found = await(io_, store_->outbox().list(std::move(filter)));
    EXPECT_TRUE(found) << found.error().message;
    return found ? *found : std::vector<Delivery>();
  }
  void settle(const std::string& id, DeliveryState state, core::Time next = {}) {
    Attempted attempted;
    attempted.state = state;
    attempted.at = at(5'000);
    attempted.next_attempt_at = next;
    attempted.status = state == DeliveryState::delivered ? 204 : 500;
    attempted.error = state == DeliveryState::delivered ? "" : "answered 500";
    ASSERT_TRUE(await(io_, store_->outbox().settle(id, attempted)));
  }
  std::vector<std::string> events(const std::vector<Delivery>& deliveries) {
    std::vector<std::string> found;
    for (const auto& delivery : deliveries)
      found.push_back(delivery.event);
    return found;
  }

  ScratchDirectory directory_;
  core::asio::io_context io_{1};
  std::unique_ptr<JobStore> store_;
};

INSTANTIATE_TEST_SUITE_P(Stores, OutboxContract, testing::Values(Kind::memory, Kind::sqlite),
                         [](const auto& info) { return info.param == Kind::memory ? "Memory" : "Sqlite"; });

TEST_P(OutboxContract, WritesWhatHappenedToWhomTheJobNamed) {
  const std::string id = run();
  auto first = due();
  ASSERT_EQ(first.size(), 1u) << "the end waits for the beginning";
  EXPECT_EQ(first[0].event, "job.started");
  EXPECT_EQ(first[0].payload, "job.started " + id + " running ");
  EXPECT_EQ(first[0].target.url, kHook.url);
  EXPECT_EQ(first[0].target.host, kHook.host);
  EXPECT_EQ(first[0].target.secrets, kHook.secrets);
  EXPECT_EQ(first[0].id.size(), 32u);
  settle(first[0].id, DeliveryState::delivered);
  const auto second = due();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].payload, "job.completed " + id + R"( completed {"verdict":"passed"})");
  EXPECT_NE(second[0].id, first[0].id);
}

TEST_P(OutboxContract, WritesNothingForAJobThatNamesNobody) {
  run(std::nullopt);
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_FALSE(await(io_, store_->outbox().waiting())->earliest);
}

TEST_P(OutboxContract, TellsTheOperatorsEndpointsOfEveryJob) {
  open({{"https://ops.example.com/", "ops.example.com", ""}});
  run(std::nullopt);
  run();
  const auto found = due();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(std::count_if(found.begin(), found.end(), [](const Delivery& d) { return d.target.secrets.empty(); }), 2);
}

TEST_P(OutboxContract, WritesWithFailureAndCancellationToo) {
  const std::string failed = insert(), cancelled = insert();
  ASSERT_TRUE(await(io_, store_->begin(failed, at(2'000))));
  ASSERT_TRUE(await(io_, store_->finish(failed, ended(JobState::failed))));
  ASSERT_TRUE(await(io_, store_->finish(cancelled, ended(JobState::cancelled))));
  ASSERT_TRUE(await(io_, store_->remove(cancelled)));
  EXPECT_THAT(events(list()), ElementsAre("job.cancelled", "job.failed", "job.started"))
      << "a message outlives its job";
}

TEST_P(OutboxContract, ARefusedChangeWritesNothing) {
  const std::string id = run();
  EXPECT_FALSE(await(io_, store_->finish(id, completed())));
  EXPECT_EQ(list().size(), 2u);
}

TEST_P(OutboxContract, WaitsUntilTheNextAttempt) {
  run();
  const std::string id = due()[0].id;
  settle(id, DeliveryState::pending, at(9'000));
  EXPECT_THAT(due(at(8'999)), IsEmpty()) << "what follows waits too";
  const auto again = due(at(9'000));
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].id, id);
  EXPECT_EQ(again[0].attempts, 1);
  EXPECT_EQ(again[0].last_status, 500);
  EXPECT_EQ(again[0].last_error, "answered 500");
  const auto waiting = await(io_, store_->outbox().waiting());
  EXPECT_EQ(waiting->earliest, at(9'000)) << "what follows may not go before";
  EXPECT_EQ(waiting->latest, at(9'000));
}

TEST_P(OutboxContract, TheEarliestIsOfThoseThatMayGo) {
  const auto waiting = [this] { return await(io_, store_->outbox().waiting()).value(); };
  EXPECT_FALSE(waiting().earliest);
  run();
  settle(due()[0].id, DeliveryState::pending, at(9'000));
  EXPECT_EQ(waiting().earliest, at(9'000));
  run();
  EXPECT_EQ(waiting().earliest, at(2'000)) << "of another job";
  settle(due(at(8'999))[0].id, DeliveryState::delivered);
  EXPECT_EQ(waiting().earliest, at(3'000)) << "nothing is before it any more";
  settle(due(at(8'999))[0].id, DeliveryState::delivered);
  EXPECT_EQ(waiting().earliest, at(9'000));
  EXPECT_EQ(waiting().latest, at(9'000));
}

TEST_P(OutboxContract, AClockThatWasSetBackHoldsNothingUp) {
  run();
  settle(due()[0].id, DeliveryState::pending, at(90'000'000));
  EXPECT_THAT(due(), IsEmpty());
  ASSERT_TRUE(await(io_, store_->outbox().pull_forward(at(80'000'000), at(7'000))));
  EXPECT_EQ(due(at(7'000)).size(), 1u);
}

TEST_P(OutboxContract, OneHostDoesNotTakeThePlacesOfOthers) {
  for (int i = 0; i < 5; ++i)
    run();
  run(Webhook{"http://other.example.com/", "other.example.com", "whsec_x"});
  const auto found = due(at(1'000'000), 2);
  EXPECT_EQ(found.size(), 3u);
  EXPECT_EQ(
      std::count_if(found.begin(), found.end(), [](const Delivery& d) { return d.target.host == "other.example.com"; }),
      1);
}

TEST_P(OutboxContract, ADeadLetterIsSeenAndRedelivered) {
  const std::string job = run();
  const std::string id = due()[0].id;
  settle(id, DeliveryState::dead);
  EXPECT_THAT(events(due()), ElementsAre("job.completed")) << "what follows is held up no longer";
  DeliveryFilter filter;
  filter.state = DeliveryState::dead;
  const auto dead = list(filter);
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0].id, id);
  EXPECT_EQ(dead[0].ended_at, at(5'000));
  EXPECT_EQ(dead[0].target.secrets + dead[0].payload, "") << "lists hold no secret";
  const auto redelivered = await(io_, store_->outbox().redeliver(id, at(6'000)));
  ASSERT_TRUE(redelivered) << redelivered.error().message;
  EXPECT_EQ(redelivered->state, DeliveryState::pending);
  EXPECT_EQ(redelivered->attempts, 0);
  EXPECT_THAT(list(filter), IsEmpty());
  EXPECT_EQ(due()[0].id, id) << "the same message, not a new one";
  EXPECT_EQ(await(io_, store_->outbox().redeliver(id, at(6'000))).error().id, "delivery_pending");
  EXPECT_EQ(await(io_, store_->outbox().redeliver(std::string(32, 'f'), at(6'000))).error().id, "delivery_not_found");
}

TEST_P(OutboxContract, ListsByStateAndJobNewestFirst) {
  const std::string first = run(), second = run();
  EXPECT_EQ(list().size(), 4u);
  DeliveryFilter filter;
  filter.job = first;
  EXPECT_THAT(events(list(filter)), ElementsAre("job.completed", "job.started"));
  filter.state = DeliveryState::dead;
  EXPECT_THAT(list(filter), IsEmpty());
  filter.state = DeliveryState::pending;
  filter.limit = 1;
  const auto page = list(filter);
  ASSERT_EQ(page.size(), 1u);
  filter.before = page[0].number;
  EXPECT_THAT(events(list(filter)), ElementsAre("job.started"));
}

TEST_P(OutboxContract, ForgetsWhatEndedLongAgo) {
  run();
  settle(due()[0].id, DeliveryState::delivered);
  EXPECT_EQ(*await(io_, store_->outbox().forget(at(5'000))), 0u);
  EXPECT_EQ(*await(io_, store_->outbox().forget(at(5'001))), 1u);
  EXPECT_THAT(events(list()), ElementsAre("job.completed")) << "what is pending stays";
}

TEST_P(OutboxContract, SettlingTwiceCountsOnce) {
  run();
  const std::string id = due()[0].id;
  settle(id, DeliveryState::delivered);
  settle(id, DeliveryState::dead);
  DeliveryFilter filter;
  filter.state = DeliveryState::dead;
  EXPECT_THAT(list(filter), IsEmpty());
}

TEST(SqliteOutbox, SurvivesTheStore) {
  const ScratchDirectory directory;
  core::asio::io_context io{1};
  std::string id;
  {
    const auto store = std::move(*open_sqlite_store(directory.path(), rules_for()));
    Job job = make_job();
    job.webhook = kHook;
    ASSERT_TRUE(await(io, store->insert(job, make_pack(*store))));
    ASSERT_TRUE(await(io, store->begin(job.id, at(2'000))));
    id = (*await(io, store->outbox().due(at(9'000), 1))).at(0).id;
  }
  const auto store = std::move(*open_sqlite_store(directory.path(), rules_for()));
  const auto due = await(io, store->outbox().due(at(9'000), 1));
  ASSERT_TRUE(due);
  EXPECT_EQ(due->at(0).id, id);
  EXPECT_EQ(due->at(0).target.secrets, kHook.secrets);
}

TEST(SqliteOutbox, AJobWhosePackageIsLostIsToldOf) {
  const ScratchDirectory directory;
  core::asio::io_context io{1};
  {
    const auto store = std::move(*open_sqlite_store(directory.path(), rules_for()));
    Job job = make_job();
    job.webhook = kHook;
    const std::string large(128u << 10, 'p');  // smaller packs lie in the database
    ASSERT_TRUE(await(io, store->insert(job, make_pack(*store, large))));
    std::filesystem::remove(store->pack_path(job.id));
  }
  const auto store = std::move(*open_sqlite_store(directory.path(), rules_for()));
  const auto listed = await(io, store->outbox().list({}));
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->at(0).event, "job.failed");
}

}  // namespace
}  // namespace skill_verifier::store
