#include "sandbox/toolbox.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "sandbox/init_protocol.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::sandbox {

awaitable<Result<Image>> find_toolbox(Engine& engine, std::string reference) {
  if (reference.empty()) co_return Error{Errc::not_found, "image_missing", "no toolbox image is configured"};
  auto details = co_await engine.inspect_image(reference);
  if (!details && details.error().id == "image_missing")
    co_return Error{Errc::not_found, "image_missing",
                    fmt::format("image {} is not in the Docker Engine", core::shorten(reference)),
                    "load it, or build it with tools/base-images.sh"};
  if (!details) co_return details.error();
  if (!details->volumes.empty())
    co_return Error{Errc::rejected, "image_not_allowed",
                    fmt::format("image {} declares a volume, which would be writable and without a size limit",
                                core::shorten(reference))};
  Image image;
  image.reference = std::move(reference);
  image.id = std::move(details->id);
  image.env = std::move(details->env);
  co_return image;
}

std::vector<SeriesCommand> series_of(const ExamineRequest& request, const Image& image) {
  constexpr std::chrono::milliseconds kShortest{1};
  std::vector<SeriesCommand> series;
  series.reserve(request.commands.size());
  for (const auto& command : request.commands) {
    SeriesCommand made;
    made.argv = command.spec.argv;
    made.env = command_environment(image.env, command.spec.env);
    made.timeout = std::clamp(command.spec.timeout, kShortest, std::max(request.limits.max_timeout, kShortest));
    made.kept_bytes = std::min<std::uint64_t>(command.kept, init::kMaxKept);
    made.watch = command.watch;
    series.push_back(std::move(made));
  }
  return series;
}

std::optional<RunResult> ImageFacts::take_known(const Image& image,
                                                std::vector<ExamineRequest::Command>& commands) const {
  if (!known_ || commands.empty() || !commands.front().of_image) return std::nullopt;
  if (known_->image_id != image.id || known_->argv != commands.front().spec.argv) return std::nullopt;
  commands.erase(commands.begin());
  return known_->run;
}

void ImageFacts::learn(const Image& image, std::span<const ExamineRequest::Command> commands,
                       std::span<const RunResult> runs) {
  if (commands.empty() || runs.empty() || !commands.front().of_image) return;
  const auto& run = runs.front();
  if (run.outcome == Outcome::exited && run.exit_code == 0) known_ = Known{image.id, commands.front().spec.argv, run};
}

}  // namespace skill_verifier::sandbox
