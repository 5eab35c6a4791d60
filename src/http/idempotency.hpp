#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "http/problem.hpp"
#include "http/request_check.hpp"

namespace skill_verifier::http {

/// Who asks (client_of) and the Idempotency-Key: two clients do not meet by chance.
using KeyOfOwner = std::pair<std::string, std::string>;
/// The requests with an Idempotency-Key that are being answered now, with the id that the job will have if it is taken
/// in; empty for a batch.
using KeysInFlight = std::map<KeyOfOwner, std::string>;

/// Holds a key while its request is answered.
class KeyInFlight {
 public:
  KeyInFlight(KeysInFlight& keys, KeyOfOwner key, std::string job)
      : keys_(keys), place_(keys.emplace(std::move(key), std::move(job)).first) {}
  KeyInFlight(const KeyInFlight&) = delete;
  KeyInFlight& operator=(const KeyInFlight&) = delete;
  ~KeyInFlight() { keys_.erase(place_); }

 private:
  KeysInFlight& keys_;
  KeysInFlight::iterator place_;
};

/// The value of Idempotency-Key; absent without one. Errors: invalid_argument `idempotency_key_invalid` for one that is
/// empty, too long, not printable ASCII or given twice.
Result<std::optional<std::string>> idempotency_key(const RequestHead& head);

/// 409 for a key whose first request is not answered yet. `job` is what it is about; empty: not one job.
Problem key_in_flight(const std::string& job);

}  // namespace skill_verifier::http
