#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "skill_verifier/core/result.hpp"
#include "skill_verifier/skill/package.hpp"

namespace skill_verifier::skill {

/// One member as the archive states it: its name is not checked beyond what the format itself requires.
struct ArchiveEntry {
  std::string name;
  bool directory = false;
  bool executable = false;
  std::uint64_t size = 0;
};

/// The members of one archive in the order in which they are stored. Links, special files, encryption and every header
/// that two programs could understand differently are refused here, naming the entry.
///
/// The container formats are read by this project and not by libarchive (3.6.2), because that reads more than can be
/// vouched for: it rewrites names to NFC or loses them depending on the process locale, ignores gzip's check sum and
/// whatever follows the first member, and resolves contradicting headers silently. It serves the tests as the second
/// opinion: whatever is accepted here must look the same there.
class ArchiveReader {
 public:
  virtual ~ArchiveReader() = default;
  /// The next member, or nothing at the end, which is reported only when the archive ends as its format demands. What
  /// is unread of the member before is skipped.
  virtual Result<std::optional<ArchiveEntry>> next() = 0;
  /// Up to `out.size()` bytes of the current member; 0 when exactly `size` bytes were delivered and their check sum,
  /// where the format has one, is right.
  virtual Result<std::size_t> read(std::span<std::uint8_t> out) = 0;
};

/// How many members of any kind are looked at, ignored ones included.
std::size_t max_archive_entries(const PackageLimits& limits);

/// Tells the format of the first `size` bytes of a file by their content. The descriptor outlives the reader.
/// Errors: rejected `archive_unsupported`, `archive_empty`, and those of the formats.
Result<std::unique_ptr<ArchiveReader>> open_archive(int fd, std::uint64_t size, const PackageLimits& limits);

}  // namespace skill_verifier::skill
