#pragma once

#include <cstdint>
#include <string>

#include "sandbox/engine.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/result.hpp"

namespace skill_verifier::sandbox {

/// What a command may leave in the root file system of its container.
struct DiskLimits {
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;     ///< created, changed or removed ones, folders included
  core::Duration measuring{};  ///< for one question to the engine, which walks the files for it
};

/// Asks the engine what a container has written, and refuses what is too much.
class DiskMeter {
 public:
  DiskMeter(Engine& engine, DiskLimits limits) : engine_(engine), limits_(limits) {}

  /// The bytes, when they are within the limit. Errors: rejected `disk_limit`, also when an engine that is well cannot
  /// tell in time, because then it is the number of files; otherwise as Engine's.
  awaitable<Result<std::uint64_t>> check_bytes(std::string container);
  /// The same of the files, and their number. Dearer for the engine than the bytes.
  awaitable<Result<std::uint64_t>> check_files(std::string container);
  /// Both; gives the bytes.
  awaitable<Result<std::uint64_t>> check(std::string container);

 private:
  awaitable<Error> explain(Error error);

  Engine& engine_;
  DiskLimits limits_;
};

/// When failed measurements end a command: the first that blames the files or took too long, and the second in a row of
/// any kind, because an unmeasured command could write without limit.
class FailedMeasurements {
 public:
  bool enough(const Result<std::uint64_t>& measured);

 private:
  int in_a_row_ = 0;
};

}  // namespace skill_verifier::sandbox
