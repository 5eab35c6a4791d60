#include <fmt/core.h>

#include "sandbox/docker_sandbox_impl.hpp"
#include "sandbox/image_reference.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::sandbox {
namespace {

/// How late a tag that was moved in the engine may be noticed. The statement names the image that ran in any case.
constexpr std::chrono::seconds kResolvedFor{5};

}  // namespace

awaitable<Result<Image>> DockerSandbox::resolve(std::string reference, std::function<void(std::string_view)> progress) {
  const auto allowed = options_.images.find(reference);
  if (allowed == options_.images.end()) co_return not_allowed(reference);
  const auto known = resolved_.find(reference);
  if (known != resolved_.end() && std::chrono::steady_clock::now() < known->second.until) co_return known->second.image;
  auto finding = inspect_or_pull(reference, allowed->second, std::move(progress));
  SKILL_VERIFIER_CO_TRY(auto details, co_await std::move(finding));
  if (!details.volumes.empty()) {
    co_return Error{Errc::rejected, "image_not_allowed",
                    fmt::format("image {} declares the volume {}, which would be writable and without a size limit",
                                core::shorten(reference), core::shorten(details.volumes.front()))};
  }
  Image image;
  image.reference = std::move(reference);
  image.id = std::move(details.id);
  image.env = std::move(details.env);
  resolved_[image.reference] = {image, std::chrono::steady_clock::now() + kResolvedFor};
  co_return image;
}

awaitable<Result<Image>> DockerSandbox::resolve_toolbox() {
  if (toolbox_ && std::chrono::steady_clock::now() < toolbox_->until) co_return toolbox_->image;
  SKILL_VERIFIER_CO_TRY(auto image, co_await find_toolbox(engine_, options_.toolbox));
  toolbox_ = Resolved{image, std::chrono::steady_clock::now() + kResolvedFor};
  co_return image;
}

awaitable<Result<std::vector<Image>>> DockerSandbox::images() {
  std::vector<Image> found;
  for (const auto& [name, target] : options_.images) {
    SKILL_VERIFIER_CO_TRY(auto image, co_await present(name));
    if (image) found.push_back(std::move(*image));
  }
  co_return found;
}

awaitable<Result<std::optional<Image>>> DockerSandbox::present(std::string reference) {
  std::optional<Image> image;
  const auto known = options_.images.find(reference);
  if (known == options_.images.end() && reference != options_.toolbox) co_return image;
  auto details = co_await engine_.inspect_image(known == options_.images.end() ? reference : known->second);
  if (!details && details.error().id == "image_missing") co_return image;
  if (!details) co_return details.error();
  image = Image{std::move(reference), std::move(details->id), std::move(details->env)};
  co_return image;
}

Error DockerSandbox::not_allowed(const std::string& reference) const {
  std::string known;
  for (const auto& [name, target] : options_.images)
    known += (known.empty() ? "" : ", ") + name;
  if (known.empty()) known = "none";
  return Error{Errc::rejected, "image_not_allowed",
               fmt::format("image {} is not on the list of allowed images: {}", core::shorten(reference),
                           core::shorten(known, 300)),
               "use one of the allowed images, or add this one to the configuration"};
}

awaitable<Result<ImageDetails>> DockerSandbox::inspect_or_pull(std::string name, std::string reference,
                                                               std::function<void(std::string_view)> progress) {
  auto details = co_await engine_.inspect_image(reference);
  if (details || details.error().id != "image_missing") co_return details;
  if (!options_.pull || is_image_id(reference)) {
    co_return Error{
        Errc::not_found, "image_missing",
        fmt::format("image {} ({}) is not in the Docker Engine", core::shorten(name), core::shorten(reference, 160)),
        options_.pull ? "load the image into the engine" : "load the image, or allow pulling"};
  }
  if (progress) progress(fmt::format("pulling {}", reference));
  const auto pulled = co_await engine_.pull_image(reference, std::move(progress));
  if (!pulled) co_return core::with_context(pulled.error(), "pull " + core::shorten(reference, 160));
  co_return co_await engine_.inspect_image(reference);
}

}  // namespace skill_verifier::sandbox
