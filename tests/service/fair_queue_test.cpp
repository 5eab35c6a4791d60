#include "service/fair_queue.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

namespace skill_verifier::service {
namespace {

class FairQueueTest : public testing::Test {
 protected:
  void push(const std::string& lane, const std::string& id) {
    auto entry = std::make_shared<Entry>(io_.get_executor(), id);
    entry->lane = lane;
    entries_[id] = entry;
    queue_.push(std::move(entry));
  }
  /// Ids in the order in which they come out, each running until `running` are.
  std::string pop(std::size_t count = 1) {
    std::string ids;
    for (std::size_t i = 0; i < count; ++i) {
      const EntryPtr entry = queue_.pop(cap_);
      ids += entry ? entry->id + " " : "- ";
    }
    return ids;
  }

  core::asio::io_context io_;
  std::map<std::string, EntryPtr> entries_;
  FairQueue queue_;
  FairQueue::Cap cap_;
};

TEST_F(FairQueueTest, OneLaneIsFirstComeFirstServed) {
  for (const char* id : {"1", "2", "3"})
    push("a", id);
  EXPECT_EQ(queue_.size(), 3u);
  EXPECT_EQ(pop(4), "1 2 3 - ");
  EXPECT_TRUE(queue_.empty());
}

TEST_F(FairQueueTest, AClientWithManyJobsDoesNotKeepTheOthersWaiting) {
  for (const char* id : {"a1", "a2", "a3", "a4"})
    push("a", id);
  EXPECT_EQ(pop(), "a1 ");
  push("b", "b1");
  push("b", "b2");
  push("c", "c1");
  EXPECT_EQ(pop(3), "b1 c1 a2 ") << "who has nothing running first";
  EXPECT_EQ(pop(3), "b2 a3 a4 ");
}

TEST_F(FairQueueTest, LongJobsCountAgainstTheirOwner) {
  for (const char* id : {"a1", "a2", "a3"})
    push("a", id);
  EXPECT_EQ(pop(2), "a1 a2 ");
  for (const char* id : {"b1", "b2", "b3"})
    push("b", id);
  EXPECT_EQ(pop(), "b1 ");
  queue_.release("b");
  EXPECT_EQ(pop(), "b2 ") << "a still has two in sandboxes";
  queue_.release("a");
  queue_.release("a");
  EXPECT_EQ(pop(), "a3 ");
}

TEST_F(FairQueueTest, ANewClientDoesNotOvertakeOneThatWaits) {
  push("a", "a1");
  push("b", "b1");
  push("a", "a2");
  EXPECT_EQ(pop(), "a1 ");
  queue_.release("a");
  push("c", "c1");
  EXPECT_EQ(pop(3), "b1 a2 c1 ");
}

TEST_F(FairQueueTest, ACapHoldsBackItsLaneOnly) {
  cap_ = [](const std::string& lane) { return lane == "a" ? 1u : 0u; };
  for (const char* id : {"a1", "a2"})
    push("a", id);
  for (const char* id : {"b1", "b2", "b3"})
    push("b", id);
  EXPECT_EQ(pop(5), "a1 b1 b2 b3 - ");
  EXPECT_EQ(queue_.size(), 1u);
  queue_.release("a");
  EXPECT_EQ(pop(), "a2 ");
}

TEST_F(FairQueueTest, AJobCanBeTakenOut) {
  push("a", "a1");
  push("a", "a2");
  queue_.erase(entries_["a1"]);
  queue_.erase(entries_["a1"]);
  EXPECT_EQ(queue_.size(), 1u);
  EXPECT_EQ(queue_.size("a"), 1u);
  EXPECT_EQ(pop(2), "a2 - ");
  queue_.erase(entries_["a2"]);
  EXPECT_EQ(queue_.size(), 0u);
}

TEST_F(FairQueueTest, ClearingForgetsWhatWaitsAndNotWhatRuns) {
  push("a", "a1");
  push("a", "a2");
  push("b", "b1");
  EXPECT_EQ(pop(), "a1 ");
  queue_.clear();
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(pop(), "- ");
  queue_.release("a");
  push("a", "a3");
  EXPECT_EQ(pop(), "a3 ");
}

}  // namespace
}  // namespace skill_verifier::service
