#pragma once

#include <filesystem>

#include "skill_verifier/core/result.hpp"
#include "skill_verifier/skill/package.hpp"

namespace skill_verifier::skill {

/// Writes the package as a tar.gz, replacing `target`: what a client sends. import_archive of it gives the same entries
/// and tree digest. The same package gives the same bytes with the same zlib: entries in pack order, no times, no
/// owners, modes 0755 (folders, executables) and 0644. Blocking; memory does not grow with the package. Errors:
/// unavailable `disk_full`, internal `io_error`, `pack_corrupt`.
Result<void> write_tar_gz(const Package& package, const std::filesystem::path& target);

}  // namespace skill_verifier::skill
