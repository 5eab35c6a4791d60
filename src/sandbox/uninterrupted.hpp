#pragma once

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "skill_verifier/core/async.hpp"

namespace skill_verifier::sandbox {

/// Awaits `work` to its end even when the running coroutine is cancelled meanwhile: for the steps whose answer must not
/// be missed, such as the id of a container that the engine is making. The work has its own deadlines. The caller looks
/// at core::cancelled() afterwards.
template <class T>
core::awaitable<T> uninterrupted(core::awaitable<T> work) {
  const auto executor = co_await core::asio::this_coro::executor;
  auto token = core::asio::bind_cancellation_slot(core::asio::cancellation_slot(), core::asio::use_awaitable);
  co_return co_await core::asio::co_spawn(executor, std::move(work), token);
}

}  // namespace skill_verifier::sandbox
