#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/core/result.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::skill {

/// What ClawHub allows, and bounds on names and counts far above any published skill. Every one can be configured.
struct PackageLimits {
  std::uint64_t archive_bytes = 50u << 20;   ///< as received
  std::uint64_t expanded_bytes = 50u << 20;  ///< sum of the files, enforced while expanding
  std::uint64_t file_bytes = 10u << 20;
  std::size_t files = 1000;  ///< and as many directories
  std::size_t path_bytes = 500;
  std::size_t depth = 16;  ///< segments of a path
};

struct PackageEntry {
  std::string path;  ///< relative, `/`-separated, UTF-8 as it was given (not normalised), without `.` and `..` segments
  bool directory = false;
  bool executable = false;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;  ///< of the file's first byte in the pack; 0 for a directory
  core::Digest256 sha256{};  ///< of the file's bytes; zeros for a directory
};

/// Something that intake did or saw which is neither an error nor silent, e.g. `mode_repaired` for `run.sh`.
struct PackageNote {
  std::string code;  ///< `mode_repaired`, `entry_ignored`, `folder_entered`
  std::string path;
  std::string message;
};

/// A validated skill package, stored as one *pack* file: the only form in which the rest of the program, and the init
/// process in the sandbox, ever sees it. Format (big-endian), version 1:
///   8 bytes "SVPACK1\n"; then per entry, sorted by path bytes (a directory before what is in it):
///   u8 'D' | 'F', u8 0 | 1 (executable), u16 path length, u64 size (0 for 'D'), path, file bytes; at the end u8 'E'.
/// Every directory has an entry of its own, also where the archive only implied it.
/// A value: copies share nothing but the file on disk, which its owner (the job store) removes.
struct Package {
  std::filesystem::path pack;
  std::uint64_t pack_bytes = 0;
  std::vector<PackageEntry> entries;
  std::uint64_t content_bytes = 0;
  /// TRUST.md §1 `dirHash1`, lower-case hex. Neither modes nor empty directories enter it.
  std::string tree_digest;
  /// Lower-case hex SHA-256 of the archive as received; absent for a directory.
  std::optional<std::string> archive_sha256;
  std::string archive_name;  ///< as the client named it, sanitised; empty for a directory
  std::vector<PackageNote> notes;

  const PackageEntry* find(std::string_view path) const;
};

/// Expands an archive (tar, tar.gz, tar.zst, zip, `.skill`; told by content, never by name) into a new pack file, which
/// replaces an older one; nothing is synced. Blocking; needs less than 1 MiB of memory (zstd: up to
/// 8 MiB more, as the archive asks) and, beside the pack, as much scratch space as the files are large. Refusals are
/// Errc::rejected or too_large with `id` one of
///   archive_unreadable (damaged, cut short, or two readers could understand it differently), archive_unsupported,
///   archive_empty, archive_encrypted, archive_path_absolute, archive_path_escapes, archive_path_backslash,
///   archive_path_empty_segment, archive_path_invalid (NUL, not UTF-8, control or text-direction character, `.`
///   inside), archive_path_too_long, archive_too_deep, archive_link, archive_special_file, archive_duplicate_path,
///   archive_case_duplicate (case fold or NFC), archive_path_conflict (file used as a directory),
///   archive_too_many_files, archive_file_too_large, archive_too_large
/// and name the entry. Our own trouble is `disk_full` (unavailable) or `io_error` (internal). On failure no file is
/// left.
///
/// The same tree gives the same digest from a directory and from every kind of archive:
/// - one top-level folder is entered (note `folder_entered`) when the root has no manifest, the folder has one, and
///   nothing else that counts stands beside it;
/// - left out with a note are `.git` and `.DS_Store` anywhere, and at the root `_meta.json`, `.clawhub`, `.clawdhub`
/// and
///   `__MACOSX`; an archive may hold at most `expanded_bytes` of them;
/// - files beginning with `#!` are executable whatever the archive says (note `mode_repaired`); other files keep the
///   owner's bit. Other modes, owners and times are not part of a package.
Result<Package> import_archive(const std::filesystem::path& archive, std::string archive_name,
                               const std::filesystem::path& pack, const PackageLimits& limits);

/// The same for a directory, which may change meanwhile: no link is followed, not even the directory itself; links
/// (symbolic, and files with a second name), special files and mounts inside are refused with the ids above. Further
/// errors: not_found or rejected `directory_unreadable`, conflict `directory_changed`.
Result<Package> import_directory(const std::filesystem::path& directory, const std::filesystem::path& pack,
                                 const PackageLimits& limits);

/// Reads a pack again (after a restart) and recomputes every digest. What the pack does not hold is empty in the
/// result: archive_sha256, archive_name, notes. Errors: internal `pack_corrupt`.
Result<Package> open_pack(const std::filesystem::path& pack);

/// Bytes of one file of the package. Errors: not_found `file_not_found`, too_large `file_too_large` when it is longer
/// than `limit`, internal `pack_corrupt`.
Result<std::string> read_file(const Package& package, std::string_view path, std::uint64_t limit);

}  // namespace skill_verifier::skill
