#include "http/api.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <stdexcept>

#include "http/answer.hpp"
#include "http/docs_page.hpp"
#include "http/json_views.hpp"
#include "http/query.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::http {
namespace {

constexpr std::size_t kCacheBytes = 8u << 20;
constexpr std::chrono::seconds kCacheLifetime{1};
constexpr std::uint64_t kDefaultPage = 50;
constexpr std::uint64_t kMaxPage = 500;
constexpr std::size_t kSmallAnswer = 128u << 10;
constexpr std::size_t kDocumentsAtOnce = 8;
constexpr std::size_t kLogPiece = 128u << 10;

Response options_response(const PathMatch& match) {
  Response response;
  response.status = 204;
  response.headers.emplace_back("Allow", allowed_methods(match));
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, DELETE");
  response.headers.emplace_back(
      "Access-Control-Allow-Headers",
      "Content-Type, Authorization, X-API-Key, Idempotency-Key, If-None-Match, Last-Event-ID, traceparent");
  response.headers.emplace_back("Access-Control-Max-Age", "600");
  return response;
}

/// Keeps what a slow reader can make us hold small: the rest of the text is fetched again when it is wanted.
void shorten(service::LogPart& part) {
  if (part.text.size() <= kLogPiece) return;
  part.next_offset -= part.text.size() - kLogPiece;
  part.text.resize(kLogPiece);
  part.text.shrink_to_fit();
  part.done = false;
}

/// Follows a job's log from where `offset` stands until the job ends, the text of the first call first.
struct LogFollower {
  Backend* backend;
  std::string id;
  service::LogPart part;
  core::Duration beat;  ///< between two looks at whether the text should end
  Recheck recheck;

  awaitable<Result<std::string>> next() {
    while (part.text.empty() && !part.done) {
      const bool ended = co_await core::cancelled();
      if (ended) co_return Error(Errc::cancelled, "the server stops, or the client has gone");
      auto more = co_await backend->log(id, part.next_offset, beat);
      if (!more) co_return more.error();
      part = std::move(*more);
      shorten(part);
      const auto refusal = co_await recheck();
      // A text has no place for a reason: what is cut short is seen to be.
      if (refusal) co_return Error(Errc::rejected, refusal->code, refusal->detail);
    }
    co_return std::exchange(part.text, {});
  }
};

}  // namespace

Api::Api(core::asio::any_io_executor executor, Backend backend, core::WorkPool& pool, const core::Clock& clock,
         std::filesystem::path spool, const ServerOptions& options)
    : backend_(std::move(backend)),
      pool_(pool),
      clock_(clock),
      spool_(std::move(spool)),
      options_(options),
      spool_budget_(options.spool_bytes),
      documents_(std::move(executor), kDocumentsAtOnce),
      response_budget_(options.response_bytes),
      cache_(kCacheBytes, kCacheLifetime),
      gate_(options),
      openapi_(std::make_shared<const std::string>(openapi_json())) {
  DocsPage page = render_docs(*openapi_);
  docs_ = std::make_shared<const std::string>(std::move(page.html));
  docs_policy_ = std::move(page.content_security_policy);
}

awaitable<Response> Api::answer(Request& request) {
  std::string what;
  try {
    Response response = co_await dispatch(request);
    co_return response;
  } catch (const std::exception& caught) {
    what = caught.what();
  }
  log::error("request ended by an exception", {{"request", request.id}, {"what", what}});
  co_return refuse(Problem(500, "internal", "the request could not be answered because of a fault in this program"),
                   request);
}

std::optional<Response> Api::answer_at_once(Request& request) {
  if (request.head.method != "GET" || !request.head.query.empty()) return std::nullopt;
  const auto match = match_path(request.head.path);
  const Route* route = match ? find_route(*match, request.head.method) : nullptr;
  if (!route || route->action != Action::show_job) return std::nullopt;
  auto text = cache_.find(match->job_id, JobCache::Clock::now());
  auto caller = text ? gate_.anonymous(request) : std::nullopt;
  if (!caller) return std::nullopt;
  request.caller = std::move(*caller);
  Fields fields;
  const auto counted = gate_.admit(request.caller, auth::Operation::read, fields);
  Response response = counted ? json_response(200, {}) : refuse(counted.error(), request);
  if (counted) {
    response.job = match->job_id;
    response.shared_body = std::move(text);
  }
  std::ranges::move(fields, std::back_inserter(response.headers));
  response.route = match->path;
  return response;
}

awaitable<Response> Api::dispatch(Request& request) {
  const auto match = match_path(request.head.path);
  if (!match) {
    const Problem problem(404, "not_found", "there is nothing at " + core::shorten(request.head.path),
                          "GET /docs lists what there is");
    co_return refuse(problem, request);
  }
  Response response = co_await dispatch(request, *match);
  response.route = match->path;
  co_return response;
}

awaitable<Response> Api::dispatch(Request& request, const PathMatch& match) {
  if (request.head.method == "OPTIONS") co_return options_response(match);
  const Route* route = find_route(match, request.head.method);
  if (!route) {
    Problem problem(405, "method_not_allowed",
                    core::shorten(request.head.method) + " is not answered at " + std::string(match.path));
    problem.allow = allowed_methods(match);
    co_return refuse(problem, request);
  }
  Response response = co_await guarded(route->action, std::string(match.job_id), request);
  co_return response;
}

awaitable<Response> Api::guarded(Action action, std::string job_id, Request& request) {
  const auth::Operation operation = operation_of(action);
  if (operation == auth::Operation::open) co_return co_await act(action, job_id, request);
  Fields fields;
  Response response = co_await admitted(action, std::move(job_id), request, fields);
  std::ranges::move(fields, std::back_inserter(response.headers));
  // A batch that was taken in has a record for each submission already.
  const bool audited = action == Action::submit_batch && response.status < 400;
  if (audited) co_return response;
  std::vector<Gate::Audited> one{{response.status, response.code, response.job}};
  co_await gate_.audit(request, operation, std::move(one), clock_.now());
  co_return response;
}

awaitable<Response> Api::admitted(Action action, std::string job_id, Request& request, Fields& fields) {
  const auth::Operation operation = operation_of(action);
  request.caller = gate_.origin(request);
  const auto identified = co_await gate_.identify(request, fields);
  if (!identified) co_return refuse(identified.error(), request);
  if (const auto counted = gate_.admit(request.caller, operation, fields); !counted)
    co_return refuse(counted.error(), request);
  if (!job_id.empty() && action != Action::redeliver) {
    if (!core::is_job_id(job_id)) co_return refuse(job_not_found(job_id), request);
    auto refusal = co_await check_job(job_id, operation, request);
    if (refusal) co_return std::move(*refusal);
  }
  co_return co_await act(action, job_id, request);
}

awaitable<std::optional<Response>> Api::check_job(std::string id, auth::Operation operation, Request& request) {
  const bool cancels = operation == auth::Operation::cancel;
  request.job = id;
  request.access = {};  // public, as all that is in the cache
  if (!cancels && cache_.find(id, JobCache::Clock::now())) co_return std::nullopt;
  const auto access = co_await backend_.access(id);
  if (!access && access.error().code != Errc::not_found) co_return refuse_job(access.error(), id, request);
  // One look at one small row either way, and one answer: nothing tells a private job from one that is not there.
  if (!access || !request.caller.may_see(*access)) {
    Response response = refuse(job_not_found(id), request);
    response.job = std::move(id);
    co_return response;
  }
  request.access = *access;
  if (!cancels || gate_.may_cancel(request.caller, *access)) co_return std::nullopt;
  Response response = refuse(Problem(403, "job_of_another", "job " + id + " was not submitted with this key",
                                     "use the key that submitted it, or one with the scope admin"),
                             request);
  response.job = std::move(id);
  co_return response;
}

awaitable<Response> Api::act(Action action, std::string_view job_id, Request& request) {
  switch (action) {
    case Action::show_root: {
      Response response = json_response(302, R"({"docs":"/docs","openapi":"/openapi.json"})");
      response.headers.emplace_back("Location", "/docs");
      co_return response;
    }
    case Action::submit:
      co_return co_await submit(request);
    case Action::submit_batch:
      co_return co_await submit_batch(request);
    case Action::show_verdicts:
      co_return co_await show_verdicts(request);
    case Action::show_events:
      co_return co_await show_events(std::string(job_id), request);
    case Action::show_job:
      co_return co_await show_job(std::string(job_id), request);
    case Action::delete_job:
      co_return co_await delete_job(std::string(job_id), request);
    case Action::show_attestation:
      co_return co_await show_attestation(std::string(job_id), request);
    case Action::show_service_attestation:
      co_return co_await show_service_attestation(request);
    case Action::show_sarif:
      co_return co_await show_sarif(std::string(job_id), request);
    case Action::show_log:
      co_return co_await show_log(std::string(job_id), request);
    case Action::list_jobs:
      co_return co_await list_jobs(request);
    case Action::list_deliveries:
      co_return co_await list_deliveries(request);
    case Action::redeliver:
      co_return co_await redeliver(std::string(job_id), request);
    case Action::show_health:
      co_return co_await show_health();
    case Action::show_ready:
      co_return co_await show_ready();
    case Action::show_metrics:
      co_return co_await show_metrics();
    case Action::show_docs:
      co_return show_page(docs_, "text/html; charset=utf-8");
    case Action::show_openapi:
      co_return show_page(openapi_, "application/json");
  }
  throw std::logic_error("action without a handler");
}

awaitable<Response> Api::show_job(std::string id, Request& request) {
  Response response = json_response(200, {});
  response.job = id;
  const auto query = Query::parse(request.head.query);
  if (!query) co_return refuse(Problem(query.error()), request);
  core::Duration limit{0};
  if (const auto text = query->find("wait")) {
    const auto seconds = parse_number("wait", *text, 0, 86'400);
    if (!seconds) co_return refuse(Problem(seconds.error()), request);
    limit = std::min<core::Duration>(std::chrono::seconds(*seconds), options_.max_wait);
    response.waited = limit > core::Duration::zero();
  }
  bool timed = false;
  if (const auto text = query->find("timing")) {
    const auto flag = parse_flag("timing", *text);
    if (!flag) co_return refuse(Problem(flag.error()), request);
    timed = *flag;
  }
  if (!timed) response.shared_body = cache_.find(id, JobCache::Clock::now());
  if (response.shared_body) co_return response;
  const auto epoch = cache_.epoch();
  std::optional<Problem> refusal;
  auto call = limit == core::Duration::zero() ? backend_.find(id) : wait_while_let_in(id, limit, request, refusal);
  const auto job = co_await std::move(call);
  if (refusal) co_return refuse(*refusal, request);
  if (!job) co_return refuse_job(job.error(), id, request);
  const bool final = store::is_final(job->state) && !timed;
  const bool shared = final && !job->is_private;
  if (shared) response.shared_body = cache_.being_read(id);
  if (response.shared_body) co_return response;
  auto text = share(timed ? timed_job_json(*job, backend_.timing(id)) : job_json(*job));
  if (!text) co_return refuse_job(text.error(), id, request);
  if (shared) cache_.insert(id, *text, epoch, JobCache::Clock::now());
  response.shared_body = std::move(*text);
  co_return response;
}

awaitable<Result<store::Job>> Api::wait_while_let_in(std::string id, core::Duration limit, const Request& request,
                                                     std::optional<Problem>& refusal) {
  const Recheck recheck = gate_.recheck(request, auth::Operation::read);
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (true) {
    const auto begun = std::chrono::steady_clock::now();
    const auto left = deadline - begun;
    const auto part = std::clamp<core::Duration>(left, core::Duration::zero(), options_.beat);
    auto job = co_await backend_.wait(id, part);
    // Answered before its time without an end: a service that drains knows no more in this life.
    const bool early = std::chrono::steady_clock::now() - begun < part;
    refusal = co_await recheck();
    const bool over = early || left <= options_.beat || !job || store::is_final(job->state) || refusal;
    if (over) co_return job;
    const bool ended = co_await core::cancelled();
    if (ended) co_return job;
  }
}

Result<std::shared_ptr<const std::string>> Api::share(std::string text) {
  struct Held {
    std::string text;
    std::optional<ByteBudget::Reservation> reserved;
  };
  auto held = std::make_shared<Held>();
  // Small answers are bounded by the number of connections, and must not be refused because of large ones.
  if (text.size() > kSmallAnswer) {
    held->reserved = response_budget_.try_reserve(text.size());
    if (!held->reserved)
      return Error(Errc::overloaded, "responses_full",
                   "readers are being sent as many bytes as may be held for them at once", "try again later");
  }
  held->text = std::move(text);
  return std::shared_ptr<const std::string>(held, &held->text);
}

awaitable<Response> Api::delete_job(std::string id, Request& request) {
  const auto removed = co_await backend_.remove(id);
  cache_.erase(id);
  if (!removed) co_return refuse_job(removed.error(), id, request);
  Response response = json_response(200, deleted_json());
  response.job = std::move(id);
  co_return response;
}

awaitable<Response> Api::show_log(std::string id, Request& request) {
  const auto query = Query::parse(request.head.query);
  if (!query) co_return refuse(Problem(query.error()), request);
  bool follow = request.head.method == "GET";
  if (const auto text = query->find("follow")) {
    const auto flag = parse_flag("follow", *text);
    if (!flag) co_return refuse(Problem(flag.error()), request);
    follow = follow && *flag;
  }
  auto part = co_await backend_.log(id, 0, core::Duration::zero());
  if (!part) co_return refuse_job(part.error(), id, request);
  Response response = json_response(200, {});
  response.content_type = "text/plain; charset=utf-8";
  response.job = id;
  // Long ones go out piece by piece, so that slow readers of logs take nothing of the budget.
  const bool whole = part->done ? part->text.size() <= kSmallAnswer || request.head.method != "GET" : !follow;
  if (whole) {
    auto text = share(std::move(part->text));
    if (!text) co_return refuse_job(text.error(), response.job, request);
    response.shared_body = std::move(*text);
    co_return response;
  }
  shorten(*part);
  const auto follower = std::make_shared<LogFollower>(LogFollower{
      &backend_, std::move(id), std::move(*part), options_.beat, gate_.recheck(request, auth::Operation::read)});
  response.stream = [follower] { return follower->next(); };
  co_return response;
}

awaitable<Response> Api::list_jobs(Request& request) {
  const auto query = Query::parse(request.head.query);
  if (!query) co_return refuse(Problem(query.error()), request);
  store::JobFilter filter;
  if (const auto text = query->find("status"); text && !text->empty()) {
    const auto state = store::parse_job_state(*text);
    if (!state) co_return refuse(Problem(400, "query_invalid", state.error().message), request);
    filter.state = *state;
  }
  auto limit = parse_number("limit", query->find("limit").value_or(std::to_string(kDefaultPage)), 1, UINT64_MAX);
  if (!limit) co_return refuse(Problem(limit.error()), request);
  // The predecessor's clients ask for thousands; they page on with nextCursor.
  limit = std::min(*limit, kMaxPage);
  if (const auto text = query->find("cursor"); text && !text->empty()) {
    const auto cursor = parse_number("cursor", *text, 0, INT64_MAX);
    if (!cursor) co_return refuse(Problem(cursor.error()), request);
    filter.before = *cursor;
  }
  filter.viewer = request.caller.viewer();
  filter.limit = static_cast<std::size_t>(*limit) + 1;  // one more than is shown tells whether there is a next page
  auto jobs = co_await backend_.list(filter);
  if (!jobs) co_return refuse(Problem(jobs.error()), request);
  const auto total = co_await backend_.total(filter.viewer);
  if (!total) co_return refuse(Problem(total.error()), request);
  std::optional<std::uint64_t> next;
  if (jobs->size() > *limit) {
    jobs->erase(jobs->begin() + static_cast<std::ptrdiff_t>(*limit), jobs->end());
    next = jobs->back().sequence;
  }
  co_return json_response(200, jobs_json(*jobs, *total, next));
}

awaitable<Response> Api::show_health() {
  const service::Health health = co_await backend_.health();
  co_return json_response(200, health_json(health, clock_.now(), options_.version));
}

Response Api::show_page(const std::shared_ptr<const std::string>& text, std::string_view content_type) const {
  Response response;
  response.content_type = content_type;
  response.shared_body = text;
  response.headers.emplace_back("Cache-Control", "no-cache");
  if (text == docs_) {
    response.headers.emplace_back("Content-Security-Policy", docs_policy_);
    response.headers.emplace_back("Referrer-Policy", "no-referrer");
    response.headers.emplace_back("X-Frame-Options", "DENY");
  }
  return response;
}

}  // namespace skill_verifier::http
