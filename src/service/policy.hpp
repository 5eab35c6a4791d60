#pragma once

#include <optional>
#include <vector>

#include "service/job_request.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"
#include "skill_verifier/service/service.hpp"

namespace skill_verifier::service {

/// What is really going to happen with a job: its manifest under this service's rules.
struct Plan {
  std::optional<sandbox::CommandSpec> test;  ///< absent: untested, nothing runs
  std::optional<sandbox::CommandSpec> deps;
  bool test_bridge = false;
  bool deps_bridge = false;
  bool flagged_fails = false;               ///< ServiceOptions::flagged_fails
  std::vector<skill::Diagnostic> warnings;  ///< `timeout_capped`, `network_denied`
};

/// Errors: rejected `deps_not_allowed`.
Result<Plan> make_plan(const skill::Manifest& manifest, const ServiceOptions& options);

}  // namespace skill_verifier::service
