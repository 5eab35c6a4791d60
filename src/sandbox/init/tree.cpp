#include "sandbox/init/tree.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <vector>

namespace skill_verifier::sandbox::guest {
namespace {

/// What filled up decides: a full file system is the limit of the sandbox, anything else is wrong with the package.
Fault write_fault(std::string_view what, std::string_view path, int error) {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG || error == ENOMEM;
  std::string message(what);
  message += " '" + printable(path) + "'";
  if (error == EFBIG) return {"no_space", message + ": larger than a file in the sandbox may be"};
  if (full) return {"no_space", message + ": the sandbox's limit of bytes or files for /skill is reached"};
  return errno_fault("pack_invalid", message, error);
}

Fault depth_fault() {
  return {"pack_invalid", "folders are nested too deep"};
}

Status write_all(int fd, std::string_view bytes, std::string_view path) {
  while (!bytes.empty()) {
    const auto count = retry([&] { return ::write(fd, bytes.data(), bytes.size()); });
    if (count <= 0) return write_fault("write", path, count == 0 ? ENOSPC : errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

/// The names in a folder, collected so that no directory stream stays open across the work on them.
bool list(int at, std::vector<std::string>& names) {
  const int fd = ::openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  DIR* stream = ::fdopendir(fd);
  if (stream == nullptr) {
    ::close(fd);
    return false;
  }
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name(static_cast<const char*>(entry->d_name));
    if (name != "." && name != "..") names.emplace_back(name);
  }
  const int error = errno;
  ::closedir(stream);
  errno = error;
  return error == 0;
}

class TreeCopy {
 public:
  TreeCopy(const Identity& identity, TreeSize& size) : identity_(identity), size_(size), buffer_(kBuffer) {}

  Status folder(int from, int to, int depth) {
    if (depth > kMaxDepth) return depth_fault();
    std::vector<std::string> names;
    if (!list(from, names)) return errno_fault("pack_invalid", "read a folder of the prepared tree", errno);
    for (const auto& name : names) {
      if (auto fault = entry(from, to, name, depth)) return fault;
    }
    return {};
  }

 private:
  static constexpr std::size_t kBuffer = 64u << 10;

  Status entry(int from, int to, const std::string& name, int depth) {
    struct stat info{};
    if (::fstatat(from, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      return errno_fault("pack_invalid", "look at '" + printable(name) + "'", errno);
    if (S_ISDIR(info.st_mode)) return subfolder(from, to, name, depth);
    if (S_ISREG(info.st_mode)) return file(from, to, name, (info.st_mode & 0111) != 0);
    if (S_ISLNK(info.st_mode)) return link(from, to, name);
    return {};
  }

  Status subfolder(int from, int to, const std::string& name, int depth) {
    const Fd source = open_directory(from, name.c_str());
    if (!source) return errno_fault("pack_invalid", "open '" + printable(name) + "'", errno);
    if (auto fault = make_folder(to, name)) return fault;
    const Fd target = open_directory(to, name.c_str());
    if (!target) return errno_fault("pack_invalid", "open '" + printable(name) + "'", errno);
    return folder(source.get(), target.get(), depth + 1);
  }

  Status make_folder(int to, const std::string& name) {
    const AsJob job(identity_);
    if (::mkdirat(to, name.c_str(), 0755) != 0) return write_fault("make folder", name, errno);
    return {};
  }

  Fd make_file(int to, const std::string& name, bool executable) {
    const AsJob job(identity_);
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    return Fd(::openat(to, name.c_str(), flags, executable ? 0755 : 0644));
  }

  Status file(int from, int to, const std::string& name, bool executable) {
    const Fd source(::openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!source) return errno_fault("pack_invalid", "open '" + printable(name) + "'", errno);
    const Fd target = make_file(to, name, executable);
    if (!target) return write_fault("make", name, errno);
    ++size_.files;
    while (true) {
      const auto count = retry([&] { return ::read(source.get(), buffer_.data(), buffer_.size()); });
      if (count < 0) return errno_fault("pack_invalid", "read '" + printable(name) + "'", errno);
      if (count == 0) return {};
      if (auto fault = write_all(target.get(), {buffer_.data(), static_cast<std::size_t>(count)}, name)) return fault;
      size_.bytes += static_cast<std::uint64_t>(count);
    }
  }

  Status link(int from, int to, const std::string& name) {
    const auto count = ::readlinkat(from, name.c_str(), buffer_.data(), buffer_.size() - 1);
    if (count < 0) return errno_fault("pack_invalid", "read link '" + printable(name) + "'", errno);
    buffer_[static_cast<std::size_t>(count)] = '\0';
    const AsJob job(identity_);
    if (::symlinkat(buffer_.data(), to, name.c_str()) != 0) return write_fault("make link", name, errno);
    return {};
  }

  const Identity& identity_;
  TreeSize& size_;
  std::vector<char> buffer_;
};

}  // namespace

Fd open_directory(int at, const char* path) {
  return Fd(::openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

Status TreeWriter::enter_parent(std::string_view path, std::string& name) {
  const auto slash = path.rfind('/');
  const bool top = slash == std::string_view::npos;
  const std::string_view parent(path.data(), top ? 0 : slash);
  name.assign(path.data() + parent.size() + (top ? 0 : 1), path.size() - parent.size() - (top ? 0 : 1));
  if (parent_ && parent == parent_path_) return {};

  Fd at = open_directory(root_.get(), ".");
  std::string_view rest = parent;
  while (at && !rest.empty()) {
    const auto end = std::min(rest.find('/'), rest.size());
    const std::string component(rest.data(), end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (::mkdirat(at.get(), component.c_str(), 0755) != 0 && errno != EEXIST) {
      return write_fault("make the folder of", path, errno);
    }
    at = open_directory(at.get(), component.c_str());
  }
  if (!at) return errno_fault("pack_invalid", "open the folder of '" + printable(path) + "'", errno);
  parent_ = std::move(at);
  parent_path_.assign(parent);
  return {};
}

Status TreeWriter::directory(std::string_view path) {
  std::string name;
  if (auto fault = enter_parent(path, name)) return fault;
  if (::mkdirat(parent_.get(), name.c_str(), 0755) != 0) return write_fault("make folder", path, errno);
  return {};
}

Status TreeWriter::begin_file(std::string_view path, bool executable, std::uint64_t) {
  std::string name;
  if (auto fault = enter_parent(path, name)) return fault;
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  file_ = Fd(::openat(parent_.get(), name.c_str(), flags, executable ? 0755 : 0644));
  if (!file_) return write_fault("make", path, errno);
  file_path_.assign(path);
  return {};
}

Status TreeWriter::file_bytes(std::string_view bytes) {
  return write_all(file_.get(), bytes, file_path_);
}

Status TreeWriter::end_file() {
  // Some file systems report a full disk only here.
  if (::close(file_.release()) != 0) return write_fault("write", file_path_, errno);
  return {};
}

Status copy_tree(int from, int to, const Identity& identity, TreeSize& size) {
  return TreeCopy(identity, size).folder(from, to, 0);
}

Status remove_tree(int at, const char* name, int depth) {
  if (::unlinkat(at, name, 0) == 0 || errno == ENOENT) return {};
  if (depth > kMaxDepth) return depth_fault();
  {
    const Fd folder = open_directory(at, name);
    if (!folder) return errno_fault("internal", "remove '" + printable(name) + "'", errno);
    std::vector<std::string> names;
    if (!list(folder.get(), names)) return errno_fault("internal", "read '" + printable(name) + "'", errno);
    for (const auto& entry : names) {
      if (auto fault = remove_tree(folder.get(), entry.c_str(), depth + 1)) return fault;
    }
  }
  if (::unlinkat(at, name, AT_REMOVEDIR) != 0)
    return errno_fault("internal", "remove '" + printable(name) + "'", errno);
  return {};
}

}  // namespace skill_verifier::sandbox::guest
