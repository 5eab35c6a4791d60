#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::skill {

/// One member of a zip file, as its directory entry, its local header and its data descriptor all state it.
struct ZipMember {
  std::string name;
  bool directory = false;
  bool executable = false;
  bool deflated = false;
  std::uint32_t crc = 0;
  std::uint64_t stored_size = 0;
  std::uint64_t expanded_size = 0;
  std::uint64_t data_offset = 0;
};

/// Reads the directory and every header of a zip file of `size` bytes, in the order of the data. Errors: rejected
/// `archive_unreadable`, `archive_unsupported`, `archive_encrypted`, `archive_link`, `archive_special_file`,
/// `archive_path_invalid`, `archive_path_too_long`; too_large `archive_too_many_files`, `archive_too_large`.
Result<std::vector<ZipMember>> read_zip_layout(int fd, std::uint64_t size, std::size_t max_entries);

}  // namespace skill_verifier::skill
