#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "skill_verifier/core/async.hpp"

namespace skill_verifier::core {

/// A coroutine that waits until somebody, on any thread, says that it goes on. Whoever drops it destroys the coroutine.
class Parked {
 public:
  /// The suspended side, which knows the coroutine's type.
  class Handler {
   public:
    explicit Handler(asio::any_io_executor executor);
    virtual ~Handler();
    virtual void go_on() = 0;
    const asio::any_io_executor& executor() const { return executor_; }

   private:
    asio::any_io_executor executor_;  ///< which must not end meanwhile
  };
  explicit Parked(std::unique_ptr<Handler> handler) : handler_(std::move(handler)) {}

 private:
  friend void resume(std::vector<Parked> parked);
  std::unique_ptr<Handler> handler_;
};

/// Suspends the running coroutine and hands it to `take`, which sees to it that it is resumed. Not cancelled.
awaitable<void> park(std::function<void(Parked)> take);
/// From any thread. Each goes on where it ran, in this order; those of one loop share one turn of it.
void resume(std::vector<Parked> parked);

/// One thread's work for many callers: what comes while it is at work is its next batch, and one wake-up of the thread
/// and one of the loop serve all of a batch. Nobody waits for company: a lonely item is served at once. Destroyed
/// after `pool` was joined, and before the loops of its callers: the thread touches a loop after it woke it.
template <class Item>
class BatchLine {
 public:
  using Batch = std::span<const std::shared_ptr<Item>>;

  /// `serve` runs on `pool`, never twice at a time, with at most `most` items in the order in which they came. It does
  /// not throw.
  BatchLine(WorkPool& pool, std::size_t most, std::function<void(Batch)> serve)
      : pool_(pool), most_(most), serve_(std::move(serve)) {}
  BatchLine(const BatchLine&) = delete;
  BatchLine& operator=(const BatchLine&) = delete;

  /// Resumes when `item` was served; until then also a cancelled caller waits.
  awaitable<void> pass(std::shared_ptr<Item> item) {
    std::function<void(Parked)> take = [this, item](Parked caller) { add(item, std::move(caller)); };
    co_await park(std::move(take));
  }

 private:
  void add(std::shared_ptr<Item> item, Parked caller) {
    {
      const std::lock_guard lock(mutex_);
      items_.push_back(std::move(item));
      callers_.push_back(std::move(caller));
      if (std::exchange(working_, true)) return;
    }
    pool_.post([this] { work(); });
  }

  void work() {
    std::vector<std::shared_ptr<Item>> items;
    std::vector<Parked> callers;
    while (take(items, callers)) {
      serve_(items);
      items.clear();
      resume(std::exchange(callers, {}));
    }
  }

  /// False when there is nothing left: the next item posts anew.
  bool take(std::vector<std::shared_ptr<Item>>& items, std::vector<Parked>& callers) {
    const std::lock_guard lock(mutex_);
    const auto count = static_cast<std::ptrdiff_t>(std::min(items_.size(), most_));
    working_ = count > 0;
    std::move(items_.begin(), items_.begin() + count, std::back_inserter(items));
    std::move(callers_.begin(), callers_.begin() + count, std::back_inserter(callers));
    items_.erase(items_.begin(), items_.begin() + count);
    callers_.erase(callers_.begin(), callers_.begin() + count);
    return working_;
  }

  WorkPool& pool_;
  const std::size_t most_;
  const std::function<void(Batch)> serve_;
  std::mutex mutex_;  ///< guards all below
  std::vector<std::shared_ptr<Item>> items_;
  std::vector<Parked> callers_;
  bool working_ = false;
};

}  // namespace skill_verifier::core
