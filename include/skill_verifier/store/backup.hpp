#pragma once

#include <cstdint>
#include <filesystem>

#include "skill_verifier/core/result.hpp"

/// A data directory as it was at one moment, in a directory of its own: databases, packages of jobs that were not
/// final, and every other file of it, with SHA256SUMS (`sha256sum -c` reads it). Everything here blocks.
namespace skill_verifier::store {

struct BackupSummary {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t jobs = 0;        ///< in the database
  std::uint64_t unfinished = 0;  ///< of them, with their packages
};

/// Copies `data_dir` while a service may be using it: nobody waits for the copy, and every job of it that was not final
/// has its package. `destination` must not exist, or be empty; it is complete when this returns, and removed when it
/// fails. Errors: not_found `backup_source_missing`, conflict `backup_exists`, unavailable `backup_failed`.
Result<BackupSummary> back_up(const std::filesystem::path& data_dir, const std::filesystem::path& destination);

/// Whether a data directory that is not empty may be put aside: it is renamed, never removed.
enum class Occupied { refuse, put_aside };

/// Checks a backup (every digest, the database's own consistency, its version, the packages of unfinished jobs) and
/// only then writes it to `data_dir`. Errors: not_found `backup_missing`, rejected `backup_damaged` naming what,
/// unsupported `store_newer`, conflict `data_dir_not_empty` or `store_locked` (a service runs on it), unavailable
/// `backup_failed`.
Result<BackupSummary> restore(const std::filesystem::path& backup, const std::filesystem::path& data_dir,
                              Occupied occupied);

}  // namespace skill_verifier::store
