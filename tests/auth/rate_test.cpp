#include "skill_verifier/auth/rate.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::auth {
namespace {

using namespace std::chrono_literals;

const SteadyTime kStart{std::chrono::hours(1000)};

TEST(ParseRate, ReadsAndWritesEveryUnit) {
  for (const char* text : {"10/s", "600/m", "5/h", "100000/d", "off"}) {
    const auto rate = parse_rate(text);
    ASSERT_TRUE(rate) << text;
    EXPECT_EQ(to_string(*rate), text);
  }
  EXPECT_EQ(parse_rate("600/m")->period, 60s);
  EXPECT_FALSE(parse_rate("off")->limits());
}

TEST(ParseRate, RefusesWhatIsNoRate) {
  for (const char* text : {"", "0/s", "10", "10/", "10/w", "10/ss", "-1/s", "/s", "1.5/s", "1 /s", "4294967296/s",
                           "1000000001/s", "OFF", "10/S"}) {
    const auto rate = parse_rate(text);
    ASSERT_FALSE(rate) << text;
    EXPECT_NE(rate.error().message.find(std::string("'") + text + "'"), std::string::npos);
  }
}

TEST(TokenBucket, GivesABurstAndThenTheRate) {
  const Rate rate{5, 10s};
  TokenBucket bucket;
  for (int left = 4; left >= 0; --left) {
    const auto allowance = bucket.take(rate, kStart);
    EXPECT_TRUE(allowance.allowed);
    EXPECT_EQ(allowance.remaining, static_cast<std::uint32_t>(left));
  }
  const auto refused = bucket.take(rate, kStart);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.remaining, 0u);
  EXPECT_EQ(refused.wait, 2s);
  EXPECT_EQ(refused.retry_after(), 2s);
  EXPECT_EQ(refused.reset, 10s);
  EXPECT_FALSE(bucket.take(rate, kStart + 1999ms).allowed) << "and a refusal costs nothing";
  EXPECT_TRUE(bucket.take(rate, kStart + 2s).allowed);
  EXPECT_FALSE(bucket.take(rate, kStart + 2s).allowed);
}

TEST(TokenBucket, FillsUpToItsSizeAndNotBeyond) {
  const Rate rate{2, 10s};
  TokenBucket bucket;
  bucket.take(rate, kStart);
  const auto later = bucket.take(rate, kStart + std::chrono::hours(24));
  EXPECT_EQ(later.remaining, 1u);
  EXPECT_EQ(later.reset, 5s);
}

TEST(TokenBucket, FollowsANewRateAtOnce) {
  TokenBucket bucket;
  const Rate slow{1, 24h}, quick{100, 1s};
  EXPECT_TRUE(bucket.take(slow, kStart).allowed);
  EXPECT_FALSE(bucket.take(slow, kStart).allowed);
  EXPECT_FALSE(bucket.take(quick, kStart).allowed) << "nothing is in it yet";
  EXPECT_TRUE(bucket.take(quick, kStart + 1s).allowed) << "but it fills at the new rate";
}

TEST(TokenBucket, WithoutALimitEverythingIsAllowed) {
  TokenBucket bucket;
  for (int i = 0; i < 1000; ++i)
    EXPECT_TRUE(bucket.take(Rate{}, kStart).allowed);
}

TEST(TokenBucket, ARateFinerThanTheClockStillLimits) {
  const Rate rate{1'000'000'000, 1s};
  TokenBucket bucket;
  const auto allowance = bucket.take(rate, kStart);
  EXPECT_TRUE(allowance.allowed);
  EXPECT_EQ(allowance.remaining, 999'999'999u);
}

TEST(RateTable, CountsClientsApart) {
  RateTable table(10);
  const Rate rate{1, 60s};
  EXPECT_TRUE(table.take("a", rate, kStart).allowed);
  EXPECT_FALSE(table.take("a", rate, kStart).allowed);
  EXPECT_TRUE(table.take("b", rate, kStart).allowed);
}

TEST(RateTable, IsBoundedAndForgetsWhoCameLeastRecently) {
  RateTable table(3);
  const Rate rate{1, 60s};
  for (const char* client : {"a", "b", "c"})
    table.take(client, rate, kStart);
  EXPECT_FALSE(table.take("a", rate, kStart).allowed);
  for (int i = 0; i < 1000; ++i) {
    table.take("other" + std::to_string(i), rate, kStart);
    EXPECT_FALSE(table.take("a", rate, kStart).allowed) << "who keeps coming is not forgotten";
    ASSERT_LE(table.size(), 3u);
  }
  EXPECT_TRUE(table.take("b", rate, kStart).allowed);
}

TEST(RateTable, NoLimitNeedsNoRow) {
  RateTable table(3);
  EXPECT_TRUE(table.take("a", Rate{}, kStart).allowed);
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace skill_verifier::auth
