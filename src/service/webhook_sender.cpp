#include "service/webhook_sender.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <random>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::service {
namespace {

using store::Delivery;
using store::DeliveryState;

/// The wall clock is looked at again after so long, however it jumps meanwhile.
constexpr core::Duration kLongestWait = std::chrono::seconds(60);
constexpr core::Duration kStoreTrouble = std::chrono::seconds(5);
constexpr core::Duration kTidyInterval = std::chrono::hours(1);
constexpr core::Duration kStopLimit = std::chrono::seconds(10);
constexpr core::Duration kConnectLimit = std::chrono::seconds(5);
constexpr std::size_t kAnswerBytes = 16u << 10;

double random_fraction() {
  static std::mt19937_64 generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

std::chrono::seconds retry_after_of(const net::Response& answer, std::chrono::milliseconds longest) {
  const std::string_view text = net::find_header(answer.headers, "Retry-After");
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return std::chrono::seconds(0);
  return std::min(std::chrono::seconds(seconds), std::chrono::duration_cast<std::chrono::seconds>(longest));
}

std::string join(const std::vector<std::string>& texts) {
  std::string joined;
  for (const auto& text : texts)
    joined += (joined.empty() ? "" : " ") + text;
  return joined;
}

}  // namespace

WebhookSender::WebhookSender(core::asio::any_io_executor executor, const core::Clock& clock, store::Outbox& outbox,
                             const WebhookOptions& options, std::string user_agent)
    : executor_(executor),
      clock_(clock),
      outbox_(outbox),
      options_(options),
      user_agent_(std::move(user_agent)),
      wake_(executor),
      tasks_(executor) {}

void WebhookSender::start() {
  tasks_.spawn("webhooks", run());
}

void WebhookSender::wake() {
  woken_ = true;
  wake_.notify_all();
}

core::awaitable<void> WebhookSender::stop() {
  tasks_.cancel();
  const bool ended = co_await tasks_.wait(kStopLimit);
  if (!ended) log::error("webhooks did not stop", {{"deliveries", under_way_.size()}});
}

core::awaitable<void> WebhookSender::run() {
  while (true) {
    woken_ = false;
    const core::Duration pause = co_await pass();
    const bool ended = co_await core::cancelled();
    if (ended) co_return;
    if (!woken_) co_await wake_.wait(pause);
  }
}

/// Starts what is due; gives the time after which to look again.
core::awaitable<core::Duration> WebhookSender::pass() {
  co_await forget_old();
  const auto waiting = co_await outbox_.waiting();
  if (!waiting) {
    log::error("outbox not readable", {{"code", waiting.error().id}, {"message", waiting.error().message}});
    co_return kStoreTrouble;
  }
  if (!waiting->earliest) co_return kLongestWait;
  const core::Time now = clock_.now();
  // No pause is as long as that: the clock was set back after it had been written down.
  const core::Time horizon = now + 2 * options_.retry.longest;
  if (*waiting->latest > horizon) {
    log::warn("the clock was set back: webhooks are tried now");
    const auto pulled = co_await outbox_.pull_forward(horizon, now);
    co_return pulled ? core::Duration::zero() : kStoreTrouble;
  }
  if (*waiting->earliest > now) co_return std::min<core::Duration>(*waiting->earliest - now, kLongestWait);
  co_await launch_due(now);
  // Whatever was not begun waits for one that is under way, which wakes us; what is not due yet is looked at by then.
  co_return under_way_.empty() ? kStoreTrouble : kLongestWait;
}

core::awaitable<void> WebhookSender::launch_due(core::Time now) {
  settled_.clear();
  // Twice: those under way to a host are among its due ones.
  const auto due = co_await outbox_.due(now, 2 * options_.per_host);
  if (!due) {
    log::error("outbox not readable", {{"code", due.error().id}, {"message", due.error().message}});
    co_return;
  }
  for (const Delivery& delivery : *due) {
    if (under_way_.size() >= options_.concurrent) break;
    if (under_way_.contains(delivery.id) || settled_.contains(delivery.id)) continue;
    if (hosts_[delivery.target.host] >= options_.per_host) continue;
    under_way_.insert(delivery.id);
    ++hosts_[delivery.target.host];
    tasks_.spawn("webhook " + delivery.id, deliver(delivery));
  }
  std::erase_if(hosts_, [](const auto& host) { return host.second == 0; });
}

core::awaitable<void> WebhookSender::deliver(Delivery delivery) {
  Answer answer = co_await attempt(delivery);
  if (!answer.cancelled) {
    co_await core::shield_from_cancellation();
    co_await settle(delivery, std::move(answer));
    settled_.insert(delivery.id);
  }
  under_way_.erase(delivery.id);
  --hosts_[delivery.target.host];
  wake();
}

core::awaitable<WebhookSender::Answer> WebhookSender::attempt(const Delivery& delivery) {
  const std::string secrets = delivery.target.secrets.empty() ? join(options_.secrets) : delivery.target.secrets;
  const auto keys = parse_webhook_secrets(secrets);
  Answer answer;
  if (!keys) {
    answer.error = "there is no secret to sign with";
    co_return answer;
  }
  const std::int64_t timestamp = std::chrono::floor<std::chrono::seconds>(clock_.now()).time_since_epoch().count();
  std::string signature = sign_webhook(*keys, delivery.id, timestamp, delivery.payload);
  co_return co_await post(delivery, std::move(signature), timestamp);
}

core::awaitable<WebhookSender::Answer> WebhookSender::post(const Delivery& delivery, std::string signature,
                                                           std::int64_t timestamp) {
  Answer answer;
  // The policy of today holds, not that of the day on which the job came.
  const auto allowed = parse_webhook(delivery.target.url, options_);
  auto endpoint = webhook_endpoint(delivery.target.url);
  if (!allowed || !endpoint) {
    answer.error = allowed ? endpoint.error().message : allowed.error().message;
    co_return answer;
  }
  net::ConnectOptions connecting;
  connecting.check = [this](const net::Address& address) { return options_.addresses.check(address); };
  if (endpoint->first.kind == net::Endpoint::Kind::tls) {
    if (!tls_) {
      auto made = net::make_tls_context();
      if (!made) {
        answer.error = made.error().message;
        co_return answer;
      }
      tls_ = std::move(*made);
    }
    connecting.tls = tls_;
  }
  net::ClientLimits limits;
  limits.connect = std::min(kConnectLimit, options_.timeout);
  limits.header_bytes = kAnswerBytes;
  limits.body_bytes = kAnswerBytes;
  limits.idle_connections = 0;
  net::HttpClient client(executor_, endpoint->first, limits, std::move(connecting));
  net::Request request;
  request.method = "POST";
  request.target = std::move(endpoint->second);
  request.headers = {{"Content-Type", "application/json"},
                     {"User-Agent", user_agent_},
                     {"webhook-id", delivery.id},
                     {"webhook-timestamp", std::to_string(timestamp)},
                     {"webhook-signature", std::move(signature)}};
  request.body = delivery.payload;
  // The status says everything: what a receiver writes below it is neither read nor kept.
  const auto sent = co_await client.send_header_first(std::move(request), options_.timeout);
  if (!sent) {
    answer.cancelled = sent.error().code == Errc::cancelled;
    answer.error = core::shorten(sent.error().id + ": " + sent.error().message, 200);
    co_return answer;
  }
  const net::Response& head = sent->header;
  answer.status = head.status;
  if (head.status >= 200 && head.status < 300) co_return answer;
  const bool redirect = head.status >= 300 && head.status < 400;
  answer.error = fmt::format("answered {}{}", head.status, redirect ? ", and redirects are not followed" : "");
  answer.final = head.status == 410;  // the receiver is gone on purpose
  answer.retry_after = retry_after_of(head, options_.retry.longest);
  co_return answer;
}

core::awaitable<void> WebhookSender::settle(const Delivery& delivery, Answer answer) {
  store::Attempted attempted;
  attempted.at = clock_.now();
  attempted.status = answer.status;
  attempted.error = answer.error;
  const int attempts = delivery.attempts + 1;
  if (!answer.error.empty()) {
    const auto pause = answer.final ? std::nullopt : pause_after(options_.retry, attempts, random_fraction());
    attempted.state = pause ? DeliveryState::pending : DeliveryState::dead;
    if (pause)
      attempted.next_attempt_at = attempted.at + std::max<std::chrono::milliseconds>(*pause, answer.retry_after);
  }
  const auto level = attempted.state == DeliveryState::dead ? &log::warn : &log::info;
  level("webhook", {{"job", delivery.job},
                    {"delivery", delivery.id},
                    {"event", delivery.event},
                    {"host", delivery.target.host},
                    {"state", store::to_string(attempted.state)},
                    {"attempts", attempts},
                    {"error", answer.error}});
  auto written = co_await outbox_.settle(delivery.id, std::move(attempted));
  // Unwritten, it is sent once more: at least once is what receivers are promised.
  if (!written) log::error("webhook not settled", {{"delivery", delivery.id}, {"message", written.error().message}});
}

core::awaitable<void> WebhookSender::forget_old() {
  const auto now = std::chrono::steady_clock::now();
  if (tidied_ != std::chrono::steady_clock::time_point() && now - tidied_ < kTidyInterval) co_return;
  tidied_ = now;
  const auto removed = co_await outbox_.forget(clock_.now() - options_.keep);
  if (removed && *removed > 0) log::info("old webhook deliveries removed", {{"deliveries", *removed}});
}

}  // namespace skill_verifier::service
