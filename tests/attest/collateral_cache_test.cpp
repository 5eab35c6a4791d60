#include <gtest/gtest.h>

#include <deque>

#include "skill_verifier/attest/collateral_client.hpp"
#include "support/await.hpp"
#include "support/fake_clock.hpp"

namespace skill_verifier::attest {
namespace {

using namespace std::chrono_literals;

const dcap::CollateralKey kKey{"90C06F000000", "platform"};

class CollateralCacheTest : public testing::Test {
 protected:
  CollateralCacheTest() { start(); }
  ~CollateralCacheTest() override { test::await(io_, cache_->stop()); }

  void start() {
    cache_.emplace(
        io_.get_executor(), clock_, [this](dcap::CollateralKey key) { return fetch(std::move(key)); }, options_);
  }
  core::awaitable<Result<FetchedCollateral>> fetch(dcap::CollateralKey key) {
    fetched_.push_back(key);
    if (hold_) {
      const bool woken = co_await released_.wait();
      if (!woken) co_return Error{Errc::cancelled, "cancelled"};
    }
    if (fails_) co_return Error{Errc::unavailable, "collateral_unavailable", "nobody listens"};
    FetchedCollateral made;
    made.json = "collateral " + std::to_string(fetched_.size());
    made.fetched_at = clock_.now();
    made.until = clock_.now() + life_;
    co_return made;
  }
  Result<CollateralPtr> get(const dcap::CollateralKey& key = kKey, core::Duration limit = 20s) {
    return test::await(io_, cache_->get(key, limit));
  }
  core::awaitable<void> keep() {
    auto result = co_await cache_->get(kKey, 20s);
    got_.push_back(std::move(result));
  }
  std::string text() {
    auto got = get();
    return got ? (*got)->json : got.error().id;
  }
  /// Runs what goes on in the background to its end.
  void settle() {
    io_.restart();
    io_.poll();
  }

  core::asio::io_context io_{1};
  test::FakeClock clock_;
  CollateralCacheOptions options_;
  core::Event released_{io_.get_executor()};
  bool hold_ = false, fails_ = false;
  std::chrono::milliseconds life_ = 24h * 30;
  std::vector<dcap::CollateralKey> fetched_;
  std::vector<Result<CollateralPtr>> got_;
  std::optional<CollateralCache> cache_;
};

TEST_F(CollateralCacheTest, FetchesOnceWhatIsAskedForOften) {
  EXPECT_EQ(text(), "collateral 1");
  EXPECT_EQ(text(), "collateral 1");
  EXPECT_EQ(fetched_, std::vector{kKey});
}

TEST_F(CollateralCacheTest, KeepsPlatformsApart) {
  EXPECT_TRUE(get());
  EXPECT_TRUE(get({"90C06F000000", "processor"}));
  EXPECT_TRUE(get({"00806F050000", "platform"}));
  EXPECT_EQ(fetched_.size(), 3u);
}

TEST_F(CollateralCacheTest, ManyCallersShareAFetch) {
  hold_ = true;
  core::TaskGroup callers(io_.get_executor());
  for (int i = 0; i < 10; ++i)
    callers.spawn("caller", keep());
  settle();
  EXPECT_EQ(fetched_.size(), 1u);
  hold_ = false;
  released_.notify_all();
  EXPECT_TRUE(test::await(io_, callers.wait(20s)));
  EXPECT_EQ(fetched_.size(), 1u);
  ASSERT_EQ(got_.size(), 10u);
  for (const auto& got : got_)
    EXPECT_TRUE(got);
}

TEST_F(CollateralCacheTest, IsRefreshedBeforeItEndsWhileTheOldOneIsGiven) {
  life_ = 4h;
  EXPECT_EQ(text(), "collateral 1");
  clock_.advance(3h - 1ms);
  EXPECT_EQ(text(), "collateral 1");
  settle();
  EXPECT_EQ(fetched_.size(), 1u);
  clock_.advance(1ms);
  EXPECT_EQ(text(), "collateral 1");
  settle();
  EXPECT_EQ(fetched_.size(), 2u);
  EXPECT_EQ(text(), "collateral 2");
}

TEST_F(CollateralCacheTest, IsRefreshedOnceADay) {
  EXPECT_EQ(text(), "collateral 1");
  clock_.advance(24h);
  EXPECT_EQ(text(), "collateral 1");
  settle();
  EXPECT_EQ(text(), "collateral 2");
}

TEST_F(CollateralCacheTest, AFailedRefreshLeavesTheOldOneUntilItEnds) {
  life_ = 4h;
  EXPECT_EQ(text(), "collateral 1");
  fails_ = true;
  clock_.advance(3h);
  EXPECT_EQ(text(), "collateral 1");
  settle();
  EXPECT_EQ(text(), "collateral 1");
  clock_.advance(1h);
  EXPECT_EQ(text(), "collateral_unavailable");
}

TEST_F(CollateralCacheTest, AfterAFailureNobodyAsksBeforeAGrowingPauseIsOver) {
  fails_ = true;
  const auto tries = [this] { return fetched_.size(); };
  EXPECT_EQ(text(), "collateral_unavailable");
  EXPECT_EQ(text(), "collateral_unavailable");
  EXPECT_EQ(tries(), 1u);
  clock_.advance(10s);
  EXPECT_EQ(text(), "collateral_unavailable");
  EXPECT_EQ(tries(), 2u);
  clock_.advance(19s);
  EXPECT_EQ(text(), "collateral_unavailable");
  EXPECT_EQ(tries(), 2u);
  clock_.advance(1s);
  EXPECT_EQ(text(), "collateral_unavailable");
  EXPECT_EQ(tries(), 3u);
  for (int i = 0; i < 20; ++i) {
    clock_.advance(15min);
    EXPECT_EQ(text(), "collateral_unavailable");
  }
  EXPECT_EQ(tries(), 23u);
  fails_ = false;
  clock_.advance(15min);
  EXPECT_EQ(text(), "collateral 24");
}

TEST_F(CollateralCacheTest, ACallerWaitsNoLongerThanItsLimitAndTheFetchGoesOn) {
  hold_ = true;
  const auto got = get(kKey, 20ms);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().id, "collateral_timed_out");
  hold_ = false;
  released_.notify_all();
  settle();
  EXPECT_EQ(text(), "collateral 1");
  EXPECT_EQ(fetched_.size(), 1u);
}

TEST_F(CollateralCacheTest, AFetchThatHangsIsEnded) {
  test::await(io_, cache_->stop());
  options_.fetch = 20ms;
  start();
  hold_ = true;
  const auto got = get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::timed_out);
}

TEST_F(CollateralCacheTest, KeepsABoundedNumberOfPlatforms) {
  test::await(io_, cache_->stop());
  options_.platforms = 2;
  start();
  for (const char* fmspc : {"000000000001", "000000000002", "000000000001", "000000000003", "000000000001"}) {
    EXPECT_TRUE(get({fmspc, "platform"}));
    clock_.advance(1ms);
  }
  EXPECT_EQ(fetched_.size(), 3u);
  EXPECT_TRUE(get({"000000000002", "platform"}));
  EXPECT_EQ(fetched_.size(), 4u);
}

TEST_F(CollateralCacheTest, StoppingEndsAFetch) {
  hold_ = true;
  core::TaskGroup callers(io_.get_executor());
  callers.spawn("caller", keep());
  settle();
  test::await(io_, cache_->stop());
  EXPECT_TRUE(test::await(io_, callers.wait(20s)));
  ASSERT_EQ(got_.size(), 1u);
  ASSERT_FALSE(got_[0]);
  EXPECT_FALSE(get());
  EXPECT_EQ(fetched_.size(), 1u);
}

}  // namespace
}  // namespace skill_verifier::attest
