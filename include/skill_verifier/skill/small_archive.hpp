#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "skill_verifier/core/result.hpp"
#include "skill_verifier/skill/package.hpp"

namespace skill_verifier::skill {

/// import_archive (package.hpp) for one that is in memory and never was a file. Errors: the same.
Result<Package> import_archive_bytes(std::string_view archive, std::string archive_name,
                                     const std::filesystem::path& pack, const PackageLimits& limits);

}  // namespace skill_verifier::skill
