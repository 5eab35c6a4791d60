#include "http/spool_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "skill_verifier/core/ids.hpp"

namespace skill_verifier::http {
namespace {

constexpr std::size_t kBlock = 128u << 10;
/// From here on a system call costs less than gathering the bytes first.
constexpr std::size_t kWorthAWrite = 16u << 10;

Error spool_failed(int number) {
  return Error(Errc::unavailable, "spool_failed",
               "upload could not be stored: " + std::generic_category().message(number));
}

}  // namespace

struct SpoolFile::Handle {
  Handle() = default;
  ~Handle() {
    if (descriptor >= 0) ::close(descriptor);
    if (!path.empty()) ::unlink(path.c_str());
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  Result<void> open() {
    descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor >= 0) return {};
    const int number = errno;
    path.clear();
    return spool_failed(number);
  }
  Result<void> write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return spool_failed(errno);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  std::filesystem::path path;
  int descriptor = -1;
};

SpoolFile::SpoolFile(core::WorkPool& pool, std::shared_ptr<Handle> handle) : pool_(&pool), handle_(std::move(handle)) {}
SpoolFile::SpoolFile(SpoolFile&&) noexcept = default;

SpoolFile::~SpoolFile() {
  // Removing a large file can take a while: the last reference is let go on the pool.
  if (handle_) pool_->post([handle = std::move(handle_)]() mutable { handle.reset(); });
}

awaitable<Result<SpoolFile>> SpoolFile::create(core::WorkPool& pool, std::filesystem::path directory) {
  auto handle = std::make_shared<Handle>();
  handle->path = directory / ("upload-" + core::random_hex(16));
  auto open = [handle] { return handle->open(); };
  const Result<void> opened = co_await core::run_on(pool, open);
  if (!opened) co_return opened.error();
  co_return SpoolFile(pool, std::move(handle));
}

awaitable<Result<void>> SpoolFile::append(std::string_view bytes) {
  if (block_.empty() && bytes.size() >= kWorthAWrite) co_return co_await write(bytes);
  while (!bytes.empty()) {
    if (block_.capacity() < kBlock) block_.reserve(kBlock);
    const std::size_t taken = std::min(bytes.size(), kBlock - block_.size());
    block_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (block_.size() < kBlock) continue;
    Result<void> flushed = co_await flush();
    if (!flushed) co_return flushed;
  }
  co_return Result<void>();
}

awaitable<Result<std::filesystem::path>> SpoolFile::finish() {
  const Result<void> flushed = co_await flush();
  if (!flushed) co_return flushed.error();
  co_return std::exchange(handle_->path, {});
}

awaitable<Result<void>> SpoolFile::flush() {
  Result<void> written = co_await write(block_);
  block_.clear();
  co_return written;
}

awaitable<Result<void>> SpoolFile::write(std::string_view bytes) {
  // The coroutine is awaited to the end of the write, even when it is cancelled: the bytes may be lent.
  auto writing = [handle = handle_, bytes] { return handle->write(bytes); };
  co_return co_await core::run_on(*pool_, writing);
}

}  // namespace skill_verifier::http
