#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::http {

/// An answer other than what was asked for, as RFC 9457 problem details. `error` is the text that clients of the
/// predecessor read; it is the detail unless one of the predecessor's own sentences is set.
struct Problem {
  Problem(int status, std::string code, std::string detail, std::string hint = {})
      : status(status), code(std::move(code)), detail(std::move(detail)), hint(std::move(hint)), error(this->detail) {}
  /// The one map from what a caller can do about a failure to an HTTP status.
  explicit Problem(const Error& failure);

  int status;
  std::string code;  ///< stable, snake_case
  std::string detail;
  std::string hint;
  std::string error;
  int retry_after = 0;    ///< seconds; 0 = no such header
  std::string allow;      ///< of a 405
  std::string challenge;  ///< WWW-Authenticate of a 401 or 403
  std::string job;        ///< id of the job that it is about, where the client may not know it
};

/// RFC 9110's phrase for the statuses that this server sends.
std::string_view reason_phrase(int status);

}  // namespace skill_verifier::http
