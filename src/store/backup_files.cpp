#include "store/backup_files.hpp"

#include <fmt/core.h>

#include <fcntl.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "store/files.hpp"

namespace skill_verifier::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = 256u << 10;
constexpr std::size_t kHexDigits = 64;

std::string reason(int error) {
  return std::generic_category().message(error);
}

/// Reads a file through and hands every block on.
template <class F>
Result<std::string> digest_of(const fs::path& file, F each_block) {
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!in && errno == ENOENT) return Error{Errc::not_found, "file_gone", file.filename().string() + " is gone"};
  if (!in) return backup_failed(fmt::format("cannot read '{}': {}", file.filename().string(), reason(errno)));
  core::Sha256 hash;
  std::vector<char> block(kBlock);
  while (true) {
    const auto count = ::read(in.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return backup_failed(fmt::format("cannot read '{}': {}", file.filename().string(), reason(errno)));
    if (count == 0) break;
    const std::string_view bytes(block.data(), static_cast<std::size_t>(count));
    hash.update(core::as_bytes(bytes));
    if (auto done = each_block(bytes); !done) return done.error();
  }
  return core::to_hex(hash.finish());
}

bool leads_out(const fs::path& path) {
  if (path.empty() || path.is_absolute()) return true;
  for (const auto& part : path)
    if (part == ".." || part == ".") return true;
  return false;
}

}  // namespace

Error backup_failed(const std::string& what) {
  return Error{Errc::unavailable, "backup_failed", what, "check space and permissions of both directories"};
}

Error backup_damaged(const std::string& what) {
  return Error{Errc::rejected, "backup_damaged", what, "use another backup"};
}

Result<std::string> copy_durably(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  const Descriptor out(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!out) return backup_failed(fmt::format("cannot write '{}': {}", to.filename().string(), reason(errno)));
  const auto write_all = [&](std::string_view bytes) -> Result<void> {
    while (!bytes.empty()) {
      const auto count = ::write(out.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return backup_failed(fmt::format("cannot write '{}': {}", to.filename().string(), reason(errno)));
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
  };
  auto digest = digest_of(from, write_all);
  if (!digest) {
    fs::remove(to, error);
    return digest;
  }
  if (::fsync(out.get()) != 0)
    return backup_failed(fmt::format("cannot sync '{}': {}", to.filename().string(), reason(errno)));
  return digest;
}

Result<std::string> file_sha256(const fs::path& file) {
  return digest_of(file, [](std::string_view) { return Result<void>{}; });
}

std::vector<std::string> files_beneath(const fs::path& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (fs::is_regular_file(it->symlink_status(ignored)))
      files.push_back(it->path().lexically_relative(directory).generic_string());
  }
  return files;
}

Result<void> write_sums(const fs::path& directory, const Sums& sums) {
  const fs::path file = directory / kSumsFile;
  {
    std::ofstream out(file, std::ios::binary);
    for (const auto& [path, digest] : sums)
      out << digest << "  " << path << '\n';
    if (!out.flush()) return backup_failed("cannot write SHA256SUMS");
  }
  return StoreFiles::sync(file);
}

Result<Sums> read_sums(const fs::path& directory) {
  std::ifstream in(directory / kSumsFile, std::ios::binary);
  if (!in)
    return Error{Errc::not_found, "backup_missing", "there is no backup: SHA256SUMS cannot be read",
                 "give the directory that `skill-verifier backup` wrote"};
  Sums sums;
  for (std::string line; std::getline(in, line);) {
    const bool formed = line.size() > kHexDigits + 2 && line.compare(kHexDigits, 2, "  ") == 0;
    std::string path = formed ? line.substr(kHexDigits + 2) : std::string();
    if (!formed || leads_out(path)) return backup_damaged("SHA256SUMS has a line that is none of ours");
    sums[std::move(path)] = line.substr(0, kHexDigits);
  }
  if (!sums.contains(kJobsDatabase)) return backup_damaged("SHA256SUMS names no jobs.db: the backup was not completed");
  return sums;
}

}  // namespace skill_verifier::store
