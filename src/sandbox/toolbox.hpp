#pragma once

#include <string>
#include <vector>

#include "sandbox/engine.hpp"
#include "sandbox/init_session.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"

namespace skill_verifier::sandbox {

/// The image that Sandbox::examine uses, as the engine has it: never pulled. Errors: not_found `image_missing`,
/// rejected `image_not_allowed`, those of the engine.
awaitable<Result<Image>> find_toolbox(Engine& engine, std::string reference);

/// The commands as an init is told them.
std::vector<SeriesCommand> series_of(const ExamineRequest& request, const Image& image);

}  // namespace skill_verifier::sandbox
