#include "sandbox/file_chunks.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace skill_verifier::sandbox {

struct FileChunks::File {
  explicit File(std::filesystem::path path) : path(std::move(path)) {}
  ~File() {
    if (descriptor >= 0) ::close(descriptor);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  Result<Bytes> read(std::size_t limit) {
    if (descriptor < 0) descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return failed();
    Bytes bytes(limit);
    std::size_t filled = 0;
    while (filled < limit) {
      const auto count = ::read(descriptor, bytes.data() + filled, limit - filled);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return failed();
      if (count == 0) break;
      filled += static_cast<std::size_t>(count);
    }
    bytes.resize(filled);
    return bytes;
  }

  static Error failed() {
    return Error{Errc::internal, "pack_unreadable",
                 "the stored package cannot be read: " + std::generic_category().message(errno)};
  }

  std::filesystem::path path;
  int descriptor = -1;
};

FileChunks::FileChunks(core::WorkPool& pool, std::filesystem::path path)
    : pool_(pool), file_(std::make_shared<File>(std::move(path))) {}

awaitable<Result<Bytes>> FileChunks::next(std::size_t limit) {
  auto work = [file = file_, limit] { return file->read(limit); };
  auto bytes = co_await core::run_on(pool_, std::move(work));
  co_return bytes;
}

Result<std::string> read_small_file(const std::filesystem::path& path, std::size_t limit, std::string_view what) {
  std::ifstream file(path, std::ios::binary);
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error || !file) {
    return Error{Errc::internal, "file_unreadable", std::string(what) + " cannot be read"};
  }
  if (size > limit) {
    return Error{Errc::too_large, "file_too_large",
                 std::string(what) + " has " + std::to_string(size) + " bytes, the limit is " + std::to_string(limit)};
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace skill_verifier::sandbox
