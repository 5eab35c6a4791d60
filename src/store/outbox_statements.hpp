#pragma once

/// Statements of the outbox. Tests look at their query plans.
namespace skill_verifier::store::sql {

inline constexpr const char* kInsertWebhook = "INSERT INTO webhooks (sequence, url, host, secrets) VALUES (?, ?, ?, ?)";
inline constexpr const char* kFindWebhook = "SELECT url, host, secrets FROM webhooks WHERE sequence = ?";
inline constexpr const char* kInsertDelivery =
    "INSERT INTO deliveries (id, job, event, url, host, secrets, payload, created_at, next_attempt_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

// One step in the index for each host that has something pending, however much it has.
inline constexpr const char* kPendingHosts =
    "WITH RECURSIVE hosts (host) AS (SELECT min(host) FROM deliveries WHERE state = 'pending'"
    " UNION ALL SELECT (SELECT min(host) FROM deliveries WHERE state = 'pending' AND host > hosts.host)"
    " FROM hosts WHERE hosts.host IS NOT NULL)"
    " SELECT host FROM hosts WHERE host IS NOT NULL";

// What happened to a job is told in order: a message waits for those before it to the same URL.
// Order of the columns: read_delivery in sqlite_outbox.cpp.
#define SKILL_VERIFIER_MAY_GO                                         \
  " AND NOT EXISTS (SELECT 1 FROM deliveries AS earlier"              \
  " WHERE earlier.state = 'pending' AND earlier.job = deliveries.job" \
  " AND earlier.url = deliveries.url AND earlier.number < deliveries.number)"
#define SKILL_VERIFIER_DELIVERY_COLUMNS                                                                      \
  "id, number, job, event, url, host, state, attempts, created_at, next_attempt_at, ended_at, last_status, " \
  "last_error"
inline constexpr const char* kDueOfHost =
    "SELECT " SKILL_VERIFIER_DELIVERY_COLUMNS
    ", secrets, payload FROM deliveries INDEXED BY deliveries_due"
    " WHERE state = 'pending' AND host = ? AND next_attempt_at <= ?" SKILL_VERIFIER_MAY_GO
    " ORDER BY next_attempt_at LIMIT ?";
inline constexpr const char* kFindDelivery = "SELECT " SKILL_VERIFIER_DELIVERY_COLUMNS " FROM deliveries WHERE id = ?";
inline constexpr const char* kListDeliveries =
    "SELECT " SKILL_VERIFIER_DELIVERY_COLUMNS " FROM deliveries WHERE number < ? ORDER BY number DESC LIMIT ?";
inline constexpr const char* kListDeliveriesOfState =
    "SELECT " SKILL_VERIFIER_DELIVERY_COLUMNS
    " FROM deliveries WHERE state = ? AND number < ? ORDER BY number DESC LIMIT ?";
inline constexpr const char* kListDeliveriesOfJob =
    "SELECT " SKILL_VERIFIER_DELIVERY_COLUMNS
    " FROM deliveries WHERE job = ? AND number < ? ORDER BY number DESC LIMIT ?";
inline constexpr const char* kListDeliveriesOfJobAndState =
    "SELECT " SKILL_VERIFIER_DELIVERY_COLUMNS
    " FROM deliveries WHERE job = ? AND +state = ? AND number < ? ORDER BY number DESC LIMIT ?";
#undef SKILL_VERIFIER_DELIVERY_COLUMNS

inline constexpr const char* kEarliestDelivery =
    "SELECT next_attempt_at FROM deliveries INDEXED BY deliveries_waiting WHERE state = 'pending'" SKILL_VERIFIER_MAY_GO
    " ORDER BY next_attempt_at LIMIT 1";
#undef SKILL_VERIFIER_MAY_GO
inline constexpr const char* kLatestDelivery = "SELECT max(next_attempt_at) FROM deliveries WHERE state = 'pending'";
inline constexpr const char* kSettleDelivery =
    "UPDATE deliveries SET state = ?, attempts = attempts + 1, next_attempt_at = ?, ended_at = ?, last_status = ?,"
    " last_error = ? WHERE id = ? AND state = 'pending'";
inline constexpr const char* kPullForward =
    "UPDATE deliveries SET next_attempt_at = ? WHERE state = 'pending' AND next_attempt_at > ?";
inline constexpr const char* kRedeliver =
    "UPDATE deliveries SET state = 'pending', attempts = 0, next_attempt_at = ?, ended_at = NULL WHERE id = ?";
inline constexpr const char* kForgetDeliveries =
    "DELETE FROM deliveries WHERE number IN (SELECT number FROM deliveries WHERE ended_at < ? LIMIT 256)";

}  // namespace skill_verifier::store::sql
