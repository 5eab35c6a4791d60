#pragma once

#include <filesystem>
#include <string>

#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/result.hpp"

namespace skill_verifier::sandbox {

using core::awaitable;

/// The seccomp profile as a file, for an engine that takes it as a path. The file's name holds the profile's SHA-256,
/// so that what the engine opens under it is this profile or nothing.
class SeccompFile {
 public:
  /// The file is written to `directory` (empty: nowhere, it is never ready); the engine finds it in `seen_by_engine`,
  /// or in `directory` too where that is empty.
  SeccompFile(core::WorkPool& pool, std::filesystem::path directory, std::filesystem::path seen_by_engine);

  /// Its path as the engine sees it, once the file is there with exactly the profile in it; asked for before every use.
  /// A file that is missing or holds anything else is written anew. Errors: unavailable `seccomp_unwritable`.
  awaitable<Result<std::string>> ready();

 private:
  core::WorkPool& pool_;
  std::filesystem::path file_;
  std::string seen_by_engine_;
};

}  // namespace skill_verifier::sandbox
