#include "sandbox/init/inode_watch.hpp"

#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include <charconv>

#include "sandbox/init_protocol.hpp"

namespace skill_verifier::sandbox::guest {

bool InodeWatch::add(std::string_view option) {
  constexpr std::string_view kName = init::kInodesOption;
  if (!option.starts_with(kName) || count_ == limits_.size()) return false;
  option.remove_prefix(kName.size());
  const auto equals = option.rfind('=');
  if (equals == std::string_view::npos || !option.starts_with('/')) return false;
  const auto number = option.substr(equals + 1);
  Limit limit{std::string(option.substr(0, equals))};
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), limit.inodes);
  if (error != std::errc() || end != number.data() + number.size()) return false;
  limits_[count_++] = std::move(limit);
  return true;
}

void InodeWatch::add_where_tmpfs(const char* path, std::uint64_t inodes) {
  struct statfs info{};
  if (count_ == limits_.size() || ::statfs(path, &info) != 0 || info.f_type != TMPFS_MAGIC) return;
  if ((info.f_flags & ST_RDONLY) == 0) limits_[count_++] = {path, inodes};
}

std::optional<std::string> InodeWatch::exceeded() const {
  for (std::size_t i = 0; i < count_; ++i) {
    struct statvfs info{};
    // A tmpfs with nr_inodes=0 counts none, and gives 0 for the number that there may be.
    if (::statvfs(limits_[i].path.c_str(), &info) != 0 || info.f_files == 0)
      return "the files and folders in " + limits_[i].path + " cannot be counted";
    if (info.f_files - info.f_ffree <= limits_[i].inodes) continue;
    return limits_[i].path + " holds more than " + std::to_string(limits_[i].inodes) + " files and folders";
  }
  return std::nullopt;
}

}  // namespace skill_verifier::sandbox::guest
