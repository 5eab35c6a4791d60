#include "sandbox/init/prepared.hpp"

#include <sys/stat.h>

#include <cstdio>
#include <vector>

namespace skill_verifier::sandbox::guest {
namespace {

constexpr mode_t kOwnMode = 0755;

bool read_whole(int fd, std::string& content) {
  std::vector<char> buffer(64u << 10);
  while (true) {
    const auto count = retry([&] { return ::read(fd, buffer.data(), buffer.size()); });
    if (count <= 0) return count == 0;
    content.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

bool write_whole(int fd, std::string_view content) {
  while (!content.empty()) {
    const auto count = retry([&] { return ::write(fd, content.data(), content.size()); });
    if (count <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

Status OwnFile::load() {
  const Fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!file || !read_whole(file.get(), content_)) return errno_fault("internal", "read init's own file", errno);
  return {};
}

bool OwnFile::unchanged() const {
  const Fd file(::open(init::kInitPath, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info{};
  if (!file || ::fstat(file.get(), &info) != 0) return false;
  const bool same = S_ISREG(info.st_mode) && (info.st_mode & 07777) == kOwnMode && info.st_uid == 0 &&
                    info.st_size == static_cast<off_t>(content_.size());
  std::string now;
  return same && read_whole(file.get(), now) && now == content_;
}

Status OwnFile::restore() const {
  if (unchanged()) return {};
  if (auto fault = remove_tree(AT_FDCWD, init::kInitPath)) return fault;
  const Fd file(::open(init::kInitPath, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnMode));
  if (!file || !write_whole(file.get(), content_) || ::fchmod(file.get(), kOwnMode) != 0) {
    return errno_fault("internal", "put init's own file back", errno);
  }
  return {};
}

Status make_skill_folder() {
  if (auto fault = remove_tree(AT_FDCWD, init::kSkillPath)) return fault;
  if (::mkdir(init::kSkillPath, 0755) != 0) return errno_fault("internal", "make /skill", errno);
  return {};
}

Status keep_prepared_tree() {
  struct stat info{};
  if (::lstat(init::kSkillPath, &info) != 0 || !S_ISDIR(info.st_mode)) {
    return Fault{"pack_invalid", "/skill is no folder any more"};
  }
  if (auto fault = remove_tree(AT_FDCWD, init::kPreparedTree)) return fault;
  if (::rename(init::kSkillPath, init::kPreparedTree) != 0) return errno_fault("internal", "keep /skill", errno);
  if (::mkdir(init::kSkillPath, 0755) != 0) return errno_fault("internal", "make /skill", errno);
  return {};
}

Status copy_prepared_tree(int skill, const Identity& identity, TreeSize& size) {
  const Fd prepared = open_directory(AT_FDCWD, init::kPreparedTree);
  if (!prepared) return errno_fault("pack_invalid", "open the prepared tree", errno);
  return copy_tree(prepared.get(), skill, identity, size);
}

}  // namespace skill_verifier::sandbox::guest
