#pragma once

#include <string>

#include "skill_verifier/sandbox/sandbox.hpp"
#include "skill_verifier/service/service.hpp"

namespace skill_verifier::service {

/// The rules that every job of this service is under, as canonical JSON: what the service document's policy digest is
/// over. Equal texts mean equal rules. Errors: invalid_argument `json_not_canonical`.
Result<std::string> policy_document(const ServiceOptions& options, const sandbox::Profile& profile);

}  // namespace skill_verifier::service
