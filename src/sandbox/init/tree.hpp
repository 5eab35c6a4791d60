#pragma once

#include <string>

#include "sandbox/init/identity.hpp"
#include "sandbox/init/pack_reader.hpp"
#include "sandbox/init/posix.hpp"

namespace skill_verifier::sandbox::guest {

/// Deepest folder nesting that copy_tree and remove_tree follow: each level holds descriptors.
inline constexpr int kMaxDepth = 100;

/// Opens a real folder, never through a symbolic link at its end.
Fd open_directory(int at, const char* path);

/// Writes a pack beneath a folder. Every component is opened on its own and never through a link; files are new (an
/// existing one is an error), 0644 or 0755; folders that the pack does not name are made. Faults: `no_space` when the
/// file system or a limit is full, else `pack_invalid`.
class TreeWriter final : public PackSink {
 public:
  explicit TreeWriter(Fd root) : root_(std::move(root)) {}

  Status directory(std::string_view path) override;
  Status begin_file(std::string_view path, bool executable, std::uint64_t size) override;
  Status file_bytes(std::string_view bytes) override;
  Status end_file() override;

 private:
  Status enter_parent(std::string_view path, std::string& name);

  Fd root_;
  Fd parent_;  ///< of the entry before, kept because the next one is usually beside it
  std::string parent_path_;
  Fd file_;
  std::string file_path_;
};

struct TreeSize {
  std::uint32_t files = 0;
  std::uint64_t bytes = 0;
};

/// Copies regular files (0644 or 0755), folders and symbolic links from one folder into another that is empty; anything
/// else is left out. Follows no link. Reads as root, makes everything as the job. Faults as TreeWriter.
Status copy_tree(int from, int to, const Identity& identity, TreeSize& size);

/// Removes `name` and everything beneath it; a missing one is fine.
Status remove_tree(int at, const char* name, int depth = 0);

}  // namespace skill_verifier::sandbox::guest
