#include "skill_verifier/core/batch_line.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace skill_verifier::core {
namespace {

struct Item {
  int number = 0;
  int answer = 0;
};

/// A line whose thread serves nothing before it is let go.
class BatchLineTest : public testing::Test {
 protected:
  ~BatchLineTest() override { pool_.join(); }

  void serve(BatchLine<Item>::Batch batch) {
    if (batches_.empty()) {
      at_work_.set_value();
      let_go_.get_future().wait();
    }
    batches_.emplace_back();
    for (const auto& item : batch) {
      batches_.back().push_back(item->number);
      item->answer = 10 * item->number;
    }
  }
  awaitable<void> pass(int number) {
    const auto item = std::make_shared<Item>(Item{number, 0});
    co_await line_.pass(item);
    answers_.push_back(item->answer);
    resumed_on_.push_back(std::this_thread::get_id());
  }
  void pass_all(int count) {
    for (int i = 1; i <= count; ++i)
      tasks_.spawn("pass", pass(i));
    // Every one of them has been handed over when the loop has nothing else to do.
    io_.poll();
  }

  asio::io_context io_{1};
  TaskGroup tasks_{io_.get_executor()};
  std::promise<void> at_work_, let_go_;
  std::vector<std::vector<int>> batches_;
  std::vector<int> answers_;
  std::vector<std::thread::id> resumed_on_;
  WorkPool pool_{2};
  BatchLine<Item> line_{pool_, 3, [this](BatchLine<Item>::Batch batch) { serve(batch); }};
};

TEST_F(BatchLineTest, WhatComesMeanwhileIsTheNextBatch) {
  tasks_.spawn("pass", pass(1));
  io_.poll();
  at_work_.get_future().wait();
  for (int i = 2; i <= 4; ++i)
    tasks_.spawn("pass", pass(i));
  io_.poll();
  let_go_.set_value();
  io_.run();
  EXPECT_EQ(batches_, (std::vector<std::vector<int>>{{1}, {2, 3, 4}}));
}

TEST_F(BatchLineTest, KeepsTheOrderAndTheLimit) {
  pass_all(8);
  let_go_.set_value();
  io_.run();
  std::vector<int> order;
  for (const auto& batch : batches_) {
    EXPECT_LE(batch.size(), 3u);
    order.insert(order.end(), batch.begin(), batch.end());
  }
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(answers_, (std::vector<int>{10, 20, 30, 40, 50, 60, 70, 80}));
  // The first may be alone or have company, whoever came while it was served has.
  EXPECT_LE(batches_.size(), 4u);
}

TEST_F(BatchLineTest, ResumesOnTheLoopsThread) {
  pass_all(4);
  let_go_.set_value();
  io_.run();
  EXPECT_EQ(resumed_on_, std::vector<std::thread::id>(4, std::this_thread::get_id()));
}

TEST_F(BatchLineTest, ServesAgainAfterItRanDry) {
  let_go_.set_value();
  for (int i = 1; i <= 3; ++i) {
    tasks_.spawn("pass", pass(i));
    io_.run();
    io_.restart();
  }
  EXPECT_EQ(answers_, (std::vector<int>{10, 20, 30}));
}

TEST_F(BatchLineTest, ACancelledCallerWaitsForItsAnswer) {
  pass_all(2);
  tasks_.cancel();
  io_.poll();
  EXPECT_TRUE(answers_.empty());
  let_go_.set_value();
  io_.run();
  EXPECT_EQ(answers_, (std::vector<int>{10, 20}));
}

}  // namespace
}  // namespace skill_verifier::core
