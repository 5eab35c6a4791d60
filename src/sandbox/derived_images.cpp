#include "sandbox/derived_images.hpp"

#include <fmt/core.h>

#include <string_view>
#include <utility>

#include "sandbox/container_spec.hpp"
#include "sandbox/uninterrupted.hpp"
#include "skill_verifier/core/log.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::sandbox {
namespace {

/// Counts up when something else is put into derived images, so that those of an earlier release are not taken for
/// ours.
constexpr int kLayout = 1;

constexpr const char* kDerivedRepository = "skill-verifier.local/derived";
constexpr std::size_t kTagDigits = 32;

std::string label(const char* name, std::string_view value) {
  return fmt::format("{}={}", name, value);
}

std::string label_of(const Labels& labels, std::string_view name) {
  for (const auto& [key, value] : labels) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

std::string derived_key(const std::string& runtime_image_id, const std::string& init_sha256) {
  return core::sha256_hex(fmt::format("derived {}\n{}\n{}\n", kLayout, runtime_image_id, init_sha256));
}

DerivedImages::DerivedImages(core::asio::any_io_executor executor, Engine& engine, Containers& containers,
                             InitProgram init)
    : engine_(engine), containers_(containers), init_(std::move(init)), making_(std::move(executor)) {}

awaitable<Result<std::string>> DerivedImages::get(Image runtime) {
  const auto turn = co_await making_.acquire(runtime.id);
  if (!turn) co_return Error{Errc::cancelled, "cancelled", "the wait for a runtime image was cancelled"};
  const auto known = known_.find(runtime.id);
  if (known != known_.end()) co_return known->second;
  const auto runtime_id = runtime.id;
  // Others wait for it: one caller's cancellation must not be theirs.
  auto making = find_or_build(std::move(runtime));
  auto made = co_await uninterrupted(std::move(making));
  if (made) known_[runtime_id] = *made;
  co_return made;
}

void DerivedImages::forget(const std::string& runtime_image_id) {
  known_.erase(runtime_image_id);
}

awaitable<Result<std::string>> DerivedImages::find_or_build(Image runtime) {
  auto looking = find(runtime);
  SKILL_VERIFIER_CO_TRY(auto found, co_await std::move(looking));
  if (found) co_return std::move(*found);
  co_return co_await build(std::move(runtime));
}

awaitable<Result<std::optional<std::string>>> DerivedImages::find(Image runtime) {
  const std::vector<std::string> labels = {label(kLabelInstance, containers_.instance()),
                                           label(kLabelImage, kDerivedKind),
                                           label(kLabelKey, derived_key(runtime.id, init_.sha256))};
  SKILL_VERIFIER_CO_TRY(const auto images, co_await engine_.list_images(labels));
  for (const auto& image : images) {
    const auto details = co_await engine_.inspect_image(image.id);
    // Labels travel with pulled images, the parent does not: it says that the image was committed on this engine.
    if (details && details->parent == runtime.id) co_return std::optional<std::string>(image.id);
  }
  co_return std::optional<std::string>{};
}

awaitable<Result<std::string>> DerivedImages::build(Image runtime) {
  ContainerSpec spec;
  spec.role = Role::build;
  spec.image_id = runtime.id;
  SKILL_VERIFIER_CO_TRY(auto container, co_await containers_.create(std::move(spec)));
  auto filling = fill_and_commit(runtime, container);
  auto image = co_await std::move(filling);
  containers_.remove_later(std::move(container));
  if (!image) co_return core::with_context(image.error(), "put init into " + core::shorten(runtime.reference));
  log::info("runtime image derived", {{"image", runtime.reference}, {"runtime", runtime.id}, {"derived", *image}});
  co_return image;
}

awaitable<Result<std::string>> DerivedImages::fill_and_commit(Image runtime, std::string container_id) {
  auto installing = install_init(container_id);
  SKILL_VERIFIER_CO_TRY_VOID(co_await std::move(installing));
  ImageLabels labels;
  labels.instance = containers_.instance();
  labels.kind = kDerivedKind;
  labels.key = derived_key(runtime.id, init_.sha256);
  labels.init_sha256 = init_.sha256;
  CommitRequest commit;
  commit.container_id = std::move(container_id);
  // What has a name does not go with the last image that was made from it.
  if (engine_.traits().removes_nameless_parents) {
    commit.repository = kDerivedRepository;
    commit.tag = core::sha256_hex(labels.instance + ' ' + labels.key).substr(0, kTagDigits);
  }
  commit.labels = commit_labels(labels);
  auto image = co_await engine_.commit_container(std::move(commit));
  co_return image;
}

awaitable<Result<void>> DerivedImages::install_init(std::string container_id) {
  auto put = co_await engine_.put_archive(std::move(container_id), "/", init_.tar);
  co_return put;
}

awaitable<void> DerivedImages::remove_stale() {
  const std::vector<std::string> labels = {label(kLabelInstance, containers_.instance()),
                                           label(kLabelImage, kDerivedKind)};
  const auto images = co_await engine_.list_images(labels);
  if (!images) co_return;
  for (const auto& image : *images) {
    if (label_of(image.labels, kLabelInit) == init_.sha256) continue;
    const auto removed = co_await engine_.remove_image(image.id, false);
    if (!removed) log::warn("stale image stays", {{"image", image.id}, {"why", removed.error().message}});
  }
}

}  // namespace skill_verifier::sandbox
