#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace skill_verifier::http {

enum class Action {
  show_root,
  submit,
  submit_batch,
  show_verdicts,
  show_events,
  show_job,
  delete_job,
  show_attestation,
  show_service_attestation,
  show_sarif,
  show_log,
  list_jobs,
  list_deliveries,
  redeliver,
  show_health,
  show_ready,
  show_metrics,
  show_docs,
  show_openapi
};

/// HEAD is answered wherever GET is, OPTIONS everywhere; neither has a row.
struct Route {
  std::string_view method;
  std::string_view path;  ///< as in the OpenAPI document: `{jobId}` and `{deliveryId}` stand for one segment
  Action action;
};
std::span<const Route> routes();

struct PathMatch {
  std::string_view path;    ///< that of the rows which fit
  std::string_view job_id;  ///< or a delivery's, which has the same form; empty where the path has none
};
/// Nothing when no row fits. A segment is taken as sent: job ids need no percent-encoding.
std::optional<PathMatch> match_path(std::string_view path);
/// The row for a method on a matched path; GET's for HEAD.
const Route* find_route(const PathMatch& match, std::string_view method);
/// `GET, HEAD, OPTIONS`: what a matched path answers.
std::string allowed_methods(const PathMatch& match);

}  // namespace skill_verifier::http
