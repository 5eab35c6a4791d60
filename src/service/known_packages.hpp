#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "service/job_request.hpp"
#include "skill_verifier/service/service.hpp"
#include "skill_verifier/store/job_store.hpp"

namespace skill_verifier::service {

/// What the file system says of a folder's package without reading a byte of it: device, inode, mode, links, size and
/// times of the folder, of every directory and of every file in it. As long as that is the same, so is the content: a
/// new, renamed or removed name changes its directory, and a write changes the file's ctime, which nobody can set.
/// What escapes it is a write through a mapping that was made before, and a clock that is set back.
class TreeStamp {
 public:
  /// `package` was just read from `root`, which began at `begun`. Nothing when something was changed so shortly before
  /// (or meanwhile) that a file system with coarse times could hide another change.
  static std::optional<TreeStamp> take(const std::filesystem::path& root, const skill::Package& package,
                                       std::chrono::system_clock::time_point begun);
  bool holds() const;
  std::size_t memory() const { return paths_.size() + sizeof *this; }

 private:
  std::string paths_;  ///< each with a NUL after it
  core::Digest256 facts_{};
};

/// A package that was taken in: what its jobs are asked to do (without what a job has from its submission), the same as
/// text, and its pack.
struct TakenIn {
  std::shared_ptr<const JobRequest> request;
  std::shared_ptr<const std::string> json;  ///< package_json
  store::PackFile pack;
};
/// `pack` is whole.
TakenIn taken_in(JobRequest request, std::filesystem::path pack);

/// Packages that came in before, so that one that comes again is neither expanded nor read again: all its jobs have the
/// same pack, and what its manifest says is remembered. A job of such a package is no different from any other: its
/// digest is that of the bytes that it runs. Any thread.
class KnownPackages {
 public:
  /// One of them, whose pack stays for as long as it is held.
  struct Entry {
    ~Entry();
    std::string key;
    std::shared_ptr<const JobRequest> request;
    std::shared_ptr<const std::string> json;
    std::filesystem::path file;
    std::optional<TreeStamp> stamp;
    std::uint64_t archive_size = 0;
    std::size_t memory = 0;
    std::chrono::steady_clock::time_point since;
    mutable std::once_flag digesting;
    mutable std::optional<core::Digest256> sha256;  ///< of the pack, once it was asked for
  };
  using EntryPtr = std::shared_ptr<const Entry>;
  /// For a job.
  static TakenIn take(const EntryPtr& entry);

  static constexpr std::size_t kMost = 256;
  static constexpr std::size_t kMemory = 8u << 20;
  /// Of one pack, at a time: ext4 knows no more than 65,000. Jobs that end give theirs back.
  static constexpr std::uint64_t kMostNames = 60'000;
  /// A folder is read anew after this time whatever its stamp says.
  static constexpr std::chrono::seconds kFolderAge{60};

  /// Packs lie in `folder`, which is made when it is needed, on the same file system as the spool. `bytes` of them at
  /// most; 0 = nothing is kept.
  KnownPackages(std::filesystem::path folder, std::uint64_t bytes);

  /// Keys. What a submission says beside the package decides how its manifest is read.
  static std::string archive_key(std::string_view sha256, const Submission& submission);
  static std::string folder_key(const std::filesystem::path& real, const Submission& submission);

  /// Null when it is not known, or its folder has changed.
  EntryPtr find(const std::string& key);
  /// Whether an archive of exactly this size is known: otherwise its digest need not be computed to ask.
  bool has_archive_of(std::uint64_t size) const;
  /// The pack is never written again. For a folder with its stamp, for an archive with its size.
  void keep(std::string key, const TakenIn& taken, std::optional<TreeStamp> stamp, std::uint64_t archive_size);

 private:
  using Order = std::list<EntryPtr>;  ///< last used first

  EntryPtr look_up(const std::string& key);
  void drop(const std::string& key, const EntryPtr& entry);
  void erase(Order::iterator entry);

  const std::filesystem::path folder_;
  const std::uint64_t most_bytes_;
  mutable std::mutex mutex_;
  Order order_;
  std::unordered_map<std::string, Order::iterator> entries_;
  std::uint64_t bytes_ = 0;
  std::size_t memory_ = 0;
  std::uint64_t next_ = 0;
};

}  // namespace skill_verifier::service
