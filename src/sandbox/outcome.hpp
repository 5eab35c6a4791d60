#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/init_frames.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"

namespace skill_verifier::sandbox {

/// Everything that was seen of one command.
struct Observation {
  bool started = false;
  std::optional<Watched> watched;
  std::optional<init::Exit> exit;  ///< init's report; absent when its stream ended before
  std::string out_head;
  std::string err_head;
  bool deadline_passed = false;            ///< we stopped waiting for init after the command's limit
  bool container_oom_killed = false;       ///< State.OOMKilled of the ended container; only asked for without a report
  std::chrono::microseconds waited{0};     ///< since the command was sent to init
  std::chrono::microseconds unpacking{0};  ///< from the first byte of the package to init's `unpacked`
};

/// The verdict on a command. Errors: unavailable `sandbox_lost` when init ended without a report and neither the
/// command's limit nor its memory explains it, rejected `package_refused` when memory ended it before the command
/// began.
Result<RunResult> judge(Observation seen, const Limits& limits);

/// Memory ended the sandbox while it unpacked: rejected `package_refused`.
Error memory_refusal(const Limits& limits);

/// test_deps wrote more to the root file system than it may: rejected `disk_limit`.
Error disk_refusal(std::uint64_t written, std::uint64_t limit);

/// test_deps left more files than it may: rejected `disk_limit`.
Error file_refusal(std::uint64_t limit);

/// test_deps left so much that it cannot be measured in time: rejected `disk_limit`.
Error measuring_refusal(core::Duration limit);

/// A shell's reading of waitpid's status: the exit code, or 128 + the signal.
int exit_code_of(std::int32_t wait_status);

/// init's fault as an error: rejected `package_refused` for what the package or its size causes, else `sandbox_lost`.
Error error_of(const init::Fault& fault);

/// What a command sees: the image's variables, then HOME, PWD and LANG, then the command's own. A later one replaces an
/// earlier one of the same name; PATH has Docker's default when the image sets none.
std::vector<std::string> command_environment(const std::vector<std::string>& image,
                                             const std::vector<std::pair<std::string, std::string>>& own);

}  // namespace skill_verifier::sandbox
