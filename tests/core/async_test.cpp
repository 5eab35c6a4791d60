#include "skill_verifier/core/async.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <thread>
#include <vector>

namespace skill_verifier::core {
namespace {

using namespace std::chrono_literals;

class Async : public testing::Test {
 protected:
  /// Runs the loop until every spawned coroutine is done.
  void run() { io_.run(); }
  asio::io_context io_{1};
  TaskGroup tasks_{io_.get_executor()};
};

awaitable<Result<int>> answer() {
  co_return 42;
}
awaitable<Result<int>> sleeper(bool* ended) {
  const bool slept = co_await sleep_for(1h);
  *ended = true;
  if (!slept) co_return Error{Errc::cancelled, "woken"};
  co_return 1;
}

awaitable<void> take_deadline(Result<int>* out, bool* ended) {
  auto work = sleeper(ended);
  *out = co_await with_deadline(std::move(work), 5ms, "the sleeper");
}

TEST_F(Async, ADeadlineEndsTheWorkAndNamesIt) {
  Result<int> result = 0;
  bool ended = false;
  tasks_.spawn("test", take_deadline(&result, &ended));
  run();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::timed_out);
  EXPECT_NE(result.error().message.find("the sleeper: no answer within 0.005 s"), std::string::npos);
  EXPECT_TRUE(ended) << "the work must have been awaited to its end";
}

awaitable<void> take_answer(Result<int>* out) {
  auto work = answer();
  *out = co_await with_deadline(std::move(work), 1h, "answer");
}

TEST_F(Async, ADeadlineThatIsNotReachedGivesTheValue) {
  Result<int> result = 0;
  tasks_.spawn("test", take_answer(&result));
  run();
  EXPECT_EQ(*result, 42);
}

awaitable<void> nested_deadline(Result<int>* out, bool* ended) {
  auto work = sleeper(ended);
  *out = co_await with_deadline(std::move(work), 1h, "inner");
}

TEST_F(Async, CancellingAGroupReachesWorkBehindADeadline) {
  Result<int> result = 0;
  bool ended = false;
  tasks_.spawn("test", nested_deadline(&result, &ended));
  asio::post(io_, [&] { tasks_.cancel(); });
  run();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::cancelled);
  EXPECT_TRUE(ended);
}

awaitable<void> clean_up(bool* cleaned) {
  co_await sleep_for(1h);
  EXPECT_TRUE(co_await cancelled());
  co_await shield_from_cancellation();
  EXPECT_FALSE(co_await cancelled());
  *cleaned = co_await sleep_for(1ms);
}

TEST_F(Async, CleanUpGoesOnAfterCancellation) {
  bool cleaned = false;
  tasks_.spawn("test", clean_up(&cleaned));
  asio::post(io_, [&] { tasks_.cancel(); });
  run();
  EXPECT_TRUE(cleaned);
  EXPECT_EQ(tasks_.size(), 0u);
}

awaitable<void> pool_user(WorkPool& pool, std::thread::id* worker, std::thread::id* after, int* value) {
  *value = co_await run_on(pool, [worker] {
    *worker = std::this_thread::get_id();
    return 7;
  });
  *after = std::this_thread::get_id();
}

TEST_F(Async, PoolWorkResumesOnTheLoop) {
  WorkPool pool(1);
  std::thread::id worker, after;
  int value = 0;
  tasks_.spawn("test", pool_user(pool, &worker, &after, &value));
  run();
  EXPECT_EQ(value, 7);
  EXPECT_NE(worker, std::this_thread::get_id());
  EXPECT_EQ(after, std::this_thread::get_id());
}

TEST_F(Async, PoolWorkIsAwaitedEvenWhenCancelled) {
  WorkPool pool(1);
  std::thread::id worker, after;
  int value = 0;
  tasks_.spawn("test", pool_user(pool, &worker, &after, &value));
  asio::post(io_, [&] { tasks_.cancel(); });
  run();
  EXPECT_EQ(value, 7);
}

awaitable<void> pool_thrower(WorkPool& pool, std::string* what) {
  try {
    co_await run_on(pool, [] { throw std::runtime_error("from the pool"); });
  } catch (const std::runtime_error& error) {
    *what = error.what();
  }
}

TEST_F(Async, WhatPoolWorkThrowsArrivesOnTheLoop) {
  WorkPool pool(1);
  std::string what;
  tasks_.spawn("test", pool_thrower(pool, &what));
  run();
  EXPECT_EQ(what, "from the pool");
}

awaitable<void> hold(Semaphore& semaphore, int* inside, int* most, std::vector<int>* order, int number) {
  auto permit = co_await semaphore.acquire();
  EXPECT_TRUE(permit);
  order->push_back(number);
  *most = std::max(*most, ++*inside);
  co_await sleep_for(1ms);
  --*inside;
}

TEST_F(Async, ASemaphoreLetsItsNumberInAndInOrder) {
  Semaphore semaphore(io_.get_executor(), 2);
  int inside = 0, most = 0;
  std::vector<int> order;
  for (int i = 0; i < 7; ++i)
    tasks_.spawn("test", hold(semaphore, &inside, &most, &order, i));
  run();
  EXPECT_EQ(most, 2);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6}));
}

awaitable<void> wait_for_permit(Semaphore& semaphore, bool* got) {
  auto permit = co_await semaphore.acquire();
  *got = static_cast<bool>(permit);
}

TEST_F(Async, ACancelledWaiterLosesItsPlaceButNoPermit) {
  Semaphore semaphore(io_.get_executor(), 1);
  bool first = false, second = true, third = false;
  tasks_.spawn("holder", [](Semaphore& s, bool* got, TaskGroup& group) -> awaitable<void> {
    auto permit = co_await s.acquire();
    *got = static_cast<bool>(permit);
    co_await sleep_for(1ms);
    group.cancel();
    co_await shield_from_cancellation();
    co_await sleep_for(1ms);
  }(semaphore, &first, tasks_));
  tasks_.spawn("waiter", wait_for_permit(semaphore, &second));
  run();
  EXPECT_TRUE(first);
  EXPECT_FALSE(second);
  io_.restart();
  tasks_.spawn("later", wait_for_permit(semaphore, &third));
  run();
  EXPECT_TRUE(third);
}

awaitable<void> wait_event(Event& event, bool* notified, Duration limit) {
  *notified = co_await event.wait(limit);
}

TEST_F(Async, AnEventWakesEveryWaiterAndTellsTimeOutApart) {
  Event event(io_.get_executor());
  bool first = false, second = false, late = true;
  tasks_.spawn("first", wait_event(event, &first, 1h));
  tasks_.spawn("second", wait_event(event, &second, Duration::max()));
  asio::post(io_, [&] { event.notify_all(); });
  run();
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  io_.restart();
  tasks_.spawn("late", wait_event(event, &late, 1ms));
  run();
  EXPECT_FALSE(late);
}

awaitable<void> thrower() {
  co_await sleep_for(0ms);
  throw std::runtime_error("a bug");
}
awaitable<void> wait_group(TaskGroup& group, bool* empty) {
  *empty = co_await group.wait(1h);
}

TEST_F(Async, AnExceptionEndsOneTaskAndIsLogged) {
  testing::internal::CaptureStderr();
  TaskGroup watcher(io_.get_executor());
  bool empty = false;
  tasks_.spawn("faulty", thrower());
  watcher.spawn("watch", wait_group(tasks_, &empty));
  run();
  EXPECT_TRUE(empty);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("task=faulty what=\"a bug\""), std::string::npos);
}

}  // namespace
}  // namespace skill_verifier::core
