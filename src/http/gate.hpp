#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "http/message.hpp"
#include "http/problem.hpp"
#include "http/router.hpp"
#include "skill_verifier/http/server.hpp"

namespace skill_verifier::http {

/// What a route does, for scopes and for counting.
auth::Operation operation_of(Action action);

/// Whether the caller of an answer that goes on would still be let in: nothing, or why not. Never empty; waits for
/// nothing where the caller has no key.
using Recheck = std::function<awaitable<std::optional<Problem>>()>;

/// Who may ask for what, and how often. One thread; `options` and what it points to outlive it.
class Gate {
 public:
  explicit Gate(const ServerOptions& options);

  /// Where a request comes from, before anything is known of its key.
  auth::Caller origin(const Request& request) const;
  /// Gives the caller of `request` the key that it carries, if it carries one. A request with a refused one counts as
  /// one without, and `fields` get its RateLimit fields. 400 `credentials_ambiguous`, 401 `key_invalid`, 503
  /// `keys_unavailable`; 429 for an address that keeps failing.
  awaitable<tl::expected<void, Problem>> identify(Request& request,
                                                  std::vector<std::pair<std::string_view, std::string>>& fields);

  /// The caller of a request that carries no key; nothing for any other.
  std::optional<auth::Caller> anonymous(const Request& request) const;

  /// Counts the request and decides on it; `fields` get the RateLimit fields of the answer. 429 `rate_limited` or
  /// `quota_exceeded`, 401 `key_required`, 403 `scope_missing`.
  tl::expected<void, Problem> admit(const auth::Caller& caller, auth::Operation operation,
                                    std::vector<std::pair<std::string_view, std::string>>& fields);

  /// Counts one more submission of a request that was admitted: each of a batch is one. 429 `quota_exceeded`.
  tl::expected<void, Problem> admit_another(const auth::Caller& caller);

  /// Holds what the request carried as its key, and whose job it is about, for as long as the answer goes on. The gate
  /// outlives it.
  Recheck recheck(const Request& request, auth::Operation operation) const;

  bool may_cancel(const auth::Caller& caller, const store::JobAccess& job) const;
  /// What became of one submission or removal.
  struct Audited {
    int status = 0;
    std::string code;  ///< of a refusal
    std::string job;   ///< empty: none
  };
  /// Writes down, all at once, what became of a request that submits or removes; nothing for others, or without an
  /// audit log.
  awaitable<void> audit(const Request& request, auth::Operation operation, std::vector<Audited> all, core::Time now);

 private:
  struct Admitted;
  awaitable<std::optional<Problem>> check_again(std::shared_ptr<const Admitted> request) const;
  tl::expected<void, Problem> count(const auth::Caller& caller, bool submits,
                                    std::vector<std::pair<std::string_view, std::string>>& fields);

  const ServerOptions& options_;
  const bool on_loopback_;
  auth::RateTable key_requests_, key_submissions_, address_requests_, address_submissions_;
};

}  // namespace skill_verifier::http
