#pragma once

#include <string>

#include "http/message.hpp"

/// The answers that more than one file of routes gives.
namespace skill_verifier::http {

/// JSON that nobody may keep.
Response json_response(int status, std::string body);
Problem job_not_found(std::string_view id);
Response refuse(const Problem& problem, const Request& request);
/// A failure of a call about one job.
Response refuse_job(const Error& error, const std::string& id, const Request& request);

}  // namespace skill_verifier::http
