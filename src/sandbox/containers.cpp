#include "sandbox/containers.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "sandbox/uninterrupted.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::sandbox {
namespace {

using core::Duration;
using std::chrono::steady_clock;

constexpr std::size_t kConcurrentRemovals = 4;
constexpr Duration kFirstPause = std::chrono::milliseconds(50);
constexpr Duration kLongestPause = std::chrono::seconds(2);
constexpr Duration kCloseLimit = std::chrono::seconds(10);

std::string label(const char* name, std::string_view value) {
  return fmt::format("{}={}", name, value);
}

/// Whether the engine may have made a container although it named none: unless it said that it refuses to.
bool answer_lost(const Error& error, const EngineTraits& traits) {
  if (error.id == "engine_error" && !traits.failed_create_may_leave) return false;
  return error.id != "image_missing" && error.id != "engine_conflict" && error.id != "engine_version";
}

std::string_view label_of(const Labels& labels, std::string_view name) {
  for (const auto& [key, value] : labels) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

Containers::Containers(core::asio::any_io_executor executor, Engine& engine, std::string instance,
                       Duration remove_limit)
    : engine_(engine),
      instance_(std::move(instance)),
      remove_limit_(remove_limit),
      removals_(executor, kConcurrentRemovals),
      background_(executor) {}

awaitable<Result<std::string>> Containers::create(ContainerSpec spec) {
  spec.instance = instance_;
  spec.create_id = core::random_hex(8);
  auto body = co_await body_of(spec);
  if (!body) co_return body.error();
  auto creating = engine_.create_container(std::move(*body));
  auto created = co_await uninterrupted(std::move(creating));
  if (!created) {
    if (answer_lost(created.error(), engine_.traits())) {
      lost_[spec.create_id] = steady_clock::now() + remove_limit_;
      sweep_soon();
    }
    co_return created.error();
  }
  for (const auto& warning : created->warnings) {
    log::warn("engine warns about a container",
              {{"job", spec.job_id}, {"request", spec.request_id}, {"warning", core::shorten(warning, 200)}});
  }
  if (!spec.job_id.empty()) owners_[created->id] = {std::move(spec.job_id), std::move(spec.request_id)};
  co_return std::move(created->id);
}

awaitable<Result<std::string>> Containers::body_of(ContainerSpec spec) {
  if (engine_.traits().seccomp_is_text) co_return container_body(spec, engine_.traits());
  if (!seccomp_file_)
    co_return Error{Errc::internal, "seccomp_unwritable", "there is no place for the seccomp profile's file"};
  SKILL_VERIFIER_CO_TRY(const auto path, co_await seccomp_file_->ready());
  co_return container_body(spec, engine_.traits(), path);
}

awaitable<bool> Containers::remove(std::string id) {
  const auto end = steady_clock::now() + remove_limit_;
  auto pause = kFirstPause;
  while (true) {
    auto permit = co_await removals_.acquire();
    if (!permit) co_return false;
    const auto removed = co_await engine_.remove_container(id);
    permit.release();
    // The engine also answers well when a removal has only begun.
    const auto seen = co_await engine_.inspect_container(id);
    if (!seen && seen.error().id == "container_missing") {
      owners_.erase(id);
      co_return true;
    }
    if (steady_clock::now() + pause >= end) {
      const auto& why = !removed ? removed.error().message : std::string("it is still there");
      const auto found = owners_.find(id);
      const Owner owner = found == owners_.end() ? Owner{} : found->second;
      log::error("container cannot be removed",
                 {{"job", owner.job_id}, {"request", owner.request_id}, {"container", id.substr(0, 12)}, {"why", why}});
      stuck_.insert(std::move(id));
      sweep_soon();
      co_return false;
    }
    const bool slept = co_await core::sleep_for(pause);
    if (!slept) co_return false;
    pause = std::min(pause * 2, kLongestPause);
  }
}

void Containers::remove_later(std::string id) {
  background_.spawn("remove a container", remove_in_background(std::move(id)));
}

awaitable<void> Containers::remove_in_background(std::string id) {
  co_await remove(std::move(id));
}

awaitable<void> Containers::discard(std::string id) {
  const bool cancelled = co_await core::cancelled();
  if (cancelled) {
    auto removing = remove(std::move(id));
    co_await uninterrupted(std::move(removing));
  } else {
    remove_later(std::move(id));
  }
}

void Containers::sweep_soon() {
  sweep_pause_ = kFirstPause;
  if (std::exchange(sweeping_, true)) return;
  background_.spawn("remove what would not go", sweep());
}

awaitable<void> Containers::sweep() {
  bool waiting = true;
  while (waiting && !(lost_.empty() && stuck_.empty())) {
    waiting = co_await core::sleep_for(sweep_pause_);
    sweep_pause_ = std::min(sweep_pause_ * 2, kLongestPause);
    if (waiting) co_await sweep_once();
  }
  sweeping_ = false;
}

awaitable<void> Containers::sweep_once() {
  const auto asked = steady_clock::now();
  auto gone = stuck_;
  const std::vector<std::string> labels = {label(kLabelInstance, instance_)};
  const auto found = co_await engine_.list_containers(labels);
  if (!found) co_return;
  for (const auto& container : *found) {
    const std::string create_id(label_of(container.labels, kLabelCreate));
    if (lost_.erase(create_id) > 0) stuck_.insert(container.id);
    if (!stuck_.contains(container.id)) continue;
    gone.erase(container.id);
    const auto removed = co_await engine_.remove_container(container.id);
    if (!removed) log::warn("container still stays", {{"container", container.id.substr(0, 12)}});
  }
  // The engine may still have been at work on the request when it was asked: one look is not enough.
  std::erase_if(lost_, [asked](const auto& lost) { return lost.second < asked; });
  for (const auto& id : gone) {
    stuck_.erase(id);
    owners_.erase(id);
  }
}

awaitable<Result<std::vector<std::string>>> Containers::remove_all(Duration limit) {
  const std::vector<std::string> labels = {label(kLabelInstance, instance_)};
  SKILL_VERIFIER_CO_TRY(const auto found, co_await engine_.list_containers(labels));
  for (const auto& container : found)
    remove_later(container.id);
  std::vector<std::string> left;
  const bool gone = co_await settle(limit);
  if (gone) co_return left;
  SKILL_VERIFIER_CO_TRY(const auto remaining, co_await engine_.list_containers(labels));
  for (const auto& container : remaining)
    left.push_back(container.id.substr(0, 12));
  co_return left;
}

awaitable<bool> Containers::settle(Duration limit) {
  co_return co_await background_.wait(limit);
}

awaitable<void> Containers::close() {
  background_.cancel();
  const bool ended = co_await background_.wait(kCloseLimit);
  if (!ended) log::error("removals did not end", {{"removals", background_.size()}});
}

}  // namespace skill_verifier::sandbox
