#pragma once

#include <filesystem>
#include <string>

#include "http/backend.hpp"
#include "http/byte_budget.hpp"
#include "http/event_stream.hpp"
#include "http/form.hpp"
#include "http/gate.hpp"
#include "http/idempotency.hpp"
#include "http/job_cache.hpp"
#include "http/message.hpp"
#include "http/multipart.hpp"
#include "http/request_metrics.hpp"
#include "http/router.hpp"
#include "skill_verifier/http/server.hpp"

namespace skill_verifier::http {

/// What is answered to a request, apart from how it travels. One thread; everything handed in outlives it.
class Api {
 public:
  Api(core::asio::any_io_executor executor, Backend backend, core::WorkPool& pool, const core::Clock& clock,
      std::filesystem::path spool, const ServerOptions& options);

  /// Never throws: a bug becomes a logged 500. `request` stays alive and unmoved until this returns; the answer's
  /// stream does not refer to it.
  awaitable<Response> answer(Request& request);
  /// The same answer where there is nothing to wait for: a finished job that was read a moment ago, for somebody
  /// without a key. Nothing for any other request, which has not been counted then.
  std::optional<Response> answer_at_once(Request& request);

  /// Every answer is counted here once it is known, `time` being that from the request's head to the answer's.
  void count(std::string_view method, const Response& response, core::Duration time);
  /// How many connections there are, from whoever knows.
  std::function<std::size_t()> connections;

 private:
  awaitable<Response> dispatch(Request& request);
  awaitable<Response> dispatch(Request& request, const PathMatch& match);
  using Fields = std::vector<std::pair<std::string_view, std::string>>;
  awaitable<Response> guarded(Action action, std::string job_id, Request& request);
  /// `fields` get what the answer says beside the route's own.
  awaitable<Response> admitted(Action action, std::string job_id, Request& request, Fields& fields);
  /// The refusal, when this caller may not know of the job or not cancel it.
  awaitable<std::optional<Response>> check_job(std::string id, auth::Operation operation, Request& request);
  awaitable<Response> act(Action action, std::string_view job_id, Request& request);
  awaitable<Response> show_job(std::string id, Request& request);
  /// Backend::wait that ends early, with a refusal, when the caller's access does.
  awaitable<Result<store::Job>> wait_while_let_in(std::string id, core::Duration limit, const Request& request,
                                                  std::optional<Problem>& refusal);
  awaitable<Response> delete_job(std::string id, Request& request);
  awaitable<Response> show_log(std::string id, Request& request);
  awaitable<Response> list_jobs(Request& request);
  awaitable<Response> show_health();
  awaitable<Response> show_ready();    // metrics_routes.cpp
  awaitable<Response> show_metrics();  // metrics_routes.cpp
  /// The text as a body that counts against the budget for as long as somebody reads it. Errors: overloaded
  /// `responses_full`.
  Result<std::shared_ptr<const std::string>> share(std::string text);
  Response show_page(const std::shared_ptr<const std::string>& text, std::string_view content_type) const;

  // attestation_routes.cpp
  awaitable<Response> show_attestation(std::string id, Request& request);
  awaitable<Response> show_service_attestation(Request& request);
  awaitable<Response> show_sarif(std::string id, Request& request);

  // event_stream.cpp
  awaitable<Response> show_events(std::string id, Request& request);

  // batch.cpp
  awaitable<Response> submit_batch(Request& request);
  awaitable<void> discard(service::Submission submission);
  awaitable<Result<std::vector<Result<service::Submission>>>> receive_batch(
      Request& request, std::optional<ByteBudget::Reservation>& held);
  awaitable<Result<std::vector<Result<service::Submission>>>> receive_batch_form(Request& request,
                                                                                 ByteBudget::Reservation& held);
  awaitable<Response> show_verdicts(Request& request);
  // webhook_routes.cpp
  awaitable<Response> list_deliveries(Request& request);
  awaitable<Response> redeliver(std::string id, Request& request);

  // submit.cpp
  awaitable<Response> submit(Request& request);
  awaitable<Response> submit_once(Request& request, std::optional<std::string> key, std::string id);
  /// Whether to go on with a submission of which so much is known.
  Result<void> check_room(const SubmissionForm& form, const Request& request) const;
  awaitable<Result<std::string>> read_text(Request& request, std::uint64_t limit);
  awaitable<Result<service::Submission>> receive(Request& request, std::string content_type, SubmissionForm form,
                                                 std::optional<ByteBudget::Reservation>& held);
  awaitable<Result<service::Submission>> receive_json(Request& request, SubmissionForm form);
  using PartHandler = std::function<awaitable<Result<void>>(MultipartEvent)>;
  /// Hands on what the body of a form consists of, as it comes.
  awaitable<Result<void>> receive_parts(Request& request, MultipartParser& parser, ByteBudget::Reservation& held,
                                        PartHandler handle);
  awaitable<Result<service::Submission>> receive_form(Request& request, std::string content_type, SubmissionForm form,
                                                      ByteBudget::Reservation& held);
  awaitable<Result<service::Submission>> receive_raw(Request& request, SubmissionForm form,
                                                     ByteBudget::Reservation& held);

  Backend backend_;
  core::WorkPool& pool_;
  const core::Clock& clock_;
  std::filesystem::path spool_;
  const ServerOptions& options_;
  ByteBudget spool_budget_;
  core::Semaphore documents_;
  ByteBudget response_budget_;  ///< outlives every text that share() made
  JobCache cache_;              ///< of public jobs
  Gate gate_;
  RequestMetrics metrics_;
  KeysInFlight keys_;
  EventFrames frames_;
  std::size_t uploads_ = 0;  ///< being received now
  std::shared_ptr<const std::string> openapi_;
  std::shared_ptr<const std::string> docs_;
  std::string docs_policy_;  ///< Content-Security-Policy of the page
};

}  // namespace skill_verifier::http
