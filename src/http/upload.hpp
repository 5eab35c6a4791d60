#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "http/spool_file.hpp"
#include "skill_verifier/service/service.hpp"

namespace skill_verifier::http {

/// An archive as it arrives: a small one stays in memory, because making, writing and removing a file costs more than
/// everything else about it; a larger one goes to the spool. Errors: those of SpoolFile.
class Upload {
 public:
  static constexpr std::size_t kInMemory = 64u << 10;

  /// Both outlive the upload.
  Upload(core::WorkPool& pool, const std::filesystem::path& spool) : pool_(pool), spool_(spool) {}

  /// `bytes` must stay valid until this returns.
  awaitable<Result<void>> append(std::string_view bytes) {
    if (!file_ && bytes_.size() + bytes.size() <= kInMemory) {
      bytes_ += bytes;
      co_return Result<void>();
    }
    if (!file_) {
      auto file = co_await SpoolFile::create(pool_, spool_);
      if (!file) co_return file.error();
      file_.emplace(std::move(*file));
      const auto moved = co_await file_->append(bytes_);
      if (!moved) co_return moved.error();
      bytes_ = {};
    }
    co_return co_await file_->append(bytes);
  }

  /// All of it is the submission's now.
  awaitable<Result<void>> finish(service::Submission& submission) {
    if (!file_) {
      submission.archive_bytes = std::move(bytes_);
      co_return Result<void>();
    }
    auto path = co_await file_->finish();
    if (!path) co_return path.error();
    submission.archive = std::move(*path);
    co_return Result<void>();
  }

 private:
  core::WorkPool& pool_;
  const std::filesystem::path& spool_;
  std::string bytes_;
  std::optional<SpoolFile> file_;
};

}  // namespace skill_verifier::http
