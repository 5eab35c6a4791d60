#include "sandbox/containers.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "sandbox/uninterrupted.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::sandbox {
namespace {

using core::Duration;
using std::chrono::steady_clock;

constexpr std::size_t kConcurrentRemovals = 4;
constexpr Duration kFirstPause = std::chrono::milliseconds(50);
constexpr Duration kLongestPause = std::chrono::seconds(2);

std::string label(const char* name, std::string_view value) {
  return fmt::format("{}={}", name, value);
}

/// Whether the engine may have done what it was asked for although we have no answer.
bool answer_lost(const Error& error) {
  return error.id == "engine_unreachable" || error.code == Errc::timed_out || error.code == Errc::cancelled;
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
  auto body = container_body(spec);
  auto creating = engine_.create_container(std::move(body));
  auto created = co_await uninterrupted(std::move(creating));
  if (!created) {
    if (answer_lost(created.error())) background_.spawn("remove a lost container", remove_lost(std::move(spec)));
    co_return created.error();
  }
  for (const auto& warning : created->warnings) {
    log::warn("engine warns about a container", {{"job", spec.job_id}, {"warning", core::shorten(warning, 200)}});
  }
  co_return std::move(created->id);
}

awaitable<bool> Containers::remove(std::string id) {
  const auto end = steady_clock::now() + remove_limit_;
  auto pause = kFirstPause;
  while (true) {
    auto permit = co_await removals_.acquire();
    const auto removed = co_await engine_.remove_container(id);
    permit.release();
    // The engine also answers well when a removal has only begun.
    const auto seen = co_await engine_.inspect_container(id);
    if (!seen && seen.error().id == "container_missing") co_return true;
    if (steady_clock::now() + pause >= end) {
      const auto& why = !removed ? removed.error().message : std::string("it is still there");
      log::error("container cannot be removed", {{"container", id.substr(0, 12)}, {"why", why}});
      co_return false;
    }
    co_await core::sleep_for(pause);
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

awaitable<void> Containers::remove_lost(ContainerSpec spec) {
  const std::vector<std::string> labels = {label(kLabelInstance, instance_), label(kLabelJob, spec.job_id),
                                           label(kLabelAttempt, std::to_string(spec.attempt)),
                                           label(kLabelRole, to_string(spec.role))};
  const auto end = steady_clock::now() + remove_limit_;
  auto pause = kFirstPause;
  while (steady_clock::now() < end) {
    // The engine may still be at work on the request: one look is not enough.
    co_await core::sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
    const auto found = co_await engine_.list_containers(labels);
    if (!found) continue;
    for (const auto& container : *found)
      co_await remove(container.id);
    if (!found->empty()) co_return;
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

}  // namespace skill_verifier::sandbox
