#pragma once

#include <span>

#include "scan/rules.hpp"

namespace skill_verifier::scan {

/// Embedded like standard_profile_files.
std::span<const ProfileFile> sandbox_profile_files();

/// Fills everything but digest. Throws YAML::Exception and std::runtime_error on what it does not understand: the
/// caller turns them into an Error.
void read_profile(std::span<const ProfileFile> files, detail::Rules& rules);

}  // namespace skill_verifier::scan
