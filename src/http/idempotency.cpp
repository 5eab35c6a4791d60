#include "http/idempotency.hpp"

#include <algorithm>

#include "skill_verifier/service/idempotency_key.hpp"

namespace skill_verifier::http {

Result<std::optional<std::string>> idempotency_key(const RequestHead& head) {
  const auto is_key = [](const auto& field) { return equals_ignoring_case(field.first, "Idempotency-Key"); };
  const auto count = std::ranges::count_if(head.fields, is_key);
  if (count == 0) return std::optional<std::string>();
  if (count > 1)
    return Error(Errc::invalid_argument, "idempotency_key_invalid", "Idempotency-Key is given twice", "send one");
  std::string key(head.field("Idempotency-Key"));
  if (auto valid = service::check_idempotency_key(key); !valid) return valid.error();
  return std::optional(std::move(key));
}

Problem key_in_flight(const std::string& job) {
  const bool one = !job.empty();
  Problem problem(409, "idempotency_key_in_flight",
                  one ? "the first request with this Idempotency-Key is being taken in as job " + job
                      : "the first request with this Idempotency-Key is still being received or taken in",
                  one ? "look at the job; as long as there is none, send the request again in a moment"
                      : "send it again in a moment");
  problem.retry_after = 1;
  problem.job = job;
  return problem;
}

}  // namespace skill_verifier::http
