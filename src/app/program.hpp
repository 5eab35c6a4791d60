#pragma once

#include <optional>
#include <string>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::app {

/// Name and version as they stand in statements: `skill-verifier 0.1.0`.
std::string program_name();
std::string program_version();
/// The commit that the program was built from, or nothing where the build knew none.
std::optional<std::string> source_commit();
/// Lower-case hex SHA-256 of the running executable's file. Errors: internal.
Result<std::string> program_sha256();

}  // namespace skill_verifier::app
