#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/result.hpp"

/// Straight-line code over the project's coroutines: a benchmark does one thing at a time.
namespace skill_verifier::bench {

namespace asio = core::asio;
using core::awaitable;

/// The value, or a std::runtime_error that says what could not be done.
template <class T>
T must(Result<T> result, const std::string& what) {
  if (!result) throw std::runtime_error(what + ": " + result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class Loop {
 public:
  asio::any_io_executor executor() { return io_.get_executor(); }

  /// Runs the coroutine until it returns; other coroutines of the loop go on meanwhile.
  template <class T>
  T wait(awaitable<T> work) {
    if constexpr (std::is_void_v<T>) {
      run(std::move(work));
    } else {
      std::optional<T> value;
      run(store(std::move(work), &value));
      return std::move(*value);
    }
  }

 private:
  template <class T>
  static awaitable<void> store(awaitable<T> work, std::optional<T>* slot) {
    T value = co_await std::move(work);
    slot->emplace(std::move(value));
  }

  void run(awaitable<void> work) {
    bool done = false;
    std::exception_ptr failure;
    auto finished = [&](std::exception_ptr error) {
      failure = std::move(error);
      done = true;
    };
    asio::co_spawn(io_, std::move(work), finished);
    io_.restart();
    while (!done)
      io_.run_one();
    if (failure) std::rethrow_exception(failure);
  }

  asio::io_context io_{1};
};

}  // namespace skill_verifier::bench
