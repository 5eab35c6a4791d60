#include "http/message.hpp"

#include <fmt/core.h>

#include <iterator>

#include "http/json_views.hpp"

namespace skill_verifier::http {

std::string response_head(const Response& response, const Request& request, bool close) {
  std::string head;
  head.reserve(512);
  auto out = std::back_inserter(head);
  fmt::format_to(out, "HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  if (response.has_body()) {
    fmt::format_to(out, "Content-Type: {}\r\n", response.content_type);
    if (!response.streams()) {
      fmt::format_to(out, "Content-Length: {}\r\n", response.text().size());
    } else if (request.head.minor_version == 1) {
      head += "Transfer-Encoding: chunked\r\n";
    }
  }
  for (const auto& [name, value] : response.headers)
    fmt::format_to(out, "{}: {}\r\n", name, value);
  fmt::format_to(out, "X-Request-Id: {}\r\ntraceparent: {}\r\n", request.id, core::to_traceparent(request.trace));
  head +=
      "Access-Control-Allow-Origin: *\r\n"
      "Access-Control-Expose-Headers: ETag, Idempotency-Replayed, Location, RateLimit-Limit, RateLimit-Policy, "
      "RateLimit-Remaining, RateLimit-Reset, Retry-After, WWW-Authenticate, X-Request-Id, traceparent\r\n"
      "X-Content-Type-Options: nosniff\r\n";
  if (close) head += "Connection: close\r\n";
  head += "\r\n";
  return head;
}

Response problem_response(const Problem& problem, std::string_view path, std::string_view request_id) {
  Response response;
  response.status = problem.status;
  response.code = problem.code;
  response.content_type = "application/problem+json";
  response.body = problem_json(problem, path, request_id);
  response.headers.emplace_back("Cache-Control", "no-store");
  if (problem.retry_after > 0) response.headers.emplace_back("Retry-After", std::to_string(problem.retry_after));
  if (!problem.job.empty()) response.headers.emplace_back("Location", "/verify/" + problem.job);
  if (!problem.challenge.empty()) response.headers.emplace_back("WWW-Authenticate", problem.challenge);
  if (!problem.allow.empty()) response.headers.emplace_back("Allow", problem.allow);
  return response;
}

}  // namespace skill_verifier::http
