#include <chrono>
#include <utility>

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
  auto next = [this, time = clock.now() - options.retention] { return store.expire(time); };
  [[maybe_unused]] const bool done = co_await remove_jobs(std::move(next), "age");
}

awaitable<void> Service::Impl::trim_jobs() {
  if (options.retention_jobs != 0 || options.retention_bytes != 0) {
    auto next = [this, jobs = options.retention_jobs, bytes = options.retention_bytes] {
      return store.trim(jobs, bytes);
    };
    const bool done = co_await remove_jobs(std::move(next), "number or size");
    if (!done) co_return;
  }
  const auto vacuumed = co_await store.vacuum();
  if (!vacuumed)
    log::warn("store not vacuumed", {{"code", vacuumed.error().id}, {"message", vacuumed.error().message}});
}

/// Each portion is told of before the next one goes: a program that is killed leaves no more than one untold.
awaitable<bool> Service::Impl::remove_jobs(NextPortion next, std::string why) {
  std::size_t total = 0;
  Result<std::vector<std::string>> removed = std::vector<std::string>();
  do {
    removed = co_await next();
    if (!removed) break;
    total += removed->size();
    if (!removed->empty() && options.on_removed) co_await options.on_removed(*removed, why);
  } while (!removed->empty());
  if (total > 0) log::info("jobs removed", {{"jobs", total}, {"by", why}});
  if (!removed)
    log::error("jobs not removed", {{"by", why}, {"code", removed.error().id}, {"message", removed.error().message}});
  co_return removed.has_value();
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
