#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "skill/archive_reader.hpp"
#include "skill/package_file.hpp"
#include "skill/tree_builder.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/skill/package.hpp"

namespace skill_verifier::skill {
namespace {

Error about(std::string id, std::string_view path, std::string_view why) {
  return Error(Errc::rejected, std::move(id), "entry '" + core::shorten(path) + "' " + std::string(why));
}
Error unreadable(std::string_view path, int error_number) {
  return about("archive_unreadable", path, "cannot be read: " + std::generic_category().message(error_number));
}
Error changed(std::string_view path) {
  return Error(Errc::conflict, "directory_changed", "entry '" + core::shorten(path) + "' changed while it was read",
               "import a copy that nobody writes to");
}

/// Which mount a file is on. A bind mount of the same device has the same device number but another mount id.
struct Mount {
  std::uint64_t device = 0;
  std::uint64_t id = 0;  ///< 0 before Linux 5.8
  bool operator==(const Mount&) const = default;
};

struct Status {
  std::uint16_t mode = 0;
  std::uint32_t links = 0;
  std::uint64_t size = 0;
  Mount mount;
};

/// 0 or errno.
int status_of(int fd, Status& status) {
  struct statx raw{};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &raw) != 0) return errno;
  status.mode = raw.stx_mode;
  status.links = raw.stx_nlink;
  status.size = raw.stx_size;
  status.mount.device = ::makedev(raw.stx_dev_major, raw.stx_dev_minor);
  status.mount.id = (raw.stx_mask & STATX_MNT_ID) != 0 ? raw.stx_mnt_id : 0;
  return 0;
}

/// Reads a tree that somebody may be rewriting meanwhile: every step is relative to an open directory, follows no link,
/// and looks at what was opened and not at what was listed.
class DirectoryWalk {
 public:
  DirectoryWalk(TreeBuilder& tree, const PackageLimits& limits, Mount mount)
      : tree_(tree), max_names_(max_archive_entries(limits)), mount_(mount) {}

  /// `prefix` is empty or ends in '/'.
  Result<void> walk(FileDescriptor directory, const std::string& prefix);

 private:
  Result<std::vector<std::string>> list(FileDescriptor directory, const std::string& prefix);
  Result<void> visit(int directory, const std::string& name, const std::string& path);
  Result<void> add_file(int file, const std::string& path, const Status& status);

  TreeBuilder& tree_;
  std::size_t max_names_;
  Mount mount_;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(kCopyBytes);
};

Result<std::vector<std::string>> DirectoryWalk::list(FileDescriptor directory, const std::string& prefix) {
  const std::unique_ptr<DIR, decltype(&::closedir)> stream(::fdopendir(directory.get()), &::closedir);
  if (!stream) return unreadable(prefix, errno);
  directory.release();
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* const entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) return unreadable(prefix, errno);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (names.size() == max_names_) {
      return Error(
          Errc::too_large, "archive_too_many_files",
          "directory '" + core::shorten(prefix) + "' has more than " + std::to_string(max_names_) + " entries");
    }
    names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

Result<void> DirectoryWalk::walk(FileDescriptor directory, const std::string& prefix) {
  FileDescriptor listed(::fcntl(directory.get(), F_DUPFD_CLOEXEC, 0));
  if (!listed) return unreadable(prefix, errno);
  SKILL_VERIFIER_TRY(const std::vector<std::string> names, list(std::move(listed), prefix));
  for (const std::string& name : names) {
    const std::string path = prefix + name;
    if (tree_.leave_out(path)) continue;
    if (auto visited = visit(directory.get(), name, path); !visited) return visited;
  }
  return {};
}

Result<void> DirectoryWalk::visit(int directory, const std::string& name, const std::string& path) {
  // Looked at before it is opened, because opening a device can have effects; and again afterwards.
  struct stat before{};
  if (::fstatat(directory, name.c_str(), &before, AT_SYMLINK_NOFOLLOW) != 0) return unreadable(path, errno);
  if (S_ISLNK(before.st_mode)) return about("archive_link", path, "is a symbolic link");
  if (!S_ISREG(before.st_mode) && !S_ISDIR(before.st_mode)) {
    return about("archive_special_file", path, "is neither a file nor a directory");
  }
  FileDescriptor file(::openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!file) return errno == ELOOP ? changed(path) : unreadable(path, errno);
  Status status;
  if (const int failed = status_of(file.get(), status); failed != 0) return unreadable(path, failed);
  if ((status.mode & S_IFMT) != (before.st_mode & S_IFMT)) return changed(path);
  if (status.mount != mount_) return about("archive_special_file", path, "is on another file system or mount");
  if (S_ISREG(status.mode)) return add_file(file.get(), path, status);
  if (auto added = tree_.add_directory(path); !added) return added;
  return walk(std::move(file), path + "/");
}

Result<void> DirectoryWalk::add_file(int file, const std::string& path, const Status& status) {
  // A tar of this tree would hold a link; and a second name may belong to a file that its author cannot read.
  if (status.links > 1) return about("archive_link", path, "is a hard link: the file has another name");
  const bool executable = (status.mode & S_IXUSR) != 0;
  if (auto begun = tree_.begin_file(path, executable, status.size); !begun) return begun;
  std::uint64_t done = 0;
  while (true) {
    const ssize_t count = ::read(file, buffer_.data(), buffer_.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unreadable(path, errno);
    done += static_cast<std::uint64_t>(count);
    if (done > status.size || (count == 0 && done < status.size)) return changed(path);
    if (count == 0) return tree_.end_file();
    if (auto written = tree_.write(std::span(buffer_).first(static_cast<std::size_t>(count))); !written) return written;
  }
}

}  // namespace

Result<Package> import_directory(const std::filesystem::path& directory, const std::filesystem::path& pack,
                                 const PackageLimits& limits) {
  // With a slash behind its name, a link would be followed.
  const std::filesystem::path named = directory.has_filename() ? directory : directory.parent_path();
  FileDescriptor root(::open(named.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!root) {
    const int failed = errno;
    return Error(failed == ENOENT ? Errc::not_found : Errc::rejected, "directory_unreadable",
                 "the skill's directory cannot be opened: " + std::generic_category().message(failed));
  }
  Status status;
  if (const int failed = status_of(root.get(), status); failed != 0) return unreadable("/", failed);
  TreeBuilder tree(pack, limits);
  DirectoryWalk walk(tree, limits, status.mount);
  if (auto walked = walk.walk(std::move(root), ""); !walked) return walked.error();
  return tree.finish();
}

}  // namespace skill_verifier::skill
