#pragma once

#include <map>
#include <string_view>
#include <unordered_map>

#include "skill_verifier/store/job_store.hpp"

namespace skill_verifier::store {

/// The deliveries of the memory store.
class MemoryOutbox final : public Outbox {
 public:
  explicit MemoryOutbox(OutboxRules rules) : rules_(std::move(rules)) {}

  void add_webhook(std::uint64_t sequence, Webhook webhook) { webhooks_[sequence] = std::move(webhook); }
  void drop_webhook(std::uint64_t sequence) { webhooks_.erase(sequence); }
  void add_messages(std::string_view event, const Job& job, Time now);

  awaitable<Result<std::vector<Delivery>>> due(Time now, std::size_t per_host) override;
  awaitable<Result<WaitingDeliveries>> waiting() override;
  awaitable<Result<void>> settle(std::string id, Attempted attempted) override;
  awaitable<Result<void>> pull_forward(Time horizon, Time now) override;
  awaitable<Result<std::vector<Delivery>>> list(DeliveryFilter filter) override;
  awaitable<Result<Delivery>> redeliver(std::string id, Time now) override;
  awaitable<Result<std::uint64_t>> forget(Time time) override;

 private:
  Delivery* look_up(const std::string& id);

  OutboxRules rules_;
  std::unordered_map<std::uint64_t, Webhook> webhooks_;  ///< by the job's sequence
  std::map<std::uint64_t, Delivery> deliveries_;         ///< by number
  std::uint64_t last_number_ = 0;
};

}  // namespace skill_verifier::store
