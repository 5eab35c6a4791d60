#include "sandbox/prepared_images.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/container_spec.hpp"
#include "skill_verifier/core/log.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::sandbox {
namespace {

/// Counts up when prepared images are made differently.
constexpr int kLayout = 2;

/// Length first, so that no two lists of texts read the same.
void append(std::string& text, std::string_view part) {
  text += fmt::format("{}:{}\n", part.size(), part);
}

std::string label(const char* name, std::string_view value) {
  return fmt::format("{}={}", name, value);
}

std::string label_of(const Labels& labels, std::string_view name) {
  const auto found = std::ranges::find(labels, name, [](const auto& label) -> std::string_view { return label.first; });
  return found == labels.end() ? std::string() : found->second;
}

}  // namespace

std::string prepared_key(const PrepareRequest& request, const std::string& init_sha256) {
  std::string text = fmt::format("prepared {}\n", kLayout);
  append(text, request.image.id);
  append(text, init_sha256);
  append(text, request.tree_digest);
  append(text, request.bridge_network ? "bridge" : "none");
  // The statement says under which limits test_deps ran, so an image made under others is another image.
  const Limits& limits = request.limits;
  append(text, fmt::format("{} {} {} {} {} {} {}", limits.memory_bytes, limits.nano_cpus, limits.pids,
                           limits.open_files, limits.file_bytes, limits.inodes, request.deps.timeout.count()));
  append(text, fmt::format("{}", request.deps.argv.size()));
  for (const auto& argument : request.deps.argv)
    append(text, argument);
  append(text, fmt::format("{}", request.deps.env.size()));
  for (const auto& [name, value] : request.deps.env) {
    append(text, name);
    append(text, value);
  }
  return core::sha256_hex(text);
}

PreparedImages::PreparedImages(core::asio::any_io_executor executor, Engine& engine, std::string instance,
                               std::uint64_t max_bytes, std::size_t max_images)
    : engine_(engine), instance_(std::move(instance)), index_(max_bytes, max_images), making_(std::move(executor)) {}

awaitable<Result<void>> PreparedImages::load(std::string init_sha256) {
  const std::vector<std::string> labels = {label(kLabelInstance, instance_), label(kLabelImage, kPreparedKind)};
  SKILL_VERIFIER_CO_TRY(auto images, co_await engine_.list_images(labels));
  std::ranges::sort(images, {}, &ImageSummary::created);
  for (const auto& image : images) {
    auto item = co_await item_of(image);
    if (!item) continue;
    if (label_of(image.labels, kLabelInit) != init_sha256) {
      co_await drop(std::move(*item));
      continue;
    }
    const auto replaced = index_.insert(std::move(*item));
    if (replaced) co_await drop(*replaced);
  }
  co_await shrink();
  co_return Result<void>{};
}

awaitable<std::optional<LruIndex::Item>> PreparedImages::item_of(ImageSummary image) {
  const auto details = co_await engine_.inspect_image(image.id);
  // Labels travel with pulled images, the parent does not.
  if (!details || details->parent.empty()) co_return std::nullopt;
  const auto parent = co_await engine_.inspect_image(details->parent);
  const auto bytes = details->size - std::min(details->size, parent ? parent->size : 0);
  co_return LruIndex::Item{label_of(image.labels, kLabelKey), std::move(image.id), bytes};
}

awaitable<Result<std::optional<LruIndex::Hit>>> PreparedImages::find(std::string key) {
  auto hit = index_.find(key);
  if (!hit) co_return co_await adopt(std::move(key));
  const auto details = co_await engine_.inspect_image(hit->id);
  if (details) co_return std::move(hit);
  if (details.error().code != Errc::not_found) co_return details.error();
  index_.erase_id(hit->id);
  co_return std::optional<LruIndex::Hit>{};
}

awaitable<Result<std::optional<LruIndex::Hit>>> PreparedImages::adopt(std::string key) {
  const std::vector<std::string> labels = {label(kLabelInstance, instance_), label(kLabelImage, kPreparedKind),
                                           label(kLabelKey, key)};
  SKILL_VERIFIER_CO_TRY(auto images, co_await engine_.list_images(labels));
  for (auto& image : images) {
    if (dropping_.contains(image.id)) continue;
    auto item = co_await item_of(std::move(image));
    if (!item) continue;
    index_.insert(std::move(*item));
    co_return index_.find(key);
  }
  co_return std::optional<LruIndex::Hit>{};
}

awaitable<LruIndex::Lease> PreparedImages::keep(LruIndex::Item item) {
  const auto id = item.id;
  const auto replaced = index_.insert(std::move(item));
  auto lease = this->lease(id);
  if (replaced) co_await drop(*replaced);
  co_await shrink();
  co_return lease;
}

LruIndex::Lease PreparedImages::lease(const std::string& image_id) {
  auto hit = index_.find_id(image_id);
  return hit ? std::move(hit->lease) : nullptr;
}

awaitable<void> PreparedImages::shrink() {
  auto superseded = std::exchange(superseded_, {});
  for (auto& item : superseded)
    co_await drop(std::move(item));
  const auto surplus = index_.surplus();
  for (const auto& item : surplus) {
    if (!index_.leased(item.id)) co_await drop(item);
  }
}

awaitable<void> PreparedImages::drop(LruIndex::Item item) {
  index_.erase_id(item.id);
  dropping_.insert(item.id);
  const auto removed = co_await engine_.remove_image(item.id, false);
  dropping_.erase(item.id);
  if (removed || removed.error().code == Errc::not_found) co_return;
  log::warn("prepared image stays", {{"image", item.id}, {"why", removed.error().message}});
  if (!index_.restore(item)) superseded_.push_back(std::move(item));
}

}  // namespace skill_verifier::sandbox
