#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "skill/archive_path.hpp"
#include "skill/package_file.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/skill/package.hpp"

namespace skill_verifier::skill {

/// Collects the files of one package in any order and ends as a pack. Every rule that does not depend on the container
/// is applied here, so that a directory, a tar and a zip of the same tree give the same package. File bytes wait in
/// memory, those of a package above kInMemory in an unnamed scratch file beside the pack.
class TreeBuilder {
 public:
  /// Most skills. Making and removing a file costs more than all the rest of so small an import.
  static constexpr std::size_t kInMemory = 256u << 10;

  TreeBuilder(std::filesystem::path pack, const PackageLimits& limits);

  /// `name` is what the archive says; it is normalised and checked.
  Result<void> add_directory(std::string_view name);
  /// Begins a file of exactly `size` bytes, which are then given to `write`.
  Result<void> begin_file(std::string_view name, bool executable, std::uint64_t size);
  Result<void> write(ByteView bytes);
  Result<void> end_file();

  /// Whether a normalised path is one of those that never become part of a package; if so, it is noted.
  bool leave_out(std::string_view path);

  /// Chooses the root, checks what could not be checked before, writes the pack.
  Result<Package> finish();

 private:
  struct Item {
    std::string path;
    bool directory = false;
    bool executable = false;
    bool shebang = false;
    std::uint64_t size = 0;
    std::uint64_t scratch_offset = 0;
    core::Digest256 sha256{};
  };
  enum class Current { none, kept, ignored };

  Result<std::string> admit(std::string_view name, PathSet::Kind kind);
  Result<void> check_announced_size(std::string_view path, std::uint64_t size);
  std::string find_root() const;
  void enter(const std::string& root);
  void add_implied_directories();
  Result<void> check_limits() const;
  void repair_modes();
  Result<void> put_aside(ByteView bytes);
  Result<void> copy_body(int pack, const Item& item) const;
  Result<Package> write_pack();

  std::filesystem::path pack_;
  PackageLimits limits_;
  Bytes memory_;            ///< the files' bytes, while there is no scratch file
  FileDescriptor scratch_;  ///< all of them, once they were too many
  std::uint64_t scratch_size_ = 0;
  std::uint64_t ignored_size_ = 0;
  std::size_t entries_ = 0;
  std::size_t files_ = 0;
  PathSet paths_;
  std::vector<Item> items_;
  std::map<std::string, std::size_t, std::less<>> left_out_;  ///< what was left out, and how many entries it had
  std::vector<PackageNote> notes_;

  Current current_ = Current::none;
  std::uint64_t written_ = 0;
  std::uint64_t announced_ = 0;
  core::Sha256 hash_;
};

}  // namespace skill_verifier::skill
