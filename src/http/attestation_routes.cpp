#include "http/answer.hpp"
#include "http/api.hpp"
#include "http/json_views.hpp"
#include "http/query.hpp"

namespace skill_verifier::http {
namespace {

Problem not_completed(const store::Job& job) {
  Problem problem(400, "job_not_completed",
                  "job " + job.id + " is " + std::string(store::to_string(job.state)) + ", not completed");
  problem.error = "Job not completed";
  return problem;
}

}  // namespace

awaitable<Response> Api::show_attestation(std::string id, Request& request) {
  // A job can be many megabytes, twice while its document is made.
  const auto turn = co_await documents_.acquire();
  if (!turn) co_return refuse(Problem(Error(Errc::cancelled, "the client has gone")), request);
  auto job = co_await backend_.find(id);
  if (!job) co_return refuse_job(job.error(), id, request);
  if (job->state != store::JobState::completed) co_return refuse(not_completed(*job), request);
  const auto appraisal = co_await backend_.appraisal(*job);
  // The result can hold megabytes: it is not parsed where every other connection waits for it.
  auto make = [whole = std::make_shared<const store::Job>(std::move(*job)), appraisal] {
    return attestation_json(*whole, appraisal);
  };
  auto document = co_await core::run_on(pool_, std::move(make));
  if (!document) co_return refuse_job(document.error(), id, request);
  auto text = share(std::move(*document));
  if (!text) co_return refuse_job(text.error(), id, request);
  Response response = json_response(200, {});
  response.shared_body = std::move(*text);
  response.job = std::move(id);
  co_return response;
}

awaitable<Response> Api::show_sarif(std::string id, Request& request) {
  const auto turn = co_await documents_.acquire();
  if (!turn) co_return refuse(Problem(Error(Errc::cancelled, "the client has gone")), request);
  auto job = co_await backend_.find(id);
  if (!job) co_return refuse_job(job.error(), id, request);
  if (job->state != store::JobState::completed) co_return refuse(not_completed(*job), request);
  auto sarif = co_await backend_.sarif(std::move(*job));
  if (!sarif) co_return refuse(Problem(sarif.error()), request);
  auto text = share(std::move(*sarif));
  if (!text) co_return refuse_job(text.error(), id, request);
  Response response = json_response(200, {});
  response.content_type = "application/sarif+json";
  response.shared_body = std::move(*text);
  response.job = std::move(id);
  co_return response;
}

/// Readable by anyone: what it costs is bounded by attest::ServiceAttestor.
awaitable<Response> Api::show_service_attestation(Request& request) {
  const auto query = Query::parse(request.head.query);
  if (!query) co_return refuse(Problem(query.error()), request);
  auto attestation = co_await backend_.attestation(query->find("nonce"));
  if (!attestation) co_return refuse(Problem(attestation.error()), request);
  co_return json_response(200, service_attestation_json(*attestation));
}

}  // namespace skill_verifier::http
