#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <memory>

#include "skill_verifier/core/async.hpp"

namespace skill_verifier::net {

/// Ends one asynchronous operation when its limit passes or when its coroutine is cancelled. It lives in the
/// coroutine's frame around exactly one `co_await`, whose token is bound to `slot()`. The operation's own outcome
/// always wins: bytes that arrived together with the time-out are not lost.
class OperationGuard {
 public:
  OperationGuard(const core::asio::any_io_executor& executor, core::Duration limit,
                 core::asio::cancellation_state coroutine);
  ~OperationGuard();
  OperationGuard(const OperationGuard&) = delete;
  OperationGuard& operator=(const OperationGuard&) = delete;

  core::asio::cancellation_slot slot() const { return shared_->signal.slot(); }
  bool timed_out() const { return shared_->timed_out; }
  /// Cancelled before the operation began: it must not be started, since nothing would end it.
  bool cancelled_before() const { return cancelled_before_; }

 private:
  // The timer's handler may still be queued when the frame is gone.
  struct Shared {
    explicit Shared(const core::asio::any_io_executor& executor) : timer(executor) {}
    core::asio::cancellation_signal signal;
    core::asio::steady_timer timer;
    bool over = false;
    bool timed_out = false;
  };
  std::shared_ptr<Shared> shared_;
  core::asio::cancellation_slot parent_;
  bool cancelled_before_;
};

}  // namespace skill_verifier::net
