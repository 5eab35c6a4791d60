#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "skill_verifier/sandbox/sandbox.hpp"

/// What single runs of the checks in the sandbox say.
namespace skill_verifier::service {

/// What an interpreter objects to.
struct Objection {
  int line = 0;  ///< 0: it does not say
  std::string message;
};
Objection objection_of(std::string_view interpreter, std::string_view output);

/// Something is missing here that the skill may have where it is used: a module or a program.
bool lacks_something(std::string_view output);

/// Nothing for a run that ended by itself, whatever its status.
std::optional<std::string> crash_of(const sandbox::RunResult& run);

/// `/etc/passwd (3 times), /usr/x and 4 more`; empty where nothing of that kind was asked for.
std::string asked_for(const sandbox::Watched& watched, sandbox::Watched::What what);

/// Standard output and standard error together.
std::string output_of(const sandbox::RunResult& run);

}  // namespace skill_verifier::service
