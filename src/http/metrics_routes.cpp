#include <array>

#include "http/answer.hpp"
#include "http/api.hpp"
#include "http/json_views.hpp"

namespace skill_verifier::http {
namespace {

using Errors = std::optional<std::string>;

void write_health(core::MetricsText& out, const service::Health& health) {
  out.gauge("skill_verifier_ready", "1 where a dependency is of use: what /ready says.");
  const auto ready = [&out](std::string_view dependency, const Errors& error) {
    out.sample({{"dependency", dependency}}, error ? 0 : 1);
  };
  ready("engine", health.engine_error);
  ready("store", health.store_error);
  ready("dstack", health.dstack_error);
  out.gauge("skill_verifier_draining", "1 while the service shuts down.");
  out.sample({}, health.draining ? 1 : 0);
  out.gauge("skill_verifier_stored_jobs", "Jobs in the store by state.");
  using store::JobState;
  for (const auto state :
       {JobState::pending, JobState::running, JobState::completed, JobState::failed, JobState::cancelled}) {
    const auto found = health.jobs.find(state);
    out.sample({{"state", store::to_string(state)}},
               found == health.jobs.end() ? 0 : static_cast<double>(found->second));
  }
}

}  // namespace

void Api::count(std::string_view method, const Response& response, core::Duration time) {
  metrics_.count(method, response, time);
}

awaitable<Response> Api::show_ready() {
  const service::Health health = co_await backend_.readiness();
  Response response = json_response(is_ready(health) ? 200 : 503, ready_json(health));
  if (response.status == 503) response.headers.emplace_back("Retry-After", "5");
  co_return response;
}

awaitable<Response> Api::show_metrics() {
  const service::Health health = co_await backend_.readiness();
  auto look = [writers = options_.file_metrics] {
    core::MetricsText text;
    for (const auto& write : writers)
      write(text);
    return text;
  };
  core::MetricsText out = co_await core::run_on(pool_, std::move(look));
  const auto gauge = [&out](std::string_view name, std::string_view help, double value) {
    out.gauge(name, help);
    out.sample({}, value);
  };
  metrics_.write(out);
  gauge("skill_verifier_http_connections", "Open connections.", static_cast<double>(connections ? connections() : 0));
  gauge("skill_verifier_uploads", "Bodies that are being received.", static_cast<double>(uploads_));
  gauge("skill_verifier_spool_bytes", "Uploads and packages of waiting jobs.",
        static_cast<double>(spool_budget_.used() + backend_.pack_bytes()));
  gauge("skill_verifier_spool_limit_bytes", "What they may have together.", static_cast<double>(spool_budget_.limit()));
  gauge("skill_verifier_response_bytes", "Large answers that are held for readers.",
        static_cast<double>(response_budget_.used()));
  write_health(out, health);
  backend_.write_metrics(out);
  for (const auto& write : options_.metrics)
    write(out);
  Response response = json_response(200, out.text());
  response.content_type = core::MetricsText::kContentType;
  co_return response;
}

}  // namespace skill_verifier::http
