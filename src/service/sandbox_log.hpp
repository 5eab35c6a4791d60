#pragma once

#include "service/live_log.hpp"
#include "service/sandbox_plan.hpp"
#include "skill_verifier/core/result.hpp"

namespace skill_verifier::service {

/// Writes what every command of the checks in the sandbox said, with a heading each; what went as it should in a syntax
/// check has nothing to say.
void log_examined(LiveLog& log, const SandboxPlan& plan, const Result<sandbox::ExamineResult>& examined);

}  // namespace skill_verifier::service
