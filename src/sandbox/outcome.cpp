#include "sandbox/outcome.hpp"

#include <fmt/core.h>
#include <sys/wait.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace skill_verifier::sandbox {
namespace {

Output output_of(std::string head, std::uint64_t total, std::string tail) {
  Output output;
  output.total = total;
  output.truncated = total > head.size() + tail.size();
  output.head = std::move(head);
  output.tail = std::move(tail);
  return output;
}

/// Without a report the total is what arrived; a full head may have had more behind it.
Output unreported_output(std::string head, const Limits& limits) {
  Output output;
  output.total = head.size();
  output.truncated = head.size() >= limits.output_bytes / 2;
  output.head = std::move(head);
  return output;
}

Outcome outcome_of(const init::Exit& exit) {
  switch (exit.reason) {
    case init::ExitReason::timeout:
      return Outcome::timeout;
    case init::ExitReason::killed:
      return Outcome::killed;
    case init::ExitReason::exited:
      break;
  }
  // A test that exits 0 after one of its processes was killed for memory did not run as it was written.
  return exit.memory_killed ? Outcome::oom : Outcome::exited;
}

RunResult reported(Observation seen) {
  auto& exit = *seen.exit;
  RunResult result;
  result.outcome = outcome_of(exit);
  if (exit.reason == init::ExitReason::exited) result.exit_code = exit_code_of(exit.wait_status);
  result.memory_killed = exit.memory_killed;
  result.duration = exit.duration;
  result.watched = std::move(seen.watched);
  result.peak_memory_bytes = exit.peak_memory_bytes;
  result.out = output_of(std::move(seen.out_head), exit.out_total, std::move(exit.out_tail));
  result.err = output_of(std::move(seen.err_head), exit.err_total, std::move(exit.err_tail));
  return result;
}

void set(std::vector<std::string>& env, std::string_view name, std::string entry) {
  const auto same = [name](const std::string& other) {
    return other.size() > name.size() && other[name.size()] == '=' && other.starts_with(name);
  };
  const auto found = std::ranges::find_if(env, same);
  if (found == env.end())
    env.push_back(std::move(entry));
  else
    *found = std::move(entry);
}

}  // namespace

Result<RunResult> judge(Observation seen, const Limits& limits) {
  if (seen.exit) return reported(std::move(seen));
  if (seen.container_oom_killed && !seen.started) return memory_refusal(limits);
  if (!seen.started || !(seen.deadline_passed || seen.container_oom_killed)) {
    return Error{Errc::unavailable, "sandbox_lost", "the sandbox ended without reporting on its command"};
  }
  RunResult result;
  result.outcome = seen.deadline_passed ? Outcome::timeout : Outcome::oom;
  result.memory_killed = seen.container_oom_killed;
  result.duration = seen.waited;
  result.out = unreported_output(std::move(seen.out_head), limits);
  result.err = unreported_output(std::move(seen.err_head), limits);
  return result;
}

Error memory_refusal(const Limits& limits) {
  return Error{Errc::rejected, "package_refused",
               "the sandbox ran out of memory before the command began: " + std::to_string(limits.memory_bytes) +
                   " bytes are allowed",
               "raise the memory limit or make the package smaller"};
}

Error disk_refusal(std::uint64_t written, std::uint64_t limit) {
  return Error{
      Errc::rejected, "disk_limit",
      "the dependencies wrote " + std::to_string(written) + " bytes to disk, the limit is " + std::to_string(limit)};
}

Error file_refusal(std::uint64_t limit) {
  return Error{Errc::rejected, "disk_limit",
               "the dependencies created or changed more than " + std::to_string(limit) + " files, which is the limit"};
}

Error measuring_refusal(core::Duration limit) {
  const auto seconds = std::chrono::duration<double>(limit).count();
  return Error{
      Errc::rejected, "disk_limit",
      fmt::format("the dependencies left so many files that measuring them takes longer than {:g} s", seconds)};
}

int exit_code_of(std::int32_t wait_status) {
  if (WIFEXITED(wait_status)) return WEXITSTATUS(wait_status);
  if (WIFSIGNALED(wait_status)) return 128 + WTERMSIG(wait_status);
  return 255;
}

Error error_of(const init::Fault& fault) {
  const auto text = core::shorten(fault.message, 300);
  if (fault.code == "pack_invalid" || fault.code == "no_space") {
    return Error{Errc::rejected, "package_refused", "the sandbox refused the package: " + text};
  }
  return Error{Errc::unavailable, "sandbox_lost",
               "the sandbox's init failed with " + core::shorten(fault.code, 40) + ": " + text};
}

std::vector<std::string> command_environment(const std::vector<std::string>& image,
                                             const std::vector<std::pair<std::string, std::string>>& own) {
  std::vector<std::string> env;
  set(env, "PATH", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  for (const auto& entry : image) {
    const auto name = std::string_view(entry).substr(0, entry.find('='));
    if (!name.empty() && name.size() < entry.size()) set(env, name, entry);
  }
  set(env, "HOME", "HOME=/tmp");
  set(env, "PWD", "PWD=/skill");
  set(env, "LANG", "LANG=C.UTF-8");
  for (const auto& [name, value] : own)
    set(env, name, name + "=" + value);
  return env;
}

}  // namespace skill_verifier::sandbox
