#include <algorithm>

#include "skill_verifier/attest/collateral_client.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::attest {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr core::Duration kStopLimit = std::chrono::seconds(10);

struct Entry {
  explicit Entry(const core::asio::any_io_executor& executor) : changed(executor) {}

  CollateralPtr current;
  std::optional<Error> failure;  ///< of the last try
  core::Time retry_at{};
  std::chrono::milliseconds pause{0};
  core::Time used_at{};
  bool fetching = false;
  core::Event changed;
};
using EntryPtr = std::shared_ptr<Entry>;

}  // namespace

struct CollateralCache::Impl {
  Impl(core::asio::any_io_executor executor, const core::Clock& clock, Fetch fetch, CollateralCacheOptions options)
      : executor(std::move(executor)), clock(clock), fetch(std::move(fetch)), options(options), tasks(this->executor) {}

  EntryPtr entry_of(const dcap::CollateralKey& key);
  bool is_due(const FetchedCollateral& collateral) const;
  void begin_fetch(const dcap::CollateralKey& key, const EntryPtr& entry);
  awaitable<void> run_fetch(dcap::CollateralKey key, EntryPtr entry);
  void settle(const dcap::CollateralKey& key, Entry& entry, Result<FetchedCollateral> fetched);
  void fail(const dcap::CollateralKey& key, Entry& entry, Error why);

  core::asio::any_io_executor executor;
  const core::Clock& clock;
  const Fetch fetch;
  const CollateralCacheOptions options;
  std::map<dcap::CollateralKey, EntryPtr> entries;
  bool stopped = false;
  std::uint64_t fetched = 0, failed = 0;
  core::TaskGroup tasks;
};

CollateralCache::CollateralCache(core::asio::any_io_executor executor, const core::Clock& clock, Fetch fetch,
                                 CollateralCacheOptions options)
    : impl_(std::make_unique<Impl>(std::move(executor), clock, std::move(fetch), options)) {}
CollateralCache::~CollateralCache() = default;

EntryPtr CollateralCache::Impl::entry_of(const dcap::CollateralKey& key) {
  if (const auto found = entries.find(key); found != entries.end()) return found->second;
  if (entries.size() >= options.platforms) {
    const auto oldest = std::ranges::min_element(entries, {}, [](const auto& entry) { return entry.second->used_at; });
    entries.erase(oldest);
  }
  return entries.emplace(key, std::make_shared<Entry>(executor)).first->second;
}

bool CollateralCache::Impl::is_due(const FetchedCollateral& collateral) const {
  const auto life = collateral.until - collateral.fetched_at;
  const auto due = std::min<core::Time>(collateral.fetched_at + options.refresh_after, collateral.until - life / 4);
  return clock.now() >= due;
}

void CollateralCache::Impl::begin_fetch(const dcap::CollateralKey& key, const EntryPtr& entry) {
  if (entry->fetching || stopped || clock.now() < entry->retry_at) return;
  entry->fetching = true;
  tasks.spawn("collateral", run_fetch(key, entry));
}

awaitable<void> CollateralCache::Impl::run_fetch(dcap::CollateralKey key, EntryPtr entry) {
  struct AtEnd {
    Entry& entry;
    ~AtEnd() {
      entry.fetching = false;
      entry.changed.notify_all();
    }
  };
  const AtEnd at_end{*entry};
  auto fetching = fetch(key);
  auto fetched = co_await core::with_deadline(std::move(fetching), options.fetch, "collateral");
  settle(key, *entry, std::move(fetched));
}

void CollateralCache::Impl::settle(const dcap::CollateralKey& key, Entry& entry, Result<FetchedCollateral> fetched) {
  if (fetched) {
    ++this->fetched;
    log::info("collateral fetched", {{"fmspc", key.fmspc}, {"until", core::to_rfc3339(fetched->until)}});
    entry.current = std::make_shared<const FetchedCollateral>(std::move(*fetched));
    entry.failure.reset();
    entry.pause = std::chrono::milliseconds(0);
    entry.retry_at = {};
    return;
  }
  fail(key, entry, fetched.error());
}

void CollateralCache::Impl::fail(const dcap::CollateralKey& key, Entry& entry, Error why) {
  ++failed;
  entry.failure = std::move(why);
  entry.pause = std::clamp(2 * entry.pause, options.first_retry, options.last_retry);
  entry.retry_at = clock.now() + entry.pause;
  log::warn("no collateral", {{"fmspc", key.fmspc}, {"code", entry.failure->id}, {"message", entry.failure->message}});
}

awaitable<Result<CollateralPtr>> CollateralCache::get(dcap::CollateralKey key, core::Duration limit) {
  auto& impl = *impl_;
  const EntryPtr entry = impl.entry_of(key);
  entry->used_at = impl.clock.now();
  const auto deadline = SteadyClock::now() + limit;
  while (true) {
    if (entry->current && impl.clock.now() < entry->current->until) {
      if (impl.is_due(*entry->current)) impl.begin_fetch(key, entry);
      co_return entry->current;
    }
    impl.begin_fetch(key, entry);
    if (!entry->fetching)
      co_return entry->failure.value_or(Error{Errc::unavailable, "draining", "the service is shutting down"});
    const auto left = deadline - SteadyClock::now();
    if (left <= core::Duration::zero())
      co_return Error{Errc::timed_out, "collateral_timed_out", "the collateral did not come in time"};
    co_await entry->changed.wait(left);
    const bool cancelled = co_await core::cancelled();
    if (cancelled) co_return Error{Errc::cancelled, "waiting for collateral was cancelled"};
  }
}

void CollateralCache::discard(const dcap::CollateralKey& key, const CollateralPtr& bad, Error why) {
  const auto found = impl_->entries.find(key);
  if (found == impl_->entries.end() || found->second->current != bad) return;
  found->second->current = nullptr;
  impl_->fail(key, *found->second, std::move(why));
}

void CollateralCache::write_metrics(core::MetricsText& out) const {
  std::size_t held = 0;
  std::optional<core::Time> oldest, first_end;
  for (const auto& [key, entry] : impl_->entries) {
    if (!entry->current) continue;
    ++held;
    oldest = std::min(oldest.value_or(core::Time::max()), entry->current->fetched_at);
    first_end = std::min(first_end.value_or(core::Time::max()), entry->current->until);
  }
  const auto timestamp = [&out](std::string_view name, std::string_view help, std::optional<core::Time> time) {
    out.gauge(name, help);
    if (time) out.sample({}, std::chrono::duration<double>(time->time_since_epoch()).count());
  };
  out.gauge("skill_verifier_collateral_platforms", "Platforms whose collateral is held.");
  out.sample({}, static_cast<double>(held));
  timestamp("skill_verifier_collateral_oldest_timestamp_seconds", "When the oldest of it was fetched.", oldest);
  timestamp("skill_verifier_collateral_expiry_timestamp_seconds", "When the first of it ends.", first_end);
  out.counter("skill_verifier_collateral_fetches_total", "Fetches by how they ended.");
  out.sample({{"result", "ok"}}, static_cast<double>(impl_->fetched));
  out.sample({{"result", "failed"}}, static_cast<double>(impl_->failed));
}

awaitable<void> CollateralCache::stop() {
  impl_->stopped = true;
  impl_->tasks.cancel();
  const bool ended = co_await impl_->tasks.wait(kStopLimit);
  if (!ended) log::error("a fetch of collateral does not end");
}

}  // namespace skill_verifier::attest
