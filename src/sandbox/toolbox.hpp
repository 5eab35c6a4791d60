#pragma once

#include <optional>
#include <span>
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

/// What the last image's own command said (ExamineRequest::Command::of_image).
class ImageFacts {
 public:
  /// Takes the command off `commands` when its result is known for this image.
  std::optional<RunResult> take_known(const Image& image, std::vector<ExamineRequest::Command>& commands) const;
  /// Keeps a good one. `commands` are those that ran.
  void learn(const Image& image, std::span<const ExamineRequest::Command> commands, std::span<const RunResult> runs);

 private:
  struct Known {
    std::string image_id;
    std::vector<std::string> argv;
    RunResult run;
  };
  std::optional<Known> known_;
};

}  // namespace skill_verifier::sandbox
