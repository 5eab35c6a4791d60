#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>

/// Runs coroutines from a TEST body: `auto answer = await(io, client.send(request));`. Cancellation arrives by value as
/// in the program.
namespace skill_verifier::test {

namespace asio = boost::asio;

/// No coroutine under test may take longer; a hang becomes an exception that fails the test.
inline constexpr std::chrono::seconds kAwaitLimit{60};

namespace detail {

template <class T>
asio::awaitable<void> store_result(asio::awaitable<T> work, std::optional<T>* slot) {
  co_await asio::this_coro::throw_if_cancelled(false);
  T value = co_await std::move(work);
  slot->emplace(std::move(value));
}

inline asio::awaitable<void> run_plain(asio::awaitable<void> work) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await std::move(work);
}

/// Runs `task` on `io`; once `ready()` is true it is cancelled. Never when `ready` is empty.
inline void run_to_end(asio::io_context& io, asio::awaitable<void> task, const std::function<bool()>& ready) {
  bool done = false;
  bool emitted = false;
  std::exception_ptr failure;
  asio::cancellation_signal signal;
  auto finished = [&](std::exception_ptr error) {
    failure = error;
    done = true;
  };
  asio::co_spawn(io, std::move(task), asio::bind_cancellation_slot(signal.slot(), finished));
  const auto end = std::chrono::steady_clock::now() + kAwaitLimit;
  io.restart();
  while (!done) {
    if (std::chrono::steady_clock::now() >= end) throw std::runtime_error("the awaited coroutine did not finish");
    if (!ready || emitted) {
      io.run_one_until(end);
      continue;
    }
    if (io.poll_one() == 0 && !done) std::this_thread::yield();
    if (!done && ready()) {
      emitted = true;
      signal.emit(asio::cancellation_type::terminal);
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace detail

/// Runs `work` on `io` until it returns; other work of `io` goes on meanwhile and stays queued afterwards.
template <class T>
T await(asio::io_context& io, asio::awaitable<T> work) {
  if constexpr (std::is_void_v<T>) {
    detail::run_to_end(io, detail::run_plain(std::move(work)), nullptr);
  } else {
    std::optional<T> slot;
    detail::run_to_end(io, detail::store_result(std::move(work), &slot), nullptr);
    return std::move(*slot);
  }
}

/// The same, but cancels the coroutine as soon as `ready()` is true, and gives what it made of that.
template <class T>
T await_cancelled(asio::io_context& io, asio::awaitable<T> work, const std::function<bool()>& ready) {
  std::optional<T> slot;
  detail::run_to_end(io, detail::store_result(std::move(work), &slot), ready);
  return std::move(*slot);
}

/// The same on a private io_context, for coroutines that take their executor from asio::this_coro::executor.
template <class T>
T await(asio::awaitable<T> work) {
  asio::io_context io{1};
  return await(io, std::move(work));
}

}  // namespace skill_verifier::test
