#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::store {

inline constexpr const char* kSumsFile = "SHA256SUMS";
inline constexpr const char* kJobsDatabase = "jobs.db";

/// Relative path → lower-case hex SHA-256.
using Sums = std::map<std::string, std::string>;

Error backup_failed(const std::string& what);
Error backup_damaged(const std::string& what);

/// Copies one file durably, for this user only, and gives the digest of what was copied. `from` may go meanwhile:
/// not_found.
Result<std::string> copy_durably(const std::filesystem::path& from, const std::filesystem::path& to);
Result<std::string> file_sha256(const std::filesystem::path& file);

/// Relative paths of the regular files beneath a directory; links are left out.
std::vector<std::string> files_beneath(const std::filesystem::path& directory);

Result<void> write_sums(const std::filesystem::path& directory, const Sums& sums);
/// Errors: not_found `backup_missing`, rejected `backup_damaged` also for a path that leads out of the directory.
Result<Sums> read_sums(const std::filesystem::path& directory);

/// What a copied job database holds.
struct JobsSnapshot {
  std::uint64_t jobs = 0;
  std::uint64_t unfinished = 0;
  std::vector<std::string> packs;  ///< ids of unfinished jobs whose package is a file
};
/// A consistent copy of an SQLite database that others may be writing to.
Result<void> copy_database(const std::filesystem::path& from, const std::filesystem::path& to);
/// Reads a copy. `thorough`: it is also checked from end to end. Errors: rejected `backup_damaged`, unsupported
/// `store_newer`.
Result<JobsSnapshot> inspect_jobs(const std::filesystem::path& file, bool thorough);

}  // namespace skill_verifier::store
