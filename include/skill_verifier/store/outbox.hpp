#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/core/result.hpp"

/// Messages about jobs that are to be delivered at least once: each is written in the transaction that changes its job.
namespace skill_verifier::store {

using core::awaitable;
using core::Time;

struct Job;

/// Who is told about a job.
struct Webhook {
  std::string url;
  std::string host;  ///< of the URL, lower case; what deliveries are limited by
  std::string
      secrets;  ///< `whsec_…`, separated by spaces, the newest first; empty: the operator's, looked up when used
};

/// What a store needs to write messages.
struct OutboxRules {
  std::vector<Webhook> endpoints;  ///< told about every job, besides the job's own
  /// The body of a message. Called on the store's thread within the change; must not throw. Empty: no messages at all.
  std::function<std::string(std::string_view event, const Job& job)> payload;
};

enum class DeliveryState {
  pending,    ///< to be tried, again or for the first time
  delivered,  ///< somebody answered 2xx
  dead,       ///< given up; may be redelivered
};
std::string_view to_string(DeliveryState state);
/// Errors: invalid_argument `delivery_state_invalid` listing the states that exist.
Result<DeliveryState> parse_delivery_state(std::string_view text);

/// One message for one receiver.
struct Delivery {
  std::string id;            ///< 32 hex: what receivers tell repeats by
  std::uint64_t number = 0;  ///< order in which events happened
  std::string job;
  std::string event;  ///< `job.completed`, …
  Webhook target;
  std::string payload;
  DeliveryState state = DeliveryState::pending;
  int attempts = 0;  ///< since it was written or redelivered
  Time created_at{};
  Time next_attempt_at{};        ///< while pending
  std::optional<Time> ended_at;  ///< delivered, or given up
  int last_status = 0;           ///< HTTP status of the last attempt; 0: there was no answer
  std::string last_error;        ///< why the last attempt failed
};

/// What an attempt made of a delivery.
struct Attempted {
  DeliveryState state = DeliveryState::delivered;
  Time at{};
  Time next_attempt_at{};  ///< while pending
  int status = 0;
  std::string error;
};

/// Newest first. Secrets and payloads are left out.
struct DeliveryFilter {
  std::optional<DeliveryState> state;
  std::string job;  ///< empty: of all jobs
  std::size_t limit = 50;
  std::optional<std::uint64_t> before;  ///< only deliveries with a smaller number
};

struct WaitingDeliveries {
  /// Next attempt of those that may go: pending, and nothing to the same job's URL before them is.
  std::optional<Time> earliest;
  std::optional<Time> latest;  ///< of all that are pending
};

/// Deliveries of a JobStore. They outlive their job's removal. Promises and errors as of JobStore, and not_found
/// `delivery_not_found`.
class Outbox {
 public:
  virtual ~Outbox() = default;
  /// Pending deliveries whose time has come, at most `per_host` for one host and 256 in all; of one job's for one URL
  /// only the oldest, so that they arrive in order.
  virtual awaitable<Result<std::vector<Delivery>>> due(Time now, std::size_t per_host) = 0;
  virtual awaitable<Result<WaitingDeliveries>> waiting() = 0;
  /// Counts an attempt. A delivery that is pending no more is left alone.
  virtual awaitable<Result<void>> settle(std::string id, Attempted attempted) = 0;
  /// Makes deliveries due at `now` whose next attempt is after `horizon`: for a clock that was set back.
  virtual awaitable<Result<void>> pull_forward(Time horizon, Time now) = 0;
  virtual awaitable<Result<std::vector<Delivery>>> list(DeliveryFilter filter) = 0;
  /// Pending again and due, with the same id and body. Errors: conflict `delivery_pending` when it still is.
  virtual awaitable<Result<Delivery>> redeliver(std::string id, Time now) = 0;
  /// Removes what ended before `time`; gives their number.
  virtual awaitable<Result<std::uint64_t>> forget(Time time) = 0;
};

}  // namespace skill_verifier::store
