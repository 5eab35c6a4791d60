#include "skill_verifier/core/async.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <deque>
#include <exception>
#include <list>

#include "skill_verifier/core/log.hpp"

namespace skill_verifier::core {
namespace {

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
constexpr auto kForever = asio::steady_timer::time_point::max();

}  // namespace

struct WorkPool::Impl {
  explicit Impl(std::size_t threads) : pool(threads) {}
  asio::thread_pool pool;
};

WorkPool::WorkPool(std::size_t threads) : impl_(std::make_unique<Impl>(threads)) {}
WorkPool::~WorkPool() {
  join();
}
void WorkPool::post(std::function<void()> work) {
  asio::post(impl_->pool, std::move(work));
}
void WorkPool::join() {
  impl_->pool.join();
}

namespace detail {

awaitable<void> run_erased(WorkPool& pool, std::function<void()> work) {
  const auto executor = co_await asio::this_coro::executor;
  // The initiation hands a completion to the pool that posts itself back to the I/O thread. No cancellation slot is
  // used: what runs on the pool cannot be interrupted, and its memory must stay until it is done.
  auto failure = std::make_shared<std::exception_ptr>();
  auto initiate = [&pool, executor, failure, task = std::move(work)](auto handler) mutable {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    auto guard = asio::prefer(executor, asio::execution::outstanding_work.tracked);
    pool.post([shared, guard, failure, work = std::move(task)]() mutable {
      try {
        work();
      } catch (...) {
        *failure = std::current_exception();
      }
      work = nullptr;
      asio::post(guard, [shared = std::move(shared)]() mutable { std::move (*shared)(); });
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate), asio::use_awaitable);
  if (*failure) std::rethrow_exception(*failure);
}

void arm(const std::shared_ptr<DeadlineState>& state, Duration limit) {
  state->timer.expires_after(limit);
  state->timer.async_wait([state](boost::system::error_code error) {
    if (error || state->finished) return;
    state->passed = true;
    state->signal.emit(asio::cancellation_type::terminal);
  });
}

}  // namespace detail

awaitable<bool> sleep_for(Duration duration) {
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) co_return false;
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  const auto [error] = co_await timer.async_wait(use_tuple);
  co_return !error;
}

awaitable<bool> cancelled() {
  const auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

awaitable<void> shield_from_cancellation() {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
}

struct Event::Impl {
  explicit Impl(asio::any_io_executor executor) : executor(std::move(executor)) {}
  asio::any_io_executor executor;
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
    asio::steady_timer timer;
    bool notified = false;
  };
  std::list<Waiter*> waiters;
};

Event::Event(asio::any_io_executor executor) : impl_(std::make_shared<Impl>(std::move(executor))) {}
Event::~Event() {
  notify_all();
}

void Event::notify_all() {
  for (Impl::Waiter* waiter : impl_->waiters) {
    waiter->notified = true;
    waiter->timer.cancel();
  }
  impl_->waiters.clear();
}

awaitable<bool> Event::wait(Duration limit) {
  const auto impl = impl_;
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) co_return false;
  Impl::Waiter waiter(impl->executor);
  if (limit == Duration::max())
    waiter.timer.expires_at(kForever);
  else
    waiter.timer.expires_after(limit);
  impl->waiters.push_back(&waiter);
  co_await waiter.timer.async_wait(use_tuple);
  impl->waiters.remove(&waiter);
  co_return waiter.notified;
}

awaitable<bool> Event::wait() {
  co_return co_await wait(Duration::max());
}

struct Semaphore::Impl {
  Impl(asio::any_io_executor executor, std::size_t permits) : executor(std::move(executor)), free(permits) {}
  asio::any_io_executor executor;
  std::size_t free;
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : timer(executor, kForever) {}
    asio::steady_timer timer;
    bool granted = false;
  };
  std::deque<Waiter*> waiters;
};

Semaphore::Semaphore(asio::any_io_executor executor, std::size_t permits)
    : impl_(std::make_unique<Impl>(std::move(executor), permits)) {}
Semaphore::~Semaphore() = default;

Semaphore::Permit& Semaphore::Permit::operator=(Permit&& other) noexcept {
  if (this != &other) {
    release();
    owner_ = std::exchange(other.owner_, nullptr);
  }
  return *this;
}

void Semaphore::Permit::release() {
  Semaphore* owner = std::exchange(owner_, nullptr);
  if (!owner) return;
  if (owner->impl_->waiters.empty()) {
    ++owner->impl_->free;
    return;
  }
  Impl::Waiter* next = owner->impl_->waiters.front();
  owner->impl_->waiters.pop_front();
  next->granted = true;
  next->timer.cancel();
}

awaitable<Semaphore::Permit> Semaphore::acquire() {
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) co_return Permit();
  if (impl_->free > 0) {
    --impl_->free;
    co_return Permit(this);
  }
  Impl::Waiter waiter(impl_->executor);
  impl_->waiters.push_back(&waiter);
  co_await waiter.timer.async_wait(use_tuple);
  if (!waiter.granted) {
    std::erase(impl_->waiters, &waiter);
    co_return Permit();
  }
  co_return Permit(this);
}

struct TaskGroup::Impl {
  explicit Impl(asio::any_io_executor executor) : executor(executor), ended(executor) {}
  asio::any_io_executor executor;
  std::list<asio::cancellation_signal> running;
  Event ended;
};

TaskGroup::TaskGroup(asio::any_io_executor executor) : impl_(std::make_shared<Impl>(std::move(executor))) {}
TaskGroup::~TaskGroup() = default;

void TaskGroup::spawn(std::string name, awaitable<void> task) {
  auto impl = impl_;
  const auto signal = impl->running.emplace(impl->running.end());
  auto finished = [impl, signal, name = std::move(name)](std::exception_ptr exception) {
    if (exception) {
      try {
        std::rethrow_exception(exception);
      } catch (const std::exception& caught) {
        log::error("task ended by an exception", {{"task", name}, {"what", caught.what()}});
      }
    }
    impl->running.erase(signal);
    impl->ended.notify_all();
  };
  asio::co_spawn(impl->executor, detail::by_value(std::move(task)),
                 asio::bind_cancellation_slot(signal->slot(), std::move(finished)));
}

void TaskGroup::cancel() {
  // Emitting may end a task at once, which takes its signal out of the list.
  auto impl = impl_;
  for (auto it = impl->running.begin(); it != impl->running.end();) {
    const auto next = std::next(it);
    it->emit(asio::cancellation_type::terminal);
    it = next;
  }
}

std::size_t TaskGroup::size() const {
  return impl_->running.size();
}

awaitable<bool> TaskGroup::wait(Duration limit) {
  const auto impl = impl_;
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!impl->running.empty()) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= Duration::zero()) co_return false;
    co_await impl->ended.wait(left);
    if (co_await cancelled()) co_return impl->running.empty();
  }
  co_return true;
}

}  // namespace skill_verifier::core
