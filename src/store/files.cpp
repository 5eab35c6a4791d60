#include "store/files.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/store/job_store.hpp"

namespace skill_verifier::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPackSuffix = ".pack";

Error failure(std::string_view what, const std::error_code& error) {
  return {Errc::unavailable, "store_failed", fmt::format("{}: {}", what, error.message()),
          "check the storage directory's disk and permissions"};
}

std::error_code last_error() {
  return {errno, std::generic_category()};
}

Result<void> make_private(const fs::path& directory, std::string_view name) {
  std::error_code error;
  // One that exists keeps the permissions that its owner chose. create_directories would not tell: it says of a path
  // that ends in a slash that nothing was made.
  if (fs::is_directory(directory, error)) return {};
  fs::create_directories(directory, error);
  if (error) return failure(fmt::format("cannot make the {} folder", name), error);
  fs::permissions(directory, fs::perms::owner_all, error);
  if (error) return failure(fmt::format("cannot protect the {} folder", name), error);
  return {};
}

Result<void> empty(const fs::path& directory, std::string_view name) {
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    std::error_code removal;
    fs::remove_all(it->path(), removal);
    if (removal) return failure(fmt::format("cannot empty the {} folder", name), removal);
  }
  if (error) return failure(fmt::format("cannot read the {} folder", name), error);
  return {};
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

StoreFiles::StoreFiles(fs::path directory)
    : directory_(std::move(directory)), spool_(directory_ / "spool"), packs_(directory_ / "packs") {}

Result<void> StoreFiles::open() {
  if (auto made = make_private(spool_, "spool"); !made) return made;
  if (auto made = make_private(packs_, "packs"); !made) return made;
  if (auto emptied = empty(spool_, "spool"); !emptied) return emptied;
  packs_fd_ = Descriptor(::open(packs_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!packs_fd_) return failure("cannot open the packs folder", last_error());
  // The folders themselves are entries of the storage directory, which must be on disk before the first pack is.
  const Descriptor parent(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent || ::fsync(parent.get()) != 0) return failure("cannot sync the storage directory", last_error());
  return {};
}

fs::path StoreFiles::pack(const std::string& id) const {
  return packs_ / (id + std::string(kPackSuffix));
}

Result<void> StoreFiles::sync(const fs::path& file) {
  const Descriptor open(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!open || ::fsync(open.get()) != 0) return failure("cannot sync the package", last_error());
  return {};
}

Result<void> StoreFiles::restore(const std::string& id, std::string_view bytes) const {
  const auto path = spool_ / (id + std::string(kPackSuffix));
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return failure("cannot write a package", last_error());
  return adopt(path, id);
}

Result<void> StoreFiles::adopt(const fs::path& file, const std::string& id) const {
  std::error_code error;
  fs::rename(file, pack(id), error);
  if (error) return failure("cannot keep the package", error);
  return {};
}

void StoreFiles::give_back(const fs::path& file, const std::string& id) const {
  // When this fails too, the pack has no row and the next start removes it.
  std::error_code ignored;
  fs::rename(pack(id), file, ignored);
}

Result<void> StoreFiles::share(const fs::path& file, const std::string& id) const {
  const auto place = pack(id);
  if (::link(file.c_str(), place.c_str()) == 0) return {};
  if (errno == EEXIST) {
    // The job is new, so this is left over. Not to be written over: other jobs may have the same file.
    discard(id);
    if (::link(file.c_str(), place.c_str()) == 0) return {};
  }
  // File systems limit how many names a file has, or know but one.
  std::error_code error;
  fs::copy_file(file, place, error);
  auto kept = error ? Result<void>(failure("cannot keep the package", error)) : sync(place);
  if (!kept) discard(id);
  return kept;
}

void StoreFiles::discard(const std::string& id) const {
  std::error_code ignored;
  fs::remove(pack(id), ignored);
}

Result<void> StoreFiles::sync_packs() const {
  if (::fsync(packs_fd_.get()) != 0) return failure("cannot sync the packs folder", last_error());
  return {};
}

Result<std::set<std::string>> StoreFiles::packs() const {
  std::set<std::string> ids;
  std::error_code error;
  for (fs::directory_iterator it(packs_, error), end; !error && it != end; it.increment(error)) {
    const auto& path = it->path();
    std::error_code type_error;
    const bool regular = fs::is_regular_file(it->symlink_status(type_error));
    if (regular && path.extension() == kPackSuffix && check_job_id(path.stem().string())) {
      ids.insert(path.stem().string());
      continue;
    }
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  if (error) return failure("cannot read the packs folder", error);
  return ids;
}

Result<void> make_storage_directory(const fs::path& directory) {
  return make_private(directory, "storage");
}

Result<void> make_private_file(const fs::path& file) {
  // Not one that exists: closing it would take the locks that SQLite has on it in this process.
  const Descriptor made(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!made && errno != EEXIST) return failure(fmt::format("cannot make {}", file.filename().string()), last_error());
  return {};
}

Result<Descriptor> lock_directory(const fs::path& directory) {
  if (auto made = make_storage_directory(directory); !made) return made.error();
  Descriptor lock(::open((directory / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return failure("cannot open the lock file", last_error());
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK)
    return Error{Errc::conflict, "store_locked", "another process uses this storage directory",
                 "stop it, or use another storage directory"};
  return failure("cannot lock the storage directory", last_error());
}

Result<void> check_job_id(const std::string& id) {
  const auto allowed = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  };
  if (!id.empty() && id.size() <= 64 && std::ranges::all_of(id, allowed)) return {};
  return Error{Errc::invalid_argument, "job_id_invalid", fmt::format("'{}' is no job id", core::shorten(id))};
}

}  // namespace skill_verifier::store
