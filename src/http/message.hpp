#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/request_check.hpp"
#include "skill_verifier/auth/access.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/trace.hpp"

namespace skill_verifier::http {

using core::awaitable;

/// The next piece of a request's body, valid until the next call; empty at its end. Errors: too_large `body_too_large`,
/// invalid_argument `body_malformed`, timed_out `body_timed_out`, cancelled `client_gone` when there is nobody left to
/// answer.
using BodyReader = std::function<awaitable<Result<std::string_view>>(std::uint64_t limit)>;

/// Owned by the connection until it has been answered.
struct Request {
  RequestHead head;
  std::string id;            ///< for the log and X-Request-Id
  core::TraceContext trace;  ///< our span: traceparent of the answer
  auth::Address peer;        ///< other end of the connection
  auth::Caller caller;       ///< set before a route is asked
  std::string job;           ///< that the route is about; empty: about none
  store::JobAccess access;   ///< to that job
  BodyReader body;           ///< `limit` is for the whole body and the same in every call
};

/// The next piece of an answer that is sent as it grows; empty at its end. An error cuts the answer short, visibly.
using BodyWriter = std::function<awaitable<Result<std::string>>()>;

/// The same for pieces that many answers send; null at its end.
using SharedBodyWriter = std::function<awaitable<Result<std::shared_ptr<const std::string>>>()>;

struct Response {
  int status = 200;
  std::string_view content_type = "application/json";  ///< a literal
  std::vector<std::pair<std::string_view, std::string>> headers;
  std::string body;
  std::shared_ptr<const std::string> shared_body;  ///< instead of `body`
  BodyWriter stream;                               ///< instead of both
  SharedBodyWriter shared_stream;                  ///< instead of all three
  std::string job;                                 ///< id for the log, when one is known
  std::string code;                                ///< of a problem, for the audit log
  std::string_view route;                          ///< pattern of the route that answered, a literal; empty: none
  bool waited = false;                             ///< the client asked to wait: its time is no latency of ours

  bool streams() const { return stream || shared_stream; }
  bool has_body() const { return status != 204 && status != 304; }
  std::string_view text() const { return shared_body ? std::string_view(*shared_body) : std::string_view(body); }
};

/// Status line and header lines of an answer, with the empty line.
std::string response_head(const Response& response, const Request& request, bool close);
/// The answer to a request that was refused. `path` may be empty when none could be read.
Response problem_response(const Problem& problem, std::string_view path, std::string_view request_id);

}  // namespace skill_verifier::http
