#include <chrono>

#include "service/service_impl.hpp"
#include "skill_verifier/core/log.hpp"

/// What is removed because it is old or too much.
namespace skill_verifier::service {

awaitable<void> Service::Impl::tidy() {
  if (!clock_is_steady()) {
    log::error("clock jumped", {{"effect", "no job is removed for a while"}});
  } else {
    if (options.retention.count() > 0) co_await expire_old_jobs();
    co_await trim_jobs();
    if (const auto expired = co_await store.expire_keys(clock.now()); !expired)
      log::error("old keys not removed", {{"code", expired.error().id}, {"message", expired.error().message}});
  }
  if (!options.collateral.empty()) co_await evidence.tidy(store);
}

awaitable<void> Service::Impl::expire_old_jobs() {
  auto removed = co_await store.expire(clock.now() - options.retention);
  if (!removed)
    log::error("old jobs not removed", {{"code", removed.error().id}, {"message", removed.error().message}});
  else if (*removed > 0)
    log::info("old jobs removed", {{"jobs", *removed}});
}

awaitable<void> Service::Impl::trim_jobs() {
  if (options.retention_jobs != 0 || options.retention_bytes != 0) {
    const auto removed = co_await store.trim(options.retention_jobs, options.retention_bytes);
    if (!removed) {
      log::error("jobs not trimmed", {{"code", removed.error().id}, {"message", removed.error().message}});
      co_return;
    }
    if (*removed > 0) log::info("oldest jobs removed", {{"jobs", *removed}});
  }
  const auto vacuumed = co_await store.vacuum();
  if (!vacuumed)
    log::warn("store not vacuumed", {{"code", vacuumed.error().id}, {"message", vacuumed.error().message}});
}

/// A clock that was set forward makes every job look old. Time is measured against one that nobody sets; after a jump
/// nothing is removed until somebody has had an hour to notice.
bool Service::Impl::clock_is_steady() {
  constexpr auto kTolerance = std::chrono::minutes(5);
  const auto wall = clock.now();
  const auto steady = std::chrono::steady_clock::now();
  if (last_look) {
    const auto drift = (wall - last_look->first) - (steady - last_look->second);
    if (std::chrono::abs(drift) > kTolerance) {
      jumped_at = steady;
      ++clock_jumps;
    }
  }
  last_look.emplace(wall, steady);
  return !jumped_at || steady - *jumped_at >= options.jump_hold;
}

awaitable<void> Service::Impl::tidy_regularly() {
  while (true) {
    const bool time_is_up = co_await core::sleep_for(options.retention_interval);
    if (!time_is_up) co_return;
    co_await tidy();
  }
}

}  // namespace skill_verifier::service
