#include "skill_verifier/store/backup.hpp"

#include <algorithm>
#include <ctime>
#include <string_view>

#include "store/backup_files.hpp"
#include "store/files.hpp"

namespace skill_verifier::store {
namespace {

namespace fs = std::filesystem;

/// A job can end, and its package go, between the database's copy and the packages': then both are copied again.
constexpr int kMostTries = 10;

std::string pack_name(const std::string& id) {
  return "packs/" + id + ".pack";
}

bool is_database(std::string_view path) {
  return path.ends_with(".db");
}

/// What is not copied as it stands: databases and their logs, packages, uploads in flight, the lock.
bool is_special(std::string_view path) {
  return is_database(path) || path.ends_with(".db-wal") || path.ends_with(".db-shm") || path.ends_with(".db-journal") ||
         path.starts_with("packs/") || path.starts_with("spool/") || path == "lock" || path == kSumsFile;
}

/// The packages that are there now and were not copied yet.
Result<void> copy_packs(const fs::path& data_dir, const fs::path& destination, Sums& sums) {
  for (const std::string& file : files_beneath(data_dir / "packs")) {
    const std::string name = "packs/" + file;
    if (sums.contains(name)) continue;
    auto digest = copy_durably(data_dir / name, destination / name);
    if (!digest && digest.error().code == Errc::not_found) continue;
    if (!digest) return digest.error();
    sums[name] = std::move(*digest);
  }
  return {};
}

/// Database and packages that fit each other. What is copied before the database may be too much, never too little, but
/// for a job that came in between; that one is copied after it, unless it has ended already.
Result<JobsSnapshot> copy_jobs(const fs::path& data_dir, const fs::path& destination, Sums& sums) {
  const fs::path copy = destination / kJobsDatabase;
  for (int tries = 0; tries < kMostTries; ++tries) {
    if (auto copied = copy_packs(data_dir, destination, sums); !copied) return copied.error();
    std::error_code ignored;
    fs::remove(copy, ignored);
    if (auto copied = copy_database(data_dir / kJobsDatabase, copy); !copied) return copied.error();
    if (auto copied = copy_packs(data_dir, destination, sums); !copied) return copied.error();
    SKILL_VERIFIER_TRY(JobsSnapshot snapshot, inspect_jobs(copy, false));
    const auto is_there = [&sums](const std::string& id) { return sums.contains(pack_name(id)); };
    if (std::ranges::all_of(snapshot.packs, is_there)) return snapshot;
  }
  return backup_failed("jobs come and go faster than they can be copied");
}

/// Packages of jobs that ended before the database was copied.
void drop_unused_packs(const fs::path& destination, const JobsSnapshot& snapshot, Sums& sums) {
  std::erase_if(sums, [&](const auto& sum) {
    if (!sum.first.starts_with("packs/")) return false;
    const bool used = std::ranges::any_of(snapshot.packs, [&](const auto& id) { return pack_name(id) == sum.first; });
    std::error_code ignored;
    if (!used) fs::remove(destination / sum.first, ignored);
    return !used;
  });
}

Result<void> copy_others(const fs::path& data_dir, const fs::path& destination, Sums& sums) {
  for (const std::string& file : files_beneath(data_dir)) {
    if (is_database(file) && file != kJobsDatabase) {
      std::error_code ignored;
      fs::create_directories((destination / file).parent_path(), ignored);
      if (auto copied = copy_database(data_dir / file, destination / file); !copied) return copied.error();
      SKILL_VERIFIER_TRY(sums[file], file_sha256(destination / file));
    }
    if (is_special(file)) continue;
    auto digest = copy_durably(data_dir / file, destination / file);
    if (!digest && digest.error().code == Errc::not_found) continue;
    if (!digest) return digest.error();
    sums[file] = std::move(*digest);
  }
  return {};
}

Result<BackupSummary> copy_all(const fs::path& data_dir, const fs::path& destination) {
  Sums sums;
  SKILL_VERIFIER_TRY(const JobsSnapshot snapshot, copy_jobs(data_dir, destination, sums));
  SKILL_VERIFIER_TRY(sums[kJobsDatabase], file_sha256(destination / kJobsDatabase));
  drop_unused_packs(destination, snapshot, sums);
  if (auto copied = copy_others(data_dir, destination, sums); !copied) return copied.error();
  if (auto synced = StoreFiles::sync(destination / kJobsDatabase); !synced) return synced.error();
  // Last: a directory without it is no backup.
  if (auto written = write_sums(destination, sums); !written) return written.error();
  BackupSummary summary{sums.size(), 0, snapshot.jobs, snapshot.unfinished};
  for (const auto& [file, digest] : sums) {
    std::error_code ignored;
    summary.bytes += fs::file_size(destination / file, ignored);
  }
  return summary;
}

bool is_empty_or_absent(const fs::path& directory) {
  std::error_code error;
  return !fs::exists(directory, error) || (fs::is_directory(directory, error) && fs::is_empty(directory, error));
}

Result<void> check_backup(const fs::path& backup, const Sums& sums) {
  for (const auto& [file, digest] : sums) {
    const auto found = file_sha256(backup / file);
    if (!found) return backup_damaged(file + " cannot be read");
    if (*found != digest) return backup_damaged(file + " is not what was backed up: its SHA-256 differs");
  }
  return {};
}

Result<void> put_aside(const fs::path& data_dir) {
  {
    // Nobody must be using it.
    SKILL_VERIFIER_TRY(const Descriptor lock, lock_directory(data_dir));
    static_cast<void>(lock);
  }
  const fs::path named = data_dir.filename().empty() ? data_dir.parent_path() : data_dir;
  fs::path aside = named;
  aside += ".before-restore-" + std::to_string(std::time(nullptr));
  std::error_code error;
  fs::rename(named, aside, error);
  if (error) return backup_failed("the old data directory cannot be renamed: " + error.message());
  return {};
}

}  // namespace

Result<BackupSummary> back_up(const fs::path& data_dir, const fs::path& destination) {
  std::error_code error;
  if (!fs::exists(data_dir / kJobsDatabase, error))
    return Error{Errc::not_found, "backup_source_missing", "there is no jobs.db in the data directory",
                 "name the one that the service uses, with --data-dir or --config"};
  const auto inside =
      fs::weakly_canonical(destination, error).lexically_relative(fs::weakly_canonical(data_dir, error));
  if (!inside.empty() && *inside.begin() != "..")
    return Error{Errc::conflict, "backup_exists", "the destination is inside the data directory", "name one outside"};
  if (!is_empty_or_absent(destination))
    return Error{Errc::conflict, "backup_exists", "the destination is not empty",
                 "name a directory that does not exist"};
  fs::create_directories(destination, error);
  if (!error) fs::permissions(destination, fs::perms::owner_all, error);
  if (error) return backup_failed("cannot make the destination: " + error.message());
  auto summary = copy_all(data_dir, destination);
  if (!summary) fs::remove_all(destination, error);
  return summary;
}

Result<BackupSummary> restore(const fs::path& backup, const fs::path& data_dir, Occupied occupied) {
  SKILL_VERIFIER_TRY(const Sums sums, read_sums(backup));
  if (auto sound = check_backup(backup, sums); !sound) return sound.error();
  SKILL_VERIFIER_TRY(const JobsSnapshot snapshot, inspect_jobs(backup / kJobsDatabase, true));
  for (const std::string& id : snapshot.packs)
    if (!sums.contains(pack_name(id))) return backup_damaged("the package of job " + id + " is missing");
  if (!is_empty_or_absent(data_dir)) {
    if (occupied == Occupied::refuse)
      return Error{Errc::conflict, "data_dir_not_empty", "the data directory is not empty",
                   "name another one, or give --replace: then the old one is renamed"};
    if (auto gone = put_aside(data_dir); !gone) return gone.error();
  }
  std::error_code error;
  fs::create_directories(data_dir, error);
  if (!error) fs::permissions(data_dir, fs::perms::owner_all, error);
  if (error) return backup_failed("cannot make the data directory: " + error.message());
  BackupSummary summary{sums.size(), 0, snapshot.jobs, snapshot.unfinished};
  // The database last: without it nothing here counts as a job.
  const auto put = [&](const std::string& file) -> Result<void> {
    const auto digest = copy_durably(backup / file, data_dir / file);
    if (!digest) return digest.error();
    if (*digest != sums.at(file)) return backup_damaged(file + " changed while it was read");
    summary.bytes += fs::file_size(data_dir / file, error);
    return {};
  };
  for (const auto& [file, digest] : sums)
    if (file != kJobsDatabase) SKILL_VERIFIER_TRY_VOID(put(file));
  SKILL_VERIFIER_TRY_VOID(put(kJobsDatabase));
  return summary;
}

}  // namespace skill_verifier::store
