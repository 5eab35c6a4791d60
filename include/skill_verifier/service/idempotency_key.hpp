#pragma once

#include <string>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::service {

/// A client's Idempotency-Key is 1 to 255 printable ASCII characters. Errors: invalid_argument
/// `idempotency_key_invalid`.
Result<void> check_idempotency_key(const std::string& key);

}  // namespace skill_verifier::service
