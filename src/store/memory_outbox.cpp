#include "store/memory_outbox.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "skill_verifier/core/ids.hpp"
#include "store/errors.hpp"

namespace skill_verifier::store {
namespace {

Delivery shown(Delivery delivery) {
  delivery.target.secrets.clear();
  delivery.payload.clear();
  return delivery;
}

}  // namespace

void MemoryOutbox::add_messages(std::string_view event, const Job& job, Time now) {
  if (!rules_.payload) return;
  std::vector<Webhook> targets = rules_.endpoints;
  if (const auto own = webhooks_.find(job.sequence); own != webhooks_.end()) targets.push_back(own->second);
  if (targets.empty()) return;
  const std::string payload = rules_.payload(event, job);
  for (Webhook& target : targets) {
    Delivery delivery;
    delivery.id = core::random_hex(16);
    delivery.number = ++last_number_;
    delivery.job = job.id;
    delivery.event = event;
    delivery.target = std::move(target);
    delivery.payload = payload;
    delivery.created_at = delivery.next_attempt_at = now;
    deliveries_[delivery.number] = std::move(delivery);
  }
}

awaitable<Result<std::vector<Delivery>>> MemoryOutbox::due(Time now, std::size_t per_host) {
  std::vector<Delivery> due;
  std::map<std::string, std::size_t> of_host;
  std::set<std::pair<std::string, std::string>> earlier;  // job and URL
  for (const auto& [number, delivery] : deliveries_) {
    if (delivery.state != DeliveryState::pending) continue;
    const bool first = earlier.emplace(delivery.job, delivery.target.url).second;
    if (!first || delivery.next_attempt_at > now || due.size() >= kMostDue) continue;
    if (++of_host[delivery.target.host] <= per_host) due.push_back(delivery);
  }
  co_return due;
}

awaitable<Result<WaitingDeliveries>> MemoryOutbox::waiting() {
  WaitingDeliveries waiting;
  std::set<std::pair<std::string, std::string>> earlier;  // job and URL
  for (const auto& [number, delivery] : deliveries_) {
    if (delivery.state != DeliveryState::pending) continue;
    const bool first = earlier.emplace(delivery.job, delivery.target.url).second;
    if (first)
      waiting.earliest = std::min(waiting.earliest.value_or(delivery.next_attempt_at), delivery.next_attempt_at);
    waiting.latest = std::max(waiting.latest.value_or(delivery.next_attempt_at), delivery.next_attempt_at);
  }
  co_return waiting;
}

awaitable<Result<void>> MemoryOutbox::settle(std::string id, Attempted attempted) {
  Delivery* delivery = look_up(id);
  if (delivery == nullptr || delivery->state != DeliveryState::pending) co_return Result<void>();
  ++delivery->attempts;
  delivery->state = attempted.state;
  delivery->last_status = attempted.status;
  delivery->last_error = std::move(attempted.error);
  if (attempted.state == DeliveryState::pending) {
    delivery->next_attempt_at = attempted.next_attempt_at;
  } else {
    delivery->next_attempt_at = attempted.at;
    delivery->ended_at = attempted.at;
  }
  co_return Result<void>();
}

awaitable<Result<void>> MemoryOutbox::pull_forward(Time horizon, Time now) {
  for (auto& [number, delivery] : deliveries_)
    if (delivery.state == DeliveryState::pending && delivery.next_attempt_at > horizon) delivery.next_attempt_at = now;
  co_return Result<void>();
}

awaitable<Result<std::vector<Delivery>>> MemoryOutbox::list(DeliveryFilter filter) {
  std::vector<Delivery> found;
  auto it = filter.before ? deliveries_.lower_bound(*filter.before) : deliveries_.end();
  while (it != deliveries_.begin() && found.size() < filter.limit) {
    const Delivery& delivery = (--it)->second;
    if (filter.state && delivery.state != *filter.state) continue;
    if (filter.job.empty() || delivery.job == filter.job) found.push_back(shown(delivery));
  }
  co_return found;
}

awaitable<Result<Delivery>> MemoryOutbox::redeliver(std::string id, Time now) {
  Delivery* delivery = look_up(id);
  if (delivery == nullptr) co_return delivery_not_found(id);
  if (delivery->state == DeliveryState::pending) co_return delivery_pending(id);
  delivery->state = DeliveryState::pending;
  delivery->attempts = 0;
  delivery->next_attempt_at = now;
  delivery->ended_at.reset();
  co_return shown(*delivery);
}

awaitable<Result<std::uint64_t>> MemoryOutbox::forget(Time time) {
  co_return std::erase_if(deliveries_,
                          [&](const auto& entry) { return entry.second.ended_at && *entry.second.ended_at < time; });
}

Delivery* MemoryOutbox::look_up(const std::string& id) {
  for (auto& [number, delivery] : deliveries_)
    if (delivery.id == id) return &delivery;
  return nullptr;
}

}  // namespace skill_verifier::store
