#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "skill_verifier/core/result.hpp"

/// The few pieces that every coroutine of this project leans on. All of them run on the one I/O thread.
namespace skill_verifier::core {

namespace asio = boost::asio;
using asio::awaitable;
using Duration = std::chrono::steady_clock::duration;

/// Threads for work that blocks or takes more than a millisecond of CPU. Joined by its destructor.
class WorkPool {
 public:
  explicit WorkPool(std::size_t threads);
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  void post(std::function<void()> work);
  /// Waits for everything posted, then ends the threads. Later posts are dropped.
  void join();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

namespace detail {
awaitable<void> run_erased(WorkPool& pool, std::function<void()> work);
}

/// Runs `work` on the pool and resumes on the caller's executor with what it returned. `work` must own
/// what it uses: the coroutine waits for it even when it is cancelled meanwhile. What it throws leaves the coroutine.
template <class F>
auto run_on(WorkPool& pool, F work) -> awaitable<std::invoke_result_t<F&>> {
  using T = std::invoke_result_t<F&>;
  if constexpr (std::is_void_v<T>) {
    std::function<void()> task = std::move(work);
    co_await detail::run_erased(pool, std::move(task));
  } else {
    auto slot = std::make_shared<std::pair<F, std::optional<T>>>(std::move(work), std::nullopt);
    std::function<void()> task = [slot] { slot->second.emplace(slot->first()); };
    co_await detail::run_erased(pool, std::move(task));
    co_return std::move(*slot->second);
  }
}

/// Suspends for a while. Cancellation ends it early; the result says whether the time was up.
awaitable<bool> sleep_for(Duration duration);

/// Whether somebody asked the running coroutine to stop. Cancellation arrives by value in this project: TaskGroup and
/// with_deadline switch Asio's throw_if_cancelled off, the interrupted wait reports it, and clean-up code goes on.
awaitable<bool> cancelled();
/// From here on the running coroutine (and what it awaits) is not cancelled: the first line of clean-up after a job.
awaitable<void> shield_from_cancellation();

/// A condition variable for coroutines of one thread: `notify_all` wakes every `wait` that began before it.
class Event {
 public:
  explicit Event(asio::any_io_executor executor);
  ~Event();
  void notify_all();
  /// False when `limit` passed or the coroutine was cancelled.
  awaitable<bool> wait(Duration limit);
  awaitable<bool> wait();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Lets at most `permits` coroutines of one thread in at a time, first come first served.
class Semaphore {
 public:
  Semaphore(asio::any_io_executor executor, std::size_t permits);
  ~Semaphore();
  class Permit {
   public:
    Permit() = default;
    explicit Permit(Semaphore* owner) : owner_(owner) {}
    Permit(Permit&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept;
    ~Permit() { release(); }
    void release();
    explicit operator bool() const { return owner_ != nullptr; }

   private:
    Semaphore* owner_ = nullptr;
  };
  /// An empty permit when the coroutine was cancelled while it waited. The semaphore outlives every permit.
  awaitable<Permit> acquire();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Owns running coroutines: spawn, cancel all of them, wait until none is left.
class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts the coroutine on the group's executor. An exception that leaves it is logged under `name` as a bug.
  void spawn(std::string name, awaitable<void> task);
  /// Emits cancellation to every running task.
  void cancel();
  std::size_t size() const;
  /// True when no task is left before `limit`.
  awaitable<bool> wait(Duration limit);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Awaits `work`, cancelling it when `limit` has passed: then timed_out "`what`: no answer within …". The work is
/// always awaited to its end, so what it refers to stays valid.
template <class T>
awaitable<Result<T>> with_deadline(awaitable<Result<T>> work, Duration limit, std::string what);

}  // namespace skill_verifier::core

#include "skill_verifier/core/detail/with_deadline.hpp"
