#pragma once

#include <span>

#include "scan/rules.hpp"

namespace skill_verifier::scan {

/// Embedded like standard_profile_files.
std::span<const ProfileFile> sandbox_profile_files();

/// Fills everything but digest. Throws YAML::Exception and std::runtime_error on what it does not understand: the
/// caller turns them into an Error.
/// Patterns that are compiled later are not looked at.
void read_profile(std::span<const ProfileFile> files, detail::Rules& rules);

/// Compiles these as well. Throws std::runtime_error for one that is refused.
void compile_all(const detail::Rules& rules);

}  // namespace skill_verifier::scan
