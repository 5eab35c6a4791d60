#include "http/gate.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "http/answer.hpp"

namespace skill_verifier::http {
namespace {

/// Rows of a table: some 15 MiB for all four when they are full.
constexpr std::size_t kMostClients = 32'768;
constexpr std::string_view kChallenge = "Bearer realm=\"skill-verifier\"";
using Fields = std::vector<std::pair<std::string_view, std::string>>;

std::vector<std::string_view> values_of(const RequestHead& head, std::string_view name) {
  std::vector<std::string_view> values;
  for (const auto& [field, value] : head.fields)
    if (equals_ignoring_case(field, name)) values.push_back(value);
  return values;
}

/// The key that a request carries; empty when there is none. Other schemes of Authorization are a proxy's business.
tl::expected<std::string, Problem> credential_of(const RequestHead& head) {
  const auto authorizations = values_of(head, "Authorization");
  const auto keys = values_of(head, "X-API-Key");
  if (authorizations.size() > 1 || keys.size() > 1)
    return tl::unexpected(Problem(400, "credentials_ambiguous", "the request carries more than one key"));
  std::string bearer;
  if (!authorizations.empty()) {
    const std::string_view text = authorizations[0];
    const auto space = std::min(text.find(' '), text.size());
    if (equals_ignoring_case(text.substr(0, space), "Bearer")) {
      bearer = text.substr(std::min(text.find_first_not_of(' ', space), text.size()));
      if (bearer.empty()) bearer = "-";  // none, but one was meant
    }
  }
  if (keys.empty()) return bearer;
  if (!bearer.empty())
    return tl::unexpected(
        Problem(400, "credentials_ambiguous", "the request carries a key in Authorization and one in X-API-Key"));
  return keys[0].empty() ? std::string("-") : std::string(keys[0]);
}

Problem too_many(const auth::Allowance& allowance, bool submits, bool keyed) {
  Problem problem(429, submits ? "quota_exceeded" : "rate_limited",
                  fmt::format("this {} may {} {} times in {} s", keyed ? "key" : "address", submits ? "submit" : "ask",
                              allowance.rate.count, allowance.rate.period.count()),
                  keyed ? "ask again later" : "ask again later, or with an API key");
  problem.retry_after = static_cast<int>(allowance.retry_after().count());
  return problem;
}

void add_fields(Fields& fields, const auth::Allowance& allowance, const std::string& policy) {
  fields.emplace_back("RateLimit-Limit", std::to_string(allowance.rate.count));
  fields.emplace_back("RateLimit-Remaining", std::to_string(allowance.remaining));
  fields.emplace_back("RateLimit-Reset", std::to_string(allowance.reset.count()));
  fields.emplace_back("RateLimit-Policy", policy);
}

std::string policy_of(const auth::Allowance& allowance) {
  return fmt::format("{};w={}", allowance.rate.count, allowance.rate.period.count());
}

Problem key_invalid(const Error& error) {
  Problem problem(401, "key_invalid", error.message, error.hint);
  problem.challenge = fmt::format("{}, error=\"invalid_token\"", kChallenge);
  return problem;
}

Problem scope_missing(const auth::Scopes& scopes, auth::Operation operation) {
  const std::string scope(to_string(auth::scope_of(operation)));
  Problem problem(403, "scope_missing", fmt::format("the API key has the scopes {}, not {}", to_string(scopes), scope),
                  "use a key with that scope");
  problem.challenge = fmt::format("{}, error=\"insufficient_scope\", scope=\"{}\"", kChallenge, scope);
  return problem;
}

std::optional<Problem> refusal_of(auth::Decision decision, const auth::Caller& caller, auth::Operation operation) {
  if (decision == auth::Decision::allowed) return std::nullopt;
  if (decision == auth::Decision::needs_scope) return scope_missing(caller.key->scopes, operation);
  const std::string scope(to_string(auth::scope_of(operation)));
  Problem problem(401, "key_required", "this needs an API key with the scope " + scope,
                  "send it as Authorization: Bearer …, or X-API-Key");
  problem.challenge = kChallenge;
  return problem;
}

bool listens_on_loopback(const std::string& address) {
  const auto parsed = auth::parse_address(address);
  return parsed && parsed->is_loopback();
}

}  // namespace

auth::Operation operation_of(Action action) {
  switch (action) {
    case Action::show_root:
    case Action::show_health:
    case Action::show_ready:
    case Action::show_docs:
    case Action::show_openapi:
      return auth::Operation::open;
    case Action::submit:
    case Action::submit_batch:
      return auth::Operation::submit;
    case Action::delete_job:
      return auth::Operation::cancel;
    case Action::list_jobs:
    case Action::show_metrics:  // what an operator sees, and no stranger on the internet
      return auth::Operation::list;
    case Action::show_job:
    case Action::show_attestation:
    case Action::show_service_attestation:
    case Action::show_log:
    case Action::show_sarif:
    case Action::show_events:
    case Action::show_verdicts:
      return auth::Operation::read;
    case Action::list_deliveries:
    case Action::redeliver:
      return auth::Operation::admin;
  }
  return auth::Operation::admin;
}

Gate::Gate(const ServerOptions& options)
    : options_(options),
      on_loopback_(listens_on_loopback(options.address) &&
                   (options.tls.address.empty() || listens_on_loopback(options.tls.address))),
      key_requests_(kMostClients),
      key_submissions_(kMostClients),
      address_requests_(kMostClients),
      address_submissions_(kMostClients) {}

auth::Caller Gate::origin(const Request& request) const {
  auth::Caller caller;
  caller.address = request.peer;
  const bool by_proxy = auth::is_any_of(options_.trusted_proxies, request.peer);
  caller.local = request.peer.is_loopback() && !by_proxy;
  if (!by_proxy) return caller;
  const bool standard = options_.proxy_field == auth::ProxyField::forwarded;
  const auto values = values_of(request.head, standard ? "Forwarded" : "X-Forwarded-For");
  caller.address = auth::client_address(request.peer, options_.trusted_proxies, options_.proxy_field, values);
  return caller;
}

std::optional<auth::Caller> Gate::anonymous(const Request& request) const {
  const auto credential = credential_of(request.head);
  if (!credential || !credential->empty()) return std::nullopt;
  return origin(request);
}

awaitable<tl::expected<void, Problem>> Gate::identify(Request& request, Fields& fields) {
  tl::expected<void, Problem> outcome;
  auto credential = credential_of(request.head);
  if (credential) {
    if (credential->empty()) co_return outcome;
    const Error unknown(Errc::rejected, "key_invalid", "this service has no API keys");
    Result<auth::KeyRing::KeyPtr> key = unknown;
    if (options_.keys) key = co_await options_.keys->authenticate(std::move(*credential));
    if (key) {
      request.caller.key = std::move(*key);
      co_return outcome;
    }
    if (key.error().id != "key_invalid") co_return tl::unexpected(Problem(key.error()));
    outcome = tl::unexpected(key_invalid(key.error()));
  } else {
    outcome = tl::unexpected(std::move(credential.error()));
  }
  // Guessing costs what asking costs.
  auto counted = count(request.caller, false, fields);
  co_return counted ? outcome : counted;
}

/// What is left of a request whose answer goes on: shared, because it is asked about at every piece of the answer.
struct Gate::Admitted {
  std::string credential;  ///< empty: none
  auth::Operation operation;
  std::string job;
  store::JobAccess access;
};

Recheck Gate::recheck(const Request& request, auth::Operation operation) const {
  Admitted admitted{{}, operation, request.job, request.access};
  // An ambiguous one has been refused.
  if (auto credential = credential_of(request.head)) admitted.credential = std::move(*credential);
  return [this, shared = std::make_shared<const Admitted>(std::move(admitted))] { return check_again(shared); };
}

awaitable<std::optional<Problem>> Gate::check_again(std::shared_ptr<const Admitted> request) const {
  auth::Caller caller;
  if (!request->credential.empty()) {
    auto key = co_await options_.keys->authenticate(request->credential);
    if (!key && key.error().code == Errc::cancelled) co_return std::nullopt;
    if (!key) co_return key.error().id == "key_invalid" ? key_invalid(key.error()) : Problem(key.error());
    caller.key = std::move(*key);
  }
  const auto decision = auth::decide(options_.access, on_loopback_, request->operation, caller.scopes());
  auto refusal = refusal_of(decision, caller, request->operation);
  if (!refusal && !caller.may_see(request->access)) refusal = job_not_found(request->job);
  co_return refusal;
}

tl::expected<void, Problem> Gate::count(const auth::Caller& caller, bool submits, Fields& fields) {
  // Whoever is on this machine, or speaks through something on it that is no trusted proxy, is not told apart.
  if (!caller.key && caller.local) return {};
  const auto now = std::chrono::steady_clock::now();
  const bool keyed = caller.key != nullptr;
  const std::string client = keyed ? caller.key->id : caller.address.counting_key();
  const auth::Rate rate = keyed ? caller.key->rate.value_or(options_.key_rate) : options_.address_rate;
  const auth::Rate quota = keyed ? caller.key->quota.value_or(options_.key_quota) : options_.address_quota;
  const auto asked = (keyed ? key_requests_ : address_requests_).take(client, rate, now);
  auth::Allowance submitted;
  // What is refused already does not use up the quota.
  if (submits && asked.allowed) submitted = (keyed ? key_submissions_ : address_submissions_).take(client, quota, now);
  std::string policy = rate.limits() ? policy_of(asked) : std::string();
  const bool both = rate.limits() && submitted.rate.limits();
  if (submitted.rate.limits()) policy += (both ? ", " : "") + policy_of(submitted);
  // The one that will stop the client first.
  const bool tighter = submitted.rate.limits() && (!both || submitted.remaining < asked.remaining);
  if (!policy.empty()) add_fields(fields, tighter ? submitted : asked, policy);
  if (!asked.allowed) return tl::unexpected(too_many(asked, false, keyed));
  if (!submitted.allowed) return tl::unexpected(too_many(submitted, true, keyed));
  return {};
}

tl::expected<void, Problem> Gate::admit(const auth::Caller& caller, auth::Operation operation, Fields& fields) {
  const auto decision = auth::decide(options_.access, on_loopback_, operation, caller.scopes());
  const bool submits = operation == auth::Operation::submit && decision == auth::Decision::allowed;
  if (auto counted = count(caller, submits, fields); !counted) return counted;
  if (auto refusal = refusal_of(decision, caller, operation)) return tl::unexpected(std::move(*refusal));
  return {};
}

tl::expected<void, Problem> Gate::admit_another(const auth::Caller& caller) {
  if (!caller.key && caller.local) return {};
  const bool keyed = caller.key != nullptr;
  const auth::Rate quota = keyed ? caller.key->quota.value_or(options_.key_quota) : options_.address_quota;
  const auto taken =
      (keyed ? key_submissions_ : address_submissions_)
          .take(keyed ? caller.key->id : caller.address.counting_key(), quota, std::chrono::steady_clock::now());
  if (!taken.allowed) return tl::unexpected(too_many(taken, true, keyed));
  return {};
}

bool Gate::may_cancel(const auth::Caller& caller, const store::JobAccess& job) const {
  const auto anonymous = auth::decide(options_.access, on_loopback_, auth::Operation::cancel, std::nullopt);
  return caller.may_cancel(job, anonymous == auth::Decision::allowed);
}

awaitable<void> Gate::audit(const Request& request, auth::Operation operation, std::vector<Audited> all,
                            core::Time now) {
  const bool submits = operation == auth::Operation::submit, cancels = operation == auth::Operation::cancel;
  if (!options_.audit || (!submits && !cancels)) co_return;
  std::vector<auth::AuditRecord> records;
  for (Audited& one : all) {
    auth::AuditRecord& record = records.emplace_back();
    record.time = now;
    record.action = submits ? "job.submit" : "job.delete";
    record.outcome = one.status < 400 ? "accepted" : one.status < 500 ? "refused" : "failed";
    record.status = one.status;
    record.code = std::move(one.code);
    record.request_id = request.id;
    record.key_id = request.caller.owner();
    record.address = to_string(request.caller.address);
    record.job_id = std::move(one.job);
  }
  // What was done is written down also when nobody waits for the answer any more.
  co_await core::shield_from_cancellation();
  co_await options_.audit->record(std::move(records));
}

}  // namespace skill_verifier::http
