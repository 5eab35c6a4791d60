#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::store {

/// An open descriptor, closed by its destructor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// The folders of a store: `spool/` for files in flight, `packs/<id>.pack` for the packages of jobs that are not final.
class StoreFiles {
 public:
  explicit StoreFiles(std::filesystem::path directory);

  /// Makes the folders (for this user only), empties the spool. Errors: unavailable `store_failed`.
  Result<void> open();
  const std::filesystem::path& spool() const { return spool_; }
  std::filesystem::path pack(const std::string& id) const;

  /// Makes a file's bytes durable.
  static Result<void> sync(const std::filesystem::path& file);
  /// Moves a file from the spool to the job's pack, and back. Neither syncs the folder.
  Result<void> adopt(const std::filesystem::path& file, const std::string& id) const;
  void give_back(const std::filesystem::path& file, const std::string& id) const;
  /// Makes the file the job's pack too. Does not sync the folder.
  Result<void> share(const std::filesystem::path& file, const std::string& id) const;
  void discard(const std::string& id) const;
  /// Writes the job's pack anew, replacing what a crash left of it. Not synced.
  Result<void> restore(const std::string& id, std::string_view bytes) const;
  /// Makes earlier moves into packs/ durable.
  Result<void> sync_packs() const;

  /// Ids that have a pack file; anything else in packs/ is removed.
  Result<std::set<std::string>> packs() const;

 private:
  std::filesystem::path directory_, spool_, packs_;
  Descriptor packs_fd_;
};

/// An empty file for this user only, where there is none: SQLite would take the process's umask, and gives what it
/// keeps beside a database the database's permissions. Errors: unavailable `store_failed`.
Result<void> make_private_file(const std::filesystem::path& file);

/// Held for the life of a store, so that no second process opens the same directory. Errors: conflict `store_locked`,
/// unavailable `store_failed`.
Result<Descriptor> lock_directory(const std::filesystem::path& directory);

/// Errors: invalid_argument `job_id_invalid`.
Result<void> check_job_id(const std::string& id);

}  // namespace skill_verifier::store
