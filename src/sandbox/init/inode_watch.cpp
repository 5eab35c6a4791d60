#include "sandbox/init/inode_watch.hpp"

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

std::optional<std::string> InodeWatch::exceeded() const {
  for (std::size_t i = 0; i < count_; ++i) {
    struct statvfs info{};
    if (::statvfs(limits_[i].path.c_str(), &info) != 0 || info.f_files - info.f_ffree <= limits_[i].inodes) continue;
    return limits_[i].path + " holds more than " + std::to_string(limits_[i].inodes) + " files and folders";
  }
  return std::nullopt;
}

}  // namespace skill_verifier::sandbox::guest
