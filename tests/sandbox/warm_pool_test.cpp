#include "sandbox/warm_pool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "sandbox/fake_init.hpp"
#include "support/await.hpp"

namespace skill_verifier::sandbox {
namespace {

using namespace std::chrono_literals;
using test::FakeInitStream;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// The pool over containers that exist only here, and a clock that the test moves.
class WarmPoolTest : public testing::Test {
 protected:
  void SetUp() override {
    sizes_.max = 4;
    WarmPool::Workshop workshop;
    workshop.start = [this](ContainerSpec spec) { return begin(std::move(spec)); };
    workshop.remove = [this](std::string id) { removed_.push_back(std::move(id)); };
    workshop.now = [this] { return now_; };
    workshop.fills_at_once = 2;
    pool_ = std::make_unique<WarmPool>(io_.get_executor(), activity_, std::move(workshop), sizes_);
    pool_->open();
  }
  void TearDown() override {
    hold_ = false;
    released_.notify_all();
    test::await(io_, pool_->close());
  }

  awaitable<Started> begin(ContainerSpec spec) {
    ++begun_;
    while (hold_) {
      const bool woken = co_await released_.wait();
      if (!woken) break;
    }
    Started made;
    made.live.id = spec.image_id + std::to_string(next_++);
    if (failure_) {
      made.error = *failure_;
      co_return made;
    }
    FakeInitStream::Script script;
    script.greeting = test::envelope(1, test::ready_frame());
    auto log = std::make_shared<FakeInitStream::Log>();
    streams_[made.live.id] = log;
    auto stream = std::make_unique<FakeInitStream>(io_.get_executor(), std::move(script), log);
    made.live.session = std::make_unique<InitSession>(io_.get_executor(), workers_, std::move(stream));
    const auto greeted = co_await made.live.session->greet(1s);
    if (!greeted) made.error = greeted.error();
    co_return made;
  }

  WarmPool::Wanted wanted(const std::string& image, bool recurring = false) {
    WarmPool::Wanted made;
    made.name = image;
    made.recurring = recurring;
    made.spec.role = Role::pool;
    made.spec.image_id = image;
    return made;
  }
  /// A job comes, takes what there is, and is over at once.
  std::string job(const std::string& image, bool recurring = false) {
    return test::await(io_, use(image, wanted(image, recurring)));
  }
  awaitable<std::string> use(std::string image, WarmPool::Wanted wanted) {
    const auto use = pool_->arrive(image, std::move(wanted));
    auto live = co_await pool_->take(image);
    if (!live) co_return "cold";
    co_await live->session->end();
    co_return live->id;
  }
  /// Everything that can happen without the clock has happened.
  void settle() {
    activity_.changed().notify_all();
    for (int i = 0; i < 50; ++i)
      test::await(io_, turn());
  }
  static awaitable<void> turn() { co_await core::sleep_for(core::Duration::zero()); }
  void pass(core::Duration time) {
    now_ += time;
    settle();
  }
  PoolState state(const std::string& image) const {
    for (const auto& state : pool_->state())
      if (state.runtime == image) return state;
    return {};
  }

  core::asio::io_context io_{1};
  core::WorkPool workers_{1};
  Activity activity_{io_.get_executor()};
  PoolSizes sizes_;
  WarmPool::Time now_{1h};
  core::Event released_{io_.get_executor()};
  bool hold_ = false;
  std::optional<Error> failure_;
  int begun_ = 0;
  int next_ = 1;
  std::vector<std::string> removed_;
  std::map<std::string, std::shared_ptr<FakeInitStream::Log>> streams_;
  std::unique_ptr<WarmPool> pool_;
};

TEST_F(WarmPoolTest, HasNothingForTheFirstJobAndSomethingForTheNext) {
  EXPECT_EQ(job("a"), "cold");
  settle();
  EXPECT_EQ(state("a").ready, 1u);
  EXPECT_EQ(job("a"), "a1");
}

TEST_F(WarmPoolTest, GivesNoContainerTwice) {
  job("a");
  std::vector<std::string> given;
  for (int i = 0; i < 5; ++i) {
    pass(1s);
    given.push_back(job("a"));
  }
  EXPECT_THAT(given, ElementsAre("a1", "a2", "a3", "a4", "a5"));
}

TEST_F(WarmPoolTest, GivesNothingOfAnotherRuntime) {
  job("a");
  settle();
  EXPECT_EQ(job("b"), "cold");
  EXPECT_EQ(state("a").ready, 1u);
}

TEST_F(WarmPoolTest, LetsAJobWaitForAContainerThatIsBeingStarted) {
  hold_ = true;
  job("a");
  settle();
  ASSERT_EQ(state("a").starting, 1u);
  const auto use = pool_->arrive("a", wanted("a"));
  hold_ = false;
  released_.notify_all();
  auto live = test::await(io_, pool_->take("a"));
  ASSERT_TRUE(live.has_value());
  EXPECT_EQ(live->id, "a1");
  test::await(io_, live->session->end());
}

TEST_F(WarmPoolTest, SendsAJobAwayWhenTheContainerThatItWaitsForFails) {
  hold_ = true;
  job("a");
  settle();
  failure_ = Error{Errc::unavailable, "engine_error", "no"};
  const auto use = pool_->arrive("a", wanted("a"));
  hold_ = false;
  released_.notify_all();
  EXPECT_FALSE(test::await(io_, pool_->take("a")).has_value());
  EXPECT_THAT(removed_, testing::Contains("a1"));
}

TEST_F(WarmPoolTest, LetsACancelledJobGo) {
  hold_ = true;
  job("a");
  settle();
  const auto use = pool_->arrive("a", wanted("a"));
  const auto live = test::await_cancelled(
      io_, [](WarmPool& pool) -> awaitable<Result<bool>> { co_return (co_await pool.take("a")).has_value(); }(*pool_),
      [] { return true; });
  ASSERT_TRUE(live.has_value());
  EXPECT_FALSE(*live);
}

TEST_F(WarmPoolTest, ReplacesADeadContainerBeforeAJobComes) {
  job("a");
  settle();
  streams_.at("a1")->die();
  settle();
  EXPECT_EQ(state("a").lost, 1u);
  EXPECT_THAT(removed_, ElementsAre("a1"));
  EXPECT_EQ(job("a"), "a2");
}

TEST_F(WarmPoolTest, GivesAnOldContainerUpForANewOne) {
  job("a");
  settle();
  pass(4min);
  job("a");
  settle();
  const auto before = state("a").ready;
  ASSERT_EQ(before, 1u);
  now_ += sizes_.max_age;
  // Nobody looked meanwhile: the job itself must not get it.
  EXPECT_EQ(job("a"), "cold");
  settle();
  EXPECT_THAT(removed_, ElementsAre("a2"));
  EXPECT_EQ(state("a").lost, 1u);
}

TEST_F(WarmPoolTest, ShrinksWhenNobodyComes) {
  for (int i = 0; i < 3; ++i)
    job("a");
  settle();
  EXPECT_EQ(state("a").ready, 3u);
  pass(sizes_.idle);
  EXPECT_EQ(state("a").ready, 0u);
  EXPECT_THAT(removed_, SizeIs(3));
}

TEST_F(WarmPoolTest, NeverHasMoreThanTheMaximum) {
  for (int i = 0; i < 20; ++i)
    job("a");
  settle();
  EXPECT_EQ(state("a").ready, sizes_.max);
}

TEST_F(WarmPoolTest, KeepsTheMinimumOfARuntimeThatNobodyUses) {
  sizes_.min = 2;
  pool_->resize(sizes_);
  pool_->announce("a", wanted("a"));
  settle();
  EXPECT_EQ(state("a").ready, 2u);
  pass(1min);
  EXPECT_EQ(state("a").ready, 2u);
}

TEST_F(WarmPoolTest, PoolsAPreparedImageOnlyWhenItRecurs) {
  job("p", true);
  settle();
  EXPECT_EQ(state("p").ready, 0u);
  pass(1s);
  job("p", true);
  settle();
  EXPECT_EQ(state("p").ready, 1u);
}

TEST_F(WarmPoolTest, KeepsAnImagesLeaseOnlyWhileItHasSomethingOfIt) {
  auto lease = std::make_shared<int>(1);
  for (int i = 0; i < 2; ++i) {
    auto ask = wanted("p", true);
    ask.lease = lease;
    const auto use = pool_->arrive("p", std::move(ask));
    now_ += 1s;
  }
  settle();
  EXPECT_EQ(state("p").ready, 1u);
  EXPECT_EQ(lease.use_count(), 2);
  pass(sizes_.idle);
  settle();
  EXPECT_EQ(lease.use_count(), 1);
}

TEST_F(WarmPoolTest, KeepsWithinItsBudgetAndGivesTheRoomToWhoUsesIt) {
  sizes_.memory_bytes = 2 * (4u << 20);
  pool_->resize(sizes_);
  job("a");
  job("a");
  settle();
  EXPECT_EQ(state("a").ready, 2u);
  pass(1s);
  job("b");
  // Only when it is quiet again.
  const auto end = std::chrono::steady_clock::now() + 5s;
  while (state("b").ready == 0 && std::chrono::steady_clock::now() < end)
    settle();
  EXPECT_EQ(state("a").ready, 1u);
  EXPECT_EQ(state("b").ready, 1u);
}

TEST_F(WarmPoolTest, StartsOneAtATimeWhileJobsRun) {
  const auto running = activity_.begin();
  hold_ = true;
  for (int i = 0; i < 4; ++i)
    (void)pool_->arrive("a", wanted("a"));
  settle();
  EXPECT_EQ(begun_, 1);
}

TEST_F(WarmPoolTest, StartsAsManyAtOnceAsItMayWhenNothingRuns) {
  hold_ = true;
  for (int i = 0; i < 4; ++i)
    (void)pool_->arrive("a", wanted("a"));
  settle();
  EXPECT_EQ(begun_, 2);
}

TEST_F(WarmPoolTest, WaitsLongerAfterEveryFailure) {
  failure_ = Error{Errc::unavailable, "engine_error", "no"};
  job("a");
  settle();
  EXPECT_EQ(begun_, 1);
  pass(900ms);
  EXPECT_EQ(begun_, 1);
  pass(200ms);
  EXPECT_EQ(begun_, 2);
  pass(1500ms);
  EXPECT_EQ(begun_, 2);
  failure_.reset();
  pass(600ms);
  EXPECT_EQ(state("a").ready, 1u);
}

TEST_F(WarmPoolTest, MakesNoMoreOfAnImageThatIsGone) {
  failure_ = Error{Errc::not_found, "image_missing", "gone"};
  sizes_.min = 1;
  pool_->resize(sizes_);
  job("a");
  settle();
  pass(2min);
  EXPECT_EQ(begun_, 1);
}

TEST_F(WarmPoolTest, DoesNothingWhenItIsOff) {
  sizes_.max = 0;
  pool_->resize(sizes_);
  EXPECT_EQ(pool_->arrive("a", wanted("a")), nullptr);
  EXPECT_EQ(job("a"), "cold");
  settle();
  EXPECT_EQ(begun_, 0);
  EXPECT_THAT(pool_->state(), IsEmpty());
}

TEST_F(WarmPoolTest, ForgetsRuntimesBeyondALimit) {
  for (int i = 0; i < 200; ++i) {
    job("p" + std::to_string(i), true);
    pass(sizes_.idle);
  }
  EXPECT_LE(pool_->state().size(), 65u);
}

TEST_F(WarmPoolTest, CountsWhatHappened) {
  {
    const auto use = pool_->arrive("a", wanted("a"));
    EXPECT_EQ(state("a").in_use, 1u);
  }
  EXPECT_EQ(state("a").in_use, 0u);
  pool_->note_wait("a", 2ms, true);
  pool_->note_wait("a", 5ms, false);
  EXPECT_EQ(state("a").warm, 1u);
  EXPECT_EQ(state("a").cold, 1u);
  EXPECT_EQ(state("a").waited, 7ms);
}

TEST_F(WarmPoolTest, GivesNothingOutAndKeepsNothingOnceItIsClosed) {
  job("a");
  settle();
  test::await(io_, pool_->close());
  EXPECT_THAT(removed_, ElementsAre("a1"));
  EXPECT_TRUE(streams_.at("a1")->closed);
  EXPECT_EQ(job("a"), "cold");
}

}  // namespace
}  // namespace skill_verifier::sandbox
