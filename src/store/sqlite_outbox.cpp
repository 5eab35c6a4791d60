#include "store/sqlite_outbox.hpp"

#include <fmt/core.h>

#include <utility>

#include "skill_verifier/core/ids.hpp"
#include "store/columns.hpp"
#include "store/errors.hpp"
#include "store/outbox_statements.hpp"

namespace skill_verifier::store {
namespace {

/// Without secrets and payload.
Result<Delivery> read_delivery(const Query& row) {
  Delivery delivery;
  delivery.id = row.text(0);
  delivery.number = static_cast<std::uint64_t>(row.integer(1));
  delivery.job = row.text(2);
  delivery.event = row.text(3);
  delivery.target.url = row.text(4);
  delivery.target.host = row.text(5);
  SKILL_VERIFIER_TRY(delivery.state, parse_delivery_state(row.text(6)));
  delivery.attempts = static_cast<int>(row.integer(7));
  delivery.created_at = to_time(row.integer(8));
  delivery.next_attempt_at = to_time(row.integer(9));
  delivery.ended_at = to_time(row.maybe_integer(10));
  delivery.last_status = static_cast<int>(row.integer(11));
  delivery.last_error = row.text(12);
  return delivery;
}

Result<std::vector<std::string>> pending_hosts(Database& database) {
  Query query(database, sql::kPendingHosts);
  return read_texts(query);
}

Result<void> add_due(Database& database, const std::string& host, Time now, std::size_t limit,
                     std::vector<Delivery>& due) {
  Query query(database, sql::kDueOfHost);
  query.bind(host).bind(to_column(now)).bind(to_column(std::optional<std::uint64_t>(limit)));
  while (true) {
    SKILL_VERIFIER_TRY(const bool row, query.step());
    if (!row) return {};
    SKILL_VERIFIER_TRY(Delivery delivery, read_delivery(query));
    delivery.target.secrets = query.text(13);
    delivery.payload = query.text(14);
    due.push_back(std::move(delivery));
  }
}

Result<std::vector<Delivery>> find_due(Database& database, Time now, std::size_t per_host) {
  SKILL_VERIFIER_TRY(const auto hosts, pending_hosts(database));
  std::vector<Delivery> due;
  for (const std::string& host : hosts) {
    if (due.size() >= kMostDue) break;
    SKILL_VERIFIER_TRY_VOID(add_due(database, host, now, std::min(per_host, kMostDue - due.size()), due));
  }
  return due;
}

Result<std::optional<Time>> one_time(Database& database, const char* sql) {
  Query query(database, sql);
  SKILL_VERIFIER_TRY(const bool row, query.step());
  return row ? to_time(query.maybe_integer(0)) : std::nullopt;
}

Result<std::vector<Delivery>> list_deliveries(Database& database, const DeliveryFilter& filter) {
  const bool of_job = !filter.job.empty();
  const char* const statement = of_job && filter.state ? sql::kListDeliveriesOfJobAndState
                                : of_job               ? sql::kListDeliveriesOfJob
                                : filter.state         ? sql::kListDeliveriesOfState
                                                       : sql::kListDeliveries;
  Query query(database, statement);
  if (of_job) query.bind(filter.job);
  if (filter.state) query.bind(to_string(*filter.state));
  query.bind(to_column(filter.before)).bind(to_column(std::optional<std::uint64_t>(filter.limit)));
  std::vector<Delivery> found;
  while (true) {
    SKILL_VERIFIER_TRY(const bool row, query.step());
    if (!row) return found;
    SKILL_VERIFIER_TRY(Delivery delivery, read_delivery(query));
    found.push_back(std::move(delivery));
  }
}

Result<Delivery> find_delivery(Database& database, const std::string& id) {
  Query query(database, sql::kFindDelivery);
  query.bind(id);
  SKILL_VERIFIER_TRY(const bool found, query.step());
  if (!found) return delivery_not_found(id);
  return read_delivery(query);
}

Result<void> insert_message(Database& database, const Webhook& target, std::string_view event, const Job& job,
                            const std::string& payload, Time now) {
  const std::string id = core::random_hex(16);
  Query row(database, sql::kInsertDelivery);
  row.bind(id).bind(job.id).bind(event).bind(target.url).bind(target.host).bind(target.secrets).bind(payload);
  return row.bind(to_column(now)).bind(to_column(now)).run();
}

}  // namespace

Result<void> insert_webhook(Database& database, std::int64_t sequence, const Webhook& webhook) {
  Query row(database, sql::kInsertWebhook);
  return row.bind(sequence).bind(webhook.url).bind(webhook.host).bind(webhook.secrets).run();
}

Result<void> add_messages(Database& database, const OutboxRules& rules, std::string_view event, const Job& job,
                          Time now) {
  if (!rules.payload) return {};
  std::vector<Webhook> targets = rules.endpoints;
  {
    Query query(database, sql::kFindWebhook);
    query.bind(static_cast<std::int64_t>(job.sequence));
    SKILL_VERIFIER_TRY(const bool found, query.step());
    if (found) targets.push_back({query.text(0), query.text(1), query.text(2)});
  }
  if (targets.empty()) return {};
  const std::string payload = rules.payload(event, job);
  for (const Webhook& target : targets)
    SKILL_VERIFIER_TRY_VOID(insert_message(database, target, event, job, payload, now));
  return {};
}

awaitable<Result<std::vector<Delivery>>> SqliteOutbox::due(Time now, std::size_t per_host) {
  auto query = [this, now, per_host] { return find_due(reader_, now, per_host); };
  co_return co_await core::run_on(reading_, std::move(query));
}

awaitable<Result<WaitingDeliveries>> SqliteOutbox::waiting() {
  auto query = [this]() -> Result<WaitingDeliveries> {
    WaitingDeliveries waiting;
    SKILL_VERIFIER_TRY(waiting.earliest, one_time(reader_, sql::kEarliestDelivery));
    SKILL_VERIFIER_TRY(waiting.latest, one_time(reader_, sql::kLatestDelivery));
    return waiting;
  };
  co_return co_await core::run_on(reading_, std::move(query));
}

awaitable<Result<void>> SqliteOutbox::settle(std::string id, Attempted attempted) {
  Change change;
  change.apply = [id = std::move(id), attempted = std::move(attempted)](Database& database) {
    const bool pending = attempted.state == DeliveryState::pending;
    const Time next = pending ? attempted.next_attempt_at : attempted.at;
    const auto ended = pending ? std::nullopt : std::optional(to_column(attempted.at));
    Query row(database, sql::kSettleDelivery);
    row.bind(to_string(attempted.state)).bind(to_column(next)).bind(ended);
    return row.bind(std::int64_t{attempted.status}).bind(attempted.error).bind(id).run();
  };
  // What a power cut takes back is delivered once more, which is what receivers are promised.
  change.durable = false;
  co_return co_await writer_.run(std::move(change));
}

awaitable<Result<void>> SqliteOutbox::pull_forward(Time horizon, Time now) {
  Change change;
  change.apply = [horizon, now](Database& database) {
    Query row(database, sql::kPullForward);
    return row.bind(to_column(now)).bind(to_column(horizon)).run();
  };
  change.durable = false;
  co_return co_await writer_.run(std::move(change));
}

awaitable<Result<std::vector<Delivery>>> SqliteOutbox::list(DeliveryFilter filter) {
  auto query = [this, filter = std::move(filter)] { return list_deliveries(reader_, filter); };
  co_return co_await core::run_on(reading_, std::move(query));
}

awaitable<Result<Delivery>> SqliteOutbox::redeliver(std::string id, Time now) {
  auto redelivered = std::make_shared<Delivery>();
  Change change;
  change.apply = [id = std::move(id), now, redelivered](Database& database) -> Result<void> {
    SKILL_VERIFIER_TRY(const Delivery found, find_delivery(database, id));
    if (found.state == DeliveryState::pending) return delivery_pending(id);
    Query row(database, sql::kRedeliver);
    SKILL_VERIFIER_TRY_VOID(row.bind(to_column(now)).bind(id).run());
    SKILL_VERIFIER_TRY(*redelivered, find_delivery(database, id));
    return {};
  };
  auto done = co_await writer_.run(std::move(change));
  if (!done) co_return done.error();
  co_return std::move(*redelivered);
}

awaitable<Result<std::uint64_t>> SqliteOutbox::forget(Time time) {
  std::uint64_t total = 0;
  while (true) {
    auto removed = std::make_shared<std::int64_t>(0);
    Change change;
    change.apply = [time, removed](Database& database) -> Result<void> {
      Query row(database, sql::kForgetDeliveries);
      SKILL_VERIFIER_TRY_VOID(row.bind(to_column(time)).run());
      *removed = database.changes();
      return {};
    };
    auto done = co_await writer_.run(std::move(change));
    if (!done) co_return done.error();
    if (*removed == 0) co_return total;
    total += static_cast<std::uint64_t>(*removed);
  }
}

}  // namespace skill_verifier::store
