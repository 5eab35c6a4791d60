#pragma once

#include <string>

#include "sandbox/init/tree.hpp"

namespace skill_verifier::sandbox::guest {

/// init's own program file. A root command of a prepare container could put something else in its place, which would
/// then be PID 1 of every test from that image.
class OwnFile {
 public:
  /// Reads it into memory; to be called before the first command.
  Status load();
  /// Puts it back where it is not the same any more.
  Status restore() const;

 private:
  bool unchanged() const;

  std::string content_;
};

/// An empty /skill for a prepare container.
Status make_skill_folder();
/// Moves /skill to kPreparedTree. A /skill that is no folder any more is `pack_invalid`.
Status keep_prepared_tree();
/// Copies kPreparedTree into the given empty /skill.
Status copy_prepared_tree(int skill, const Identity& identity, TreeSize& size);

}  // namespace skill_verifier::sandbox::guest
