#include "net/operation_guard.hpp"

#include <algorithm>

namespace skill_verifier::net {

namespace asio = core::asio;

// Far enough to mean "no limit", near enough not to overflow the timer's arithmetic.
constexpr core::Duration kLongest = std::chrono::hours(24 * 365);

OperationGuard::OperationGuard(const asio::any_io_executor& executor, core::Duration limit,
                               asio::cancellation_state coroutine)
    : shared_(std::make_shared<Shared>(executor)),
      parent_(coroutine.slot()),
      cancelled_before_(coroutine.cancelled() != asio::cancellation_type::none) {
  shared_->timer.expires_after(std::clamp(limit, core::Duration::zero(), kLongest));
  shared_->timer.async_wait([shared = shared_](boost::system::error_code error) {
    if (error || shared->over) return;
    shared->timed_out = true;
    shared->signal.emit(asio::cancellation_type::terminal);
  });
  if (!parent_.is_connected()) return;
  parent_.assign([shared = shared_](asio::cancellation_type type) {
    if (!shared->over) shared->signal.emit(type);
  });
}

OperationGuard::~OperationGuard() {
  shared_->over = true;
  shared_->timer.cancel();
  if (parent_.is_connected()) parent_.clear();
}

}  // namespace skill_verifier::net
