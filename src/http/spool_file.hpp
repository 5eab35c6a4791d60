#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "skill_verifier/core/async.hpp"

namespace skill_verifier::http {

using core::awaitable;

/// A new file in the spool, written on the pool and removed again unless `finish` was called. Large pieces are written
/// from where they lie, small ones are gathered into blocks of 128 KiB.
/// Errors: unavailable `spool_failed`.
class SpoolFile {
 public:
  static awaitable<Result<SpoolFile>> create(core::WorkPool& pool, std::filesystem::path directory);
  ~SpoolFile();
  SpoolFile(SpoolFile&&) noexcept;
  SpoolFile& operator=(SpoolFile&&) = delete;

  /// `bytes` must stay valid until this returns.
  awaitable<Result<void>> append(std::string_view bytes);
  /// Writes what is left; the file now belongs to the caller.
  awaitable<Result<std::filesystem::path>> finish();

 private:
  struct Handle;
  SpoolFile(core::WorkPool& pool, std::shared_ptr<Handle> handle);
  awaitable<Result<void>> flush();
  awaitable<Result<void>> write(std::string_view bytes);

  core::WorkPool* pool_;
  std::shared_ptr<Handle> handle_;  ///< shared with what runs on the pool
  std::string block_;
};

}  // namespace skill_verifier::http
