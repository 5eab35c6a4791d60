#include "service/sandbox_log.hpp"

#include <fmt/core.h>

#include "service/sandbox_judge.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::service {
namespace {

using Kind = PlannedCommand::Kind;

std::string end_of(const sandbox::RunResult& run) {
  if (!run.exit_code) return std::string(sandbox::to_string(run.outcome));
  return fmt::format("{}, exit code {}", sandbox::to_string(run.outcome), *run.exit_code);
}

bool says_something(const PlannedCommand& command, const sandbox::RunResult& run) {
  if (command.kind == Kind::probe) return false;
  const bool good = run.outcome == sandbox::Outcome::exited && run.exit_code == 0;
  return command.kind != Kind::syntax || !good;
}

}  // namespace

void log_examined(LiveLog& log, const SandboxPlan& plan, const Result<sandbox::ExamineResult>& examined) {
  if (!examined) return log.heading("no checks in the sandbox: " + core::shorten(examined.error().message, 400));
  std::size_t next = 0;
  for (const auto& command : plan.commands) {
    if (!command.skipped.empty()) continue;
    if (next == examined->runs.size()) break;
    const auto& run = examined->runs[next++];
    if (!says_something(command, run)) continue;
    log.heading(fmt::format("{}: {}", core::shorten(command.shown, 400), end_of(run)));
    log.write(output_of(run));
  }
  if (!examined->stopped.empty())
    log.heading("the checks in the sandbox ended early: " + core::shorten(examined->stopped, 400));
}

}  // namespace skill_verifier::service
