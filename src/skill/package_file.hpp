#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/result.hpp"

namespace skill_verifier::skill {

/// What one read or write moves at most: large enough that the system call costs nothing, small enough that an import
/// stays far below a megabyte.
inline constexpr std::size_t kCopyBytes = 64u << 10;

/// Owns a descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// The error of a failed call on a file of ours: unavailable `disk_full` when there is no room, else internal
/// `io_error`. `what` names the object, never its path.
Error file_error(std::string_view what, int error_number);

/// Reads at `offset` until `out` is full or the file ends; the count says which.
Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<std::uint8_t> out);
Result<void> write_all(int fd, ByteView bytes, std::string_view what);

/// A new file beside `target`, without a name once it is open: it is gone when its descriptor is.
Result<FileDescriptor> make_scratch_file(const std::filesystem::path& target);

/// A file that appears under its final name complete or not at all. Nothing is synced: who keeps the file (the job
/// store) makes it durable.
class NewFile {
 public:
  static Result<NewFile> create(const std::filesystem::path& target);
  NewFile(NewFile&& other) noexcept
      : file_(std::move(other.file_)),
        temporary_(std::exchange(other.temporary_, {})),
        target_(std::move(other.target_)) {}
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  int fd() const { return file_.get(); }
  /// Gives the file its name, replacing what had it.
  Result<void> publish();

 private:
  NewFile(FileDescriptor file, std::string temporary, std::filesystem::path target)
      : file_(std::move(file)), temporary_(std::move(temporary)), target_(std::move(target)) {}

  FileDescriptor file_;
  std::string temporary_;
  std::filesystem::path target_;
};

}  // namespace skill_verifier::skill
