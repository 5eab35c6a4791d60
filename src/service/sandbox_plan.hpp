#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "service/scripts.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"
#include "skill_verifier/skill/manifest.hpp"

namespace skill_verifier::service {

/// One command of the checks in the sandbox, and what it is for.
struct PlannedCommand {
  enum class Kind {
    probe,   ///< which programs the image has
    syntax,  ///< of one script, by its interpreter
    smoke,   ///< one entry, asked for help or given nothing
    test,    ///< one that the package holds without declaring it
  };
  Kind kind = Kind::probe;
  std::string file;     ///< the script, or what declares the test; empty: many files
  std::string program;  ///< that it needs; without it there is nothing to say
  std::string shown;    ///< as a person would type it
  std::string skipped;  ///< why it is not run at all; empty: it is
  sandbox::ExamineRequest::Command command;
};

/// What is to be run for a package, in this order: what executes nothing of the package first.
struct SandboxPlan {
  std::vector<PlannedCommand> commands;  ///< empty: there is nothing to run
  std::size_t more_scripts = 0;          ///< beyond the most that are looked at
  std::size_t more_entries = 0;

  /// Those that are run.
  std::vector<sandbox::ExamineRequest::Command> to_run() const;
};

/// At most 64 scripts, 16 entries, and every kind of test once. Pure but for `files.read`.
SandboxPlan plan_sandbox_checks(const skill::FileView& files, const skill::Manifest& manifest);

}  // namespace skill_verifier::service
