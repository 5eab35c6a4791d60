#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::skill {

/// Bytes in order, each delivered once.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills `out` unless the end comes first; 0 at the end, which is only reported after every check sum was verified.
  virtual Result<std::size_t> read(std::span<std::uint8_t> out) = 0;
};

enum class Compression { none, gzip, zstd };

/// The first `size` bytes of a file through at most one decompressor. A compressed file is exactly one gzip member or
/// one zstd frame, and zeros: what follows a first member is data to some readers and nothing to others. zstd windows
/// are limited to 8 MiB (RFC 8878 §3.1.1.1.2 asks decoders for that much). Errors: rejected `archive_unreadable`,
/// `archive_unsupported`.
std::unique_ptr<ByteSource> open_source(int fd, std::uint64_t size, Compression compression);

}  // namespace skill_verifier::skill
