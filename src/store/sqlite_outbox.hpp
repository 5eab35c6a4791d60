#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/store/job_store.hpp"
#include "store/group_commit.hpp"
#include "store/sqlite.hpp"

namespace skill_verifier::store {

/// Writes the messages of `event` about a job, whose row has changed already, to everybody who is to be told. On the
/// writer's thread, within the change.
Result<void> add_messages(Database& database, const OutboxRules& rules, std::string_view event, const Job& job,
                          Time now);
/// Keeps the webhook of a job that is being inserted.
Result<void> insert_webhook(Database& database, std::int64_t sequence, const Webhook& webhook);

/// The deliveries of a SQLite store, over the store's own connections, which outlive it.
class SqliteOutbox final : public Outbox {
 public:
  SqliteOutbox(GroupCommit& writer, Database& reader, core::WorkPool& reading)
      : writer_(writer), reader_(reader), reading_(reading) {}

  awaitable<Result<std::vector<Delivery>>> due(Time now, std::size_t per_host) override;
  awaitable<Result<WaitingDeliveries>> waiting() override;
  awaitable<Result<void>> settle(std::string id, Attempted attempted) override;
  awaitable<Result<void>> pull_forward(Time horizon, Time now) override;
  awaitable<Result<std::vector<Delivery>>> list(DeliveryFilter filter) override;
  awaitable<Result<Delivery>> redeliver(std::string id, Time now) override;
  awaitable<Result<std::uint64_t>> forget(Time time) override;

 private:
  GroupCommit& writer_;
  Database& reader_;
  core::WorkPool& reading_;
};

}  // namespace skill_verifier::store
