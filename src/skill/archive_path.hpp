#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::skill {

/// Brings an entry's name into the form of a package path: `./` prefixes and one trailing slash are dropped; everything
/// else that could be read in two ways is refused. Empty for the root itself (`.`, `./`). The caller's limits come
/// later: here only what no file system could hold (255 bytes a segment, 4096 bytes a path) is refused.
/// Errors: rejected `archive_path_*`, naming the entry.
Result<std::string> normalize_path(std::string_view name);

/// The form in which two paths are equal when a case-insensitive or a normalising file system would merge them: full
/// case folding, NFC. `path` is UTF-8 without control characters.
std::string folded_path(std::string_view path);

/// Segments of a path: 1 for `a`, 2 for `a/b`.
std::size_t path_depth(std::string_view path);

/// The paths seen so far, and the refusal of every pair that could not stand side by side in one tree.
class PathSet {
 public:
  enum class Kind { file, directory };

  /// `max_bytes` bounds the memory: the sum of all paths, implied directories included.
  explicit PathSet(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Adds an entry and the directories that it implies. Errors: rejected `archive_duplicate_path`,
  /// `archive_case_duplicate`, `archive_path_conflict`; too_large `archive_too_many_files`.
  Result<void> add(std::string_view path, Kind kind);

 private:
  struct Known {
    std::string path;
    Kind kind;
    bool implied;
  };
  Result<void> add_one(std::string_view path, Kind kind, bool implied);

  std::map<std::string, Known, std::less<>> by_folded_;
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
};

}  // namespace skill_verifier::skill
