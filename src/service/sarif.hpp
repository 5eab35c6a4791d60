#pragma once

#include <optional>
#include <string>

#include "skill_verifier/scan/profile.hpp"
#include "skill_verifier/store/job_store.hpp"

namespace skill_verifier::service {

/// The checks that a completed job's result holds, those in the sandbox included, as one run of SARIF 2.1.0. Checks
/// that neither profile has are there without what they mean. `verifier`: name and version, `skill-verifier 0.1.0`.
/// Errors: not_found `checks_not_made`, internal `result_unreadable`.
Result<std::string> sarif_of(const store::Job& job, const std::optional<scan::Profile>& profile,
                             const std::optional<scan::Profile>& sandbox_profile, const std::string& verifier);

}  // namespace skill_verifier::service
