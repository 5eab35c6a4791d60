#pragma once

#include <string>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::app {

/// Name and version as they stand in statements: `skill-verifier 0.1.0`.
std::string program_name();
std::string program_version();
/// Lower-case hex SHA-256 of the running executable's file. Errors: internal.
Result<std::string> program_sha256();

}  // namespace skill_verifier::app
