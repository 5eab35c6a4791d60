#pragma once

#include <map>
#include <set>
#include <string>

#include "skill_verifier/service/webhooks.hpp"

namespace skill_verifier::service {

/// Delivers what lies in an outbox, for as long as it runs. What is under way when the process ends is sent again by
/// the next one, under the same id. One thread; everything handed in outlives it.
class WebhookSender {
 public:
  WebhookSender(core::asio::any_io_executor executor, const core::Clock& clock, store::Outbox& outbox,
                const WebhookOptions& options, std::string user_agent);

  void start();
  /// Something was written: it is looked for at once.
  void wake();
  /// Breaks off what is under way. Must have been called before the destructor.
  core::awaitable<void> stop();

 private:
  struct Answer {
    int status = 0;
    std::string error;  ///< empty: delivered
    bool cancelled = false;
    bool final = false;  ///< not to be tried again
    std::chrono::seconds retry_after{0};
  };

  core::awaitable<void> run();
  core::awaitable<core::Duration> pass();
  core::awaitable<void> launch_due(core::Time now);
  core::awaitable<void> deliver(store::Delivery delivery);
  core::awaitable<Answer> attempt(const store::Delivery& delivery);
  core::awaitable<Answer> post(const store::Delivery& delivery, std::string signature, std::int64_t timestamp);
  core::awaitable<void> settle(const store::Delivery& delivery, Answer answer);
  core::awaitable<void> forget_old();

  core::asio::any_io_executor executor_;
  const core::Clock& clock_;
  store::Outbox& outbox_;
  const WebhookOptions& options_;
  const std::string user_agent_;
  std::shared_ptr<net::TlsContext> tls_;
  std::set<std::string> under_way_;           ///< ids
  std::set<std::string> settled_;             ///< ids, since the outbox was asked last
  std::map<std::string, std::size_t> hosts_;  ///< attempts under way
  bool woken_ = false;
  core::Event wake_;
  core::TaskGroup tasks_;
  std::chrono::steady_clock::time_point tidied_{};
};

}  // namespace skill_verifier::service
