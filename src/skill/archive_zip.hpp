#pragma once

#include <cstdint>
#include <memory>

#include "skill/archive_reader.hpp"

namespace skill_verifier::skill {

/// Reads stored and deflated members of a zip file, zip64 included, with or without data descriptors. A zip file has
/// its directory at the end and a header before every member; which of them a program believes is its own choice. So
/// both must say the same, members must fill the file from its first byte to the directory without gap or overlap, and
/// the directory must reach to the end record. Refused are encryption, other methods, links and special files, split
/// archives, prefixes (self-extracting programs) and non-ASCII names in a DOS code page.
Result<std::unique_ptr<ArchiveReader>> open_zip(int fd, std::uint64_t size, std::size_t max_entries);

}  // namespace skill_verifier::skill
