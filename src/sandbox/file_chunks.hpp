#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/result.hpp"

namespace skill_verifier::sandbox {

using core::awaitable;

/// Reads a file in pieces on the pool, never all of it at once.
class FileChunks {
 public:
  FileChunks(core::WorkPool& pool, std::filesystem::path path);

  /// Up to `limit` bytes; none at the end. Errors: internal `pack_unreadable`, without the path.
  awaitable<Result<Bytes>> next(std::size_t limit);

 private:
  struct File;
  core::WorkPool& pool_;
  std::shared_ptr<File> file_;
};

/// The whole of a small file. Errors: internal `file_unreadable` naming `what`, too_large over `limit`.
Result<std::string> read_small_file(const std::filesystem::path& path, std::size_t limit, std::string_view what);

}  // namespace skill_verifier::sandbox
