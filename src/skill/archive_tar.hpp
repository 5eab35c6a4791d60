#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "skill/archive_reader.hpp"
#include "skill/archive_stream.hpp"

namespace skill_verifier::skill {

inline constexpr std::size_t kTarBlockBytes = 512;

/// Whether a block is a tar header with a right check sum.
bool is_tar_header(std::span<const std::uint8_t, kTarBlockBytes> block);

/// Reads ustar, pax, GNU and v7 tar, as the usual programs write them for plain files and directories. Refused are
/// links, devices, sparse and multi-volume members; whatever contradicts itself (two sizes, two names, repeated pax
/// keys, a directory with data); global pax headers that rename or resize; an archive without its end marker; and
/// anything but zeros after it.
std::unique_ptr<ArchiveReader> make_tar_reader(std::unique_ptr<ByteSource> source);

}  // namespace skill_verifier::skill
