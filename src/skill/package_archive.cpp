#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "skill/archive_reader.hpp"
#include "skill/package_file.hpp"
#include "skill/tree_builder.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/skill/package.hpp"
#include "skill_verifier/skill/small_archive.hpp"

namespace skill_verifier::skill {
namespace {

constexpr std::size_t kMaxArchiveNameBytes = 200;

/// The last segment of what the client called its file, fit for a statement and a log line.
std::string sanitize_archive_name(std::string_view name) {
  name = name.substr(name.find_last_of("/\\") + 1);
  if (!normalize_path(name)) return "archive";
  return core::shorten(name, kMaxArchiveNameBytes);
}

Result<std::string> hash_archive(int fd, std::uint64_t size) {
  std::vector<std::uint8_t> buffer(kCopyBytes);
  core::Sha256 hash;
  for (std::uint64_t offset = 0; offset < size;) {
    SKILL_VERIFIER_TRY(const std::size_t count, read_at(fd, offset, buffer));
    if (count == 0) return Error(Errc::internal, "io_error", "the archive became shorter while it was read");
    const auto part = ByteView(buffer).first(static_cast<std::size_t>(std::min<std::uint64_t>(count, size - offset)));
    hash.update(part);
    offset += part.size();
  }
  return core::to_hex(hash.finish());
}

Result<void> add_file(ArchiveReader& reader, const ArchiveEntry& entry, TreeBuilder& tree,
                      std::span<std::uint8_t> buffer) {
  if (auto begun = tree.begin_file(entry.name, entry.executable, entry.size); !begun) return begun;
  while (true) {
    SKILL_VERIFIER_TRY(const std::size_t count, reader.read(buffer));
    if (count == 0) return tree.end_file();
    if (auto written = tree.write(buffer.first(count)); !written) return written;
  }
}

Result<void> expand(ArchiveReader& reader, TreeBuilder& tree) {
  std::vector<std::uint8_t> buffer(kCopyBytes);
  while (true) {
    SKILL_VERIFIER_TRY(const std::optional<ArchiveEntry> entry, reader.next());
    if (!entry) return {};
    auto added = entry->directory ? tree.add_directory(entry->name) : add_file(reader, *entry, tree, buffer);
    if (!added) return added;
  }
}

}  // namespace

namespace {

Result<Package> import_open(const FileDescriptor& file, std::uint64_t size, std::string archive_name,
                            const std::filesystem::path& pack, const PackageLimits& limits) {
  if (size > limits.archive_bytes) {
    return Error(
        Errc::too_large, "archive_too_large",
        "the archive has " + std::to_string(size) + " bytes, limit is " + std::to_string(limits.archive_bytes));
  }
  SKILL_VERIFIER_TRY(std::string sha256, hash_archive(file.get(), size));
  SKILL_VERIFIER_TRY(const std::unique_ptr<ArchiveReader> reader, open_archive(file.get(), size, limits));
  TreeBuilder tree(pack, limits);
  if (auto expanded = expand(*reader, tree); !expanded) return expanded.error();
  SKILL_VERIFIER_TRY(Package package, tree.finish());
  package.archive_sha256 = std::move(sha256);
  package.archive_name = sanitize_archive_name(archive_name);
  return package;
}

}  // namespace

Result<Package> import_archive(const std::filesystem::path& archive, std::string archive_name,
                               const std::filesystem::path& pack, const PackageLimits& limits) {
  const FileDescriptor file(::open(archive.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0) {
    return Error(errno == ENOENT ? Errc::not_found : Errc::rejected, "archive_unreadable",
                 "the archive cannot be opened: " + std::generic_category().message(errno));
  }
  if (!S_ISREG(status.st_mode)) return Error(Errc::rejected, "archive_unreadable", "the archive is not a regular file");
  return import_open(file, static_cast<std::uint64_t>(status.st_size), std::move(archive_name), pack, limits);
}

Result<Package> import_archive_bytes(std::string_view archive, std::string archive_name,
                                     const std::filesystem::path& pack, const PackageLimits& limits) {
  const FileDescriptor file(::memfd_create("archive", MFD_CLOEXEC));
  if (!file) return file_error("an archive in memory", errno);
  if (auto written = write_all(file.get(), core::as_bytes(archive), "an archive in memory"); !written)
    return written.error();
  return import_open(file, archive.size(), std::move(archive_name), pack, limits);
}

}  // namespace skill_verifier::skill
