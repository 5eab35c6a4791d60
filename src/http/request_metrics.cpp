#include "http/request_metrics.hpp"

#include <array>
#include <string>

namespace skill_verifier::http {
namespace {

constexpr std::string_view kOther = "other";
constexpr std::array<std::string_view, 5> kMethods = {"GET", "HEAD", "POST", "DELETE", "OPTIONS"};

/// A view of a constant, never of the request.
std::string_view method_label(std::string_view method) {
  for (const std::string_view known : kMethods)
    if (known == method) return known;
  return kOther;
}

}  // namespace

void RequestMetrics::count(std::string_view method, const Response& response, core::Duration time) {
  // "*" and what fits no route have no pattern of ours.
  const std::string_view route = response.route.starts_with('/') ? response.route : kOther;
  ++requests_[{method_label(method), route, response.status}];
  if (!response.waited) times_[route].observe(time);
}

void RequestMetrics::write(core::MetricsText& out) const {
  out.counter("skill_verifier_http_requests_total", "Answers by method, route and status.");
  for (const auto& [series, count] : requests_) {
    const auto& [method, route, status] = series;
    out.sample({{"method", method}, {"route", route}, {"code", std::to_string(status)}}, static_cast<double>(count));
  }
  out.histogram("skill_verifier_http_request_duration_seconds",
                "From the request's head to its answer, without requests that asked to wait.");
  for (const auto& [route, histogram] : times_)
    out.sample({{"route", route}}, histogram);
}

}  // namespace skill_verifier::http
