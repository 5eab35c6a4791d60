#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skill_verifier::sandbox::guest {

/// Numbers of files for file systems that have no such limit of their own. They are looked at, not enforced by the
/// kernel: a job can go beyond one for as long as nobody looks.
class InodeWatch {
 public:
  static constexpr int kPeriodMs = 50;

  /// Takes `--inodes=PATH=NUMBER`; false for anything else, or when there are too many.
  bool add(std::string_view option);
  /// Takes a path where there is a tmpfs that can be written to, and else leaves it out.
  void add_where_tmpfs(const char* path, std::uint64_t inodes);
  bool empty() const { return count_ == 0; }
  /// A sentence about the first file system that holds more than it may, or whose files cannot be counted; or nothing.
  std::optional<std::string> exceeded() const;

 private:
  struct Limit {
    std::string path;
    std::uint64_t inodes = 0;
  };
  std::array<Limit, 4> limits_;
  std::size_t count_ = 0;
};

}  // namespace skill_verifier::sandbox::guest
