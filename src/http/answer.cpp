#include "http/answer.hpp"

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::http {

Response json_response(int status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

Problem job_not_found(std::string_view id) {
  Problem problem(404, "job_not_found", "there is no job " + core::shorten(id));
  problem.error = "Job not found";
  return problem;
}

Response refuse(const Problem& problem, const Request& request) {
  return problem_response(problem, request.head.path, request.id);
}

Response refuse_job(const Error& error, const std::string& id, const Request& request) {
  Response response = refuse(error.code == Errc::not_found ? job_not_found(id) : Problem(error), request);
  response.job = id;
  return response;
}

}  // namespace skill_verifier::http
