#include "http/router.hpp"

namespace skill_verifier::http {
namespace {

constexpr std::string_view kAllMethods = "GET, HEAD, POST, DELETE, OPTIONS";

constexpr Route kRoutes[] = {
    {"GET", "/", Action::show_root},
    {"POST", "/verify", Action::submit},
    {"POST", "/verify/batch", Action::submit_batch},
    {"POST", "/verdicts", Action::show_verdicts},
    {"GET", "/verify/{jobId}/events", Action::show_events},
    {"GET", "/verify/{jobId}", Action::show_job},
    {"DELETE", "/verify/{jobId}", Action::delete_job},
    {"GET", "/verify/{jobId}/attestation", Action::show_attestation},
    {"GET", "/verify/{jobId}/sarif", Action::show_sarif},
    {"GET", "/verify/{jobId}/logs", Action::show_log},
    {"GET", "/attestation", Action::show_service_attestation},
    {"GET", "/attestation/{jobId}", Action::show_attestation},
    {"GET", "/jobs", Action::list_jobs},
    {"GET", "/webhooks/deliveries", Action::list_deliveries},
    {"POST", "/webhooks/deliveries/{deliveryId}/redeliver", Action::redeliver},
    {"GET", "/health", Action::show_health},
    {"GET", "/ready", Action::show_ready},
    {"GET", "/metrics", Action::show_metrics},
    {"GET", "/docs", Action::show_docs},
    {"GET", "/openapi.json", Action::show_openapi},
};

/// The id when `path` has the shape of `pattern`.
std::optional<std::string_view> match_pattern(std::string_view pattern, std::string_view path) {
  const auto hole = pattern.find('{');
  if (hole == std::string_view::npos) {
    if (pattern != path) return std::nullopt;
    return std::string_view();
  }
  if (!path.starts_with(pattern.substr(0, hole))) return std::nullopt;
  path.remove_prefix(hole);
  const std::string_view id = path.substr(0, path.find('/'));
  if (id.empty() || path.substr(id.size()) != pattern.substr(pattern.find('}') + 1)) return std::nullopt;
  return id;
}

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

std::optional<PathMatch> match_path(std::string_view path) {
  if (path == "*") return PathMatch{path, {}};
  for (const Route& route : kRoutes) {
    if (const auto id = match_pattern(route.path, path)) return PathMatch{route.path, *id};
  }
  return std::nullopt;
}

const Route* find_route(const PathMatch& match, std::string_view method) {
  if (method == "HEAD") method = "GET";
  for (const Route& route : kRoutes) {
    if (route.path == match.path && route.method == method) return &route;
  }
  return nullptr;
}

std::string allowed_methods(const PathMatch& match) {
  if (match.path == "*") return std::string(kAllMethods);
  std::string methods;
  for (const Route& route : kRoutes) {
    if (route.path != match.path) continue;
    methods += route.method;
    methods += route.method == "GET" ? ", HEAD, " : ", ";
  }
  return methods + "OPTIONS";
}

}  // namespace skill_verifier::http
