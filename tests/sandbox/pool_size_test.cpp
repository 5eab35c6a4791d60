#include "sandbox/pool_size.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace skill_verifier::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr core::Duration kMemory = 5min;

/// A moment after an arbitrary beginning.
PoolTime at(core::Duration time) {
  return PoolTime(1h + time);
}

TEST(Demand, IsNothingBeforeTheFirstJob) {
  Demand demand(true);
  EXPECT_EQ(demand.wanted(at(0s), kMemory), 0u);
}

TEST(Demand, ExpectsAnotherJobAfterTheFirst) {
  Demand demand(true);
  demand.arrived(at(0s));
  EXPECT_EQ(demand.wanted(at(1s), kMemory), 1u);
}

TEST(Demand, WaitsForARecurrenceWhereOneJobMeansNothing) {
  Demand demand(false);
  demand.arrived(at(0s));
  EXPECT_EQ(demand.wanted(at(1s), kMemory), 0u);
  demand.arrived(at(2min));
  EXPECT_EQ(demand.wanted(at(2min), kMemory), 1u);
}

TEST(Demand, ForgetsARecurrenceWithItsJobs) {
  Demand demand(false);
  demand.arrived(at(0s));
  demand.arrived(at(1s));
  EXPECT_EQ(demand.wanted(at(6min), kMemory), 0u);
  demand.arrived(at(7min));
  EXPECT_EQ(demand.wanted(at(7min), kMemory), 0u);
}

TEST(Demand, CountsWhatArrivesWithinOneRefillTime) {
  Demand demand(true);
  for (int i = 0; i < 16; ++i)
    demand.arrived(at(i * 1ms));
  EXPECT_EQ(demand.wanted(at(20ms), kMemory), 16u);
}

TEST(Demand, DoesNotAddUpJobsThatAreFarApart) {
  Demand demand(true);
  for (int i = 0; i < 16; ++i)
    demand.arrived(at(i * 1s));
  EXPECT_EQ(demand.wanted(at(16s), kMemory), 1u);
}

TEST(Demand, FollowsTheRateAndTheRefillTime) {
  // Ten jobs a second and half a second a refill: five containers are gone before the first is back.
  Demand demand(true);
  for (int i = 0; i < 100; ++i)
    demand.refilled(500ms);
  for (int i = 0; i < 50; ++i)
    demand.arrived(at(i * 100ms));
  EXPECT_NEAR(static_cast<double>(demand.wanted(at(5s), kMemory)), 5.0, 1.0);
}

TEST(Demand, RemembersABurstForAWhileOnly) {
  Demand demand(true);
  for (int i = 0; i < 8; ++i)
    demand.arrived(at(0s));
  demand.arrived(at(4min));
  EXPECT_EQ(demand.wanted(at(4min), kMemory), 8u);
  EXPECT_EQ(demand.wanted(at(5min), kMemory), 1u);
  EXPECT_EQ(demand.wanted(at(9min), kMemory), 0u);
}

TEST(Demand, IsNotThrownOffByOneSlowRefill) {
  Demand demand(true);
  demand.refilled(10min);
  EXPECT_LT(demand.refill_time(), 5s);
  for (int i = 0; i < 200; ++i)
    demand.refilled(0s);
  EXPECT_GE(demand.refill_time(), 50ms);
}

TEST(Demand, IsBoundedWhateverArrives) {
  Demand demand(true);
  for (std::size_t i = 0; i < 3 * Demand::kMaxWatched; ++i)
    demand.arrived(at(0s));
  EXPECT_EQ(demand.wanted(at(1s), kMemory), Demand::kMaxWatched);
}

class NextFill : public testing::Test {
 protected:
  static PoolLine line(std::size_t wanted, std::size_t ready, std::size_t starting = 0) {
    PoolLine made;
    made.wanted = wanted;
    made.ready = ready;
    made.starting = starting;
    return made;
  }
  std::optional<std::size_t> next() const { return next_fill(lines_, situation_); }

  std::vector<PoolLine> lines_;
  PoolSituation situation_{false, 100, 2};
};

TEST_F(NextFill, FillsTheEmptierLine) {
  lines_ = {line(4, 3), line(4, 1), line(4, 4)};
  EXPECT_EQ(next(), 1u);
}

TEST_F(NextFill, PrefersTheLineThatWasUsedLast) {
  lines_ = {line(1, 0), line(1, 0)};
  lines_[1].last_used = at(1s);
  EXPECT_EQ(next(), 1u);
}

TEST_F(NextFill, FillsNothingThatIsFull) {
  lines_ = {line(2, 2), line(2, 1, 1)};
  EXPECT_EQ(next(), std::nullopt);
}

TEST_F(NextFill, StartsOnlySoManyAtOnce) {
  lines_ = {line(8, 0, 2)};
  EXPECT_EQ(next(), std::nullopt);
  lines_ = {line(8, 0, 1)};
  EXPECT_EQ(next(), 0u);
}

TEST_F(NextFill, YieldsToRunningJobsAboveTheLowWaterMark) {
  situation_.busy = true;
  lines_ = {line(4, 2)};
  EXPECT_EQ(next(), std::nullopt);
  lines_ = {line(4, 1)};
  EXPECT_EQ(next(), 0u);
  lines_ = {line(4, 0, 1)};
  EXPECT_EQ(next(), std::nullopt) << "one at a time while jobs run";
}

TEST_F(NextFill, RefillsAnEmptyLineOfOneWhileJobsRun) {
  situation_.busy = true;
  lines_ = {line(1, 0)};
  EXPECT_EQ(next(), 0u);
}

TEST_F(NextFill, KeepsWithinTheBudgetOfAllLines) {
  situation_.budget = 3;
  lines_ = {line(4, 2), line(4, 0, 1)};
  EXPECT_EQ(next(), std::nullopt);
}

TEST_F(NextFill, WaitsFailuresOut) {
  lines_ = {line(1, 0)};
  lines_[0].may_fill = false;
  EXPECT_EQ(next(), std::nullopt);
}

TEST_F(NextFill, TakesAContainerFromAnIdleLineForOneWithoutAny) {
  situation_.budget = 2;
  lines_ = {line(2, 2), line(1, 0)};
  lines_[0].last_used = at(0s);
  lines_[1].last_used = at(1s);
  EXPECT_EQ(next(), std::nullopt);
  EXPECT_EQ(next_victim(lines_, situation_), 0u);
}

TEST_F(NextFill, TakesNothingFromABusierLineOrBelowTheMinimum) {
  situation_.budget = 2;
  lines_ = {line(2, 2), line(1, 0)};
  lines_[0].last_used = at(2s);
  lines_[1].last_used = at(1s);
  EXPECT_EQ(next_victim(lines_, situation_), std::nullopt);
  lines_[0].last_used = at(0s);
  lines_[0].least = 2;
  EXPECT_EQ(next_victim(lines_, situation_), std::nullopt);
}

TEST_F(NextFill, TakesNothingWhileThereIsRoom) {
  situation_.budget = 3;
  lines_ = {line(2, 2), line(1, 0)};
  lines_[1].last_used = at(1s);
  EXPECT_EQ(next_victim(lines_, situation_), std::nullopt);
}

TEST(PauseAfterFailures, DoublesUpToAMinute) {
  EXPECT_EQ(pause_after_failures(0), 0s);
  EXPECT_EQ(pause_after_failures(1), 1s);
  EXPECT_EQ(pause_after_failures(4), 8s);
  EXPECT_EQ(pause_after_failures(1000), 60s);
}

}  // namespace
}  // namespace skill_verifier::sandbox
