#include "skill/package_file.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace skill_verifier::skill {
namespace {

struct NamedFile {
  FileDescriptor file;
  std::string path;
};

Result<NamedFile> make_temporary(const std::filesystem::path& target) {
  std::string path = target.string() + ".partial-XXXXXX";
  FileDescriptor file(::mkostemp(path.data(), O_CLOEXEC));
  if (!file) return file_error("a new package file", errno);
  return NamedFile{std::move(file), std::move(path)};
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Error file_error(std::string_view what, int error_number) {
  const std::string message = std::string(what) + ": " + std::generic_category().message(error_number);
  if (error_number == ENOSPC || error_number == EDQUOT) return Error(Errc::unavailable, "disk_full", message);
  return Error(Errc::internal, "io_error", message);
}

Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return file_error("reading a package file", errno);
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Result<void> write_all(int fd, ByteView bytes, std::string_view what) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return file_error(what, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<FileDescriptor> make_scratch_file(const std::filesystem::path& target) {
  SKILL_VERIFIER_TRY(NamedFile made, make_temporary(target));
  ::unlink(made.path.c_str());
  return std::move(made.file);
}

Result<NewFile> NewFile::create(const std::filesystem::path& target) {
  SKILL_VERIFIER_TRY(NamedFile made, make_temporary(target));
  return NewFile(std::move(made.file), std::move(made.path), target);
}

NewFile::~NewFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<void> NewFile::publish() {
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) return file_error("naming the package", errno);
  temporary_.clear();
  return {};
}

}  // namespace skill_verifier::skill
