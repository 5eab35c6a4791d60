#include "http/job_cache.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::http {
namespace {

using namespace std::chrono_literals;

class JobCacheTest : public testing::Test {
 protected:
  void insert(const std::string& id, std::size_t size) {
    cache.insert(id, std::make_shared<const std::string>(size, 'x'), cache.epoch(), now);
  }
  bool has(const std::string& id) { return cache.find(id, now) != nullptr; }

  JobCache cache{100, 1s};
  JobCache::Clock::time_point now{};
};

TEST_F(JobCacheTest, GivesWhatWasInserted) {
  cache.insert("a", std::make_shared<const std::string>("text"), cache.epoch(), now);
  ASSERT_TRUE(has("a"));
  EXPECT_EQ(*cache.find("a", now), "text");
  EXPECT_FALSE(has("b"));
}

TEST_F(JobCacheTest, DropsTheLeastRecentlyUsedWhenFull) {
  insert("a", 40);
  insert("b", 40);
  EXPECT_TRUE(has("a"));
  insert("c", 40);
  EXPECT_TRUE(has("a"));
  EXPECT_FALSE(has("b"));
  EXPECT_TRUE(has("c"));
}

TEST_F(JobCacheTest, KeepsNothingLargerThanItself) {
  insert("a", 101);
  EXPECT_FALSE(has("a"));
  insert("b", 100);
  EXPECT_TRUE(has("b"));
}

TEST_F(JobCacheTest, ReplacesAnEntryWithoutCountingItTwice) {
  for (int i = 0; i < 10; ++i)
    insert("a", 60);
  insert("b", 40);
  EXPECT_TRUE(has("a"));
  EXPECT_TRUE(has("b"));
}

TEST_F(JobCacheTest, ForgetsAfterItsLifetime) {
  insert("a", 60);
  now += 999ms;
  EXPECT_TRUE(has("a"));
  now += 1ms;
  EXPECT_FALSE(has("a"));
  insert("b", 100);
  EXPECT_TRUE(has("b"));
}

TEST_F(JobCacheTest, GivesUpWhatHasExpiredWithTheNextInsert) {
  const auto text = std::make_shared<const std::string>("text");
  cache.insert("a", text, cache.epoch(), now);
  now += 1s;
  EXPECT_EQ(text.use_count(), 2);
  insert("b", 10);
  EXPECT_EQ(text.use_count(), 1);
  EXPECT_TRUE(has("b"));
}

TEST_F(JobCacheTest, KeepsNothingThatWasReadBeforeAnErase) {
  const auto epoch = cache.epoch();
  cache.erase("a");
  cache.insert("a", std::make_shared<const std::string>("old"), epoch, now);
  EXPECT_FALSE(has("a"));
  insert("a", 10);
  EXPECT_TRUE(has("a"));
  cache.erase("a");
  EXPECT_FALSE(has("a"));
}

}  // namespace
}  // namespace skill_verifier::http
