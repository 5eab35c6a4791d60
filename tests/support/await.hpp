#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
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

inline void run_to_end(asio::io_context& io, asio::awaitable<void> task) {
  bool done = false;
  std::exception_ptr failure;
  asio::co_spawn(io, std::move(task), [&](std::exception_ptr error) {
    failure = error;
    done = true;
  });
  const auto end = std::chrono::steady_clock::now() + kAwaitLimit;
  io.restart();
  while (!done) {
    if (io.run_one_until(end) == 0 && !done) throw std::runtime_error("the awaited coroutine did not finish");
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace detail

/// Runs `work` on `io` until it returns; other work of `io` goes on meanwhile and stays queued afterwards.
template <class T>
T await(asio::io_context& io, asio::awaitable<T> work) {
  if constexpr (std::is_void_v<T>) {
    detail::run_to_end(io, detail::run_plain(std::move(work)));
  } else {
    std::optional<T> slot;
    detail::run_to_end(io, detail::store_result(std::move(work), &slot));
    return std::move(*slot);
  }
}

/// The same on a private io_context, for coroutines that take their executor from asio::this_coro::executor.
template <class T>
T await(asio::awaitable<T> work) {
  asio::io_context io{1};
  return await(io, std::move(work));
}

}  // namespace skill_verifier::test
