#pragma once

#include <string>
#include <vector>

#include "sandbox/engine.hpp"
#include "skill_verifier/core/result.hpp"

namespace skill_verifier::sandbox {

/// Every reason why this engine would not hold the strict profile, each a phrase for a person; empty when it would.
/// `oci_runtime` is the runtime asked for, empty for the engine's default; `architecture` is that of our init.
std::vector<std::string> unheld_limits(const EngineInfo& info, const EngineTraits& traits,
                                       const std::string& oci_runtime, const std::string& architecture);

/// Errors: unsupported `engine_unsuitable` naming all of them.
Result<void> check_limits(const EngineInfo& info, const EngineTraits& traits, const std::string& oci_runtime);

}  // namespace skill_verifier::sandbox
