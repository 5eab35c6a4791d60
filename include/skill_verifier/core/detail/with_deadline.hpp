#pragma once

#include <fmt/core.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

namespace skill_verifier::core {
namespace detail {

/// Starts `work` as a coroutine thread of its own, in which cancellation arrives by value.
template <class T>
awaitable<T> by_value(awaitable<T> work) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_return co_await std::move(work);
}

/// Timer handler and forwarding handler may outlive the call by one turn of the loop: they share this.
struct DeadlineState {
  explicit DeadlineState(const asio::any_io_executor& executor) : timer(executor) {}
  asio::cancellation_signal signal;
  asio::steady_timer timer;
  bool passed = false;
  bool finished = false;
};

void arm(const std::shared_ptr<DeadlineState>& state, Duration limit);

}  // namespace detail

template <class T>
awaitable<Result<T>> with_deadline(awaitable<Result<T>> work, Duration limit, std::string what) {
  const auto executor = co_await asio::this_coro::executor;
  const auto parent = co_await asio::this_coro::cancellation_state;
  auto state = std::make_shared<detail::DeadlineState>(executor);
  detail::arm(state, limit);
  if (parent.slot().is_connected())
    parent.slot().assign([state](asio::cancellation_type type) {
      if (!state->finished) state->signal.emit(type);
    });
  if (parent.cancelled() != asio::cancellation_type::none) {
    state->finished = true;
    state->timer.cancel();
    parent.slot().clear();
    co_return Error{Errc::cancelled, std::move(what) + ": cancelled"};
  }
  auto token = asio::bind_cancellation_slot(state->signal.slot(), asio::use_awaitable);
  auto guarded = detail::by_value(std::move(work));
  auto result = co_await asio::co_spawn(executor, std::move(guarded), token);
  state->finished = true;
  state->timer.cancel();
  parent.slot().clear();
  if (!result && state->passed) {
    const auto seconds = std::chrono::duration<double>(limit).count();
    co_return Error{Errc::timed_out, fmt::format("{}: no answer within {:g} s", what, seconds)};
  }
  co_return result;
}

}  // namespace skill_verifier::core
