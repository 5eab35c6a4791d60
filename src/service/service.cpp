#include "skill_verifier/service/service.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "service/journal.hpp"
#include "service/sarif.hpp"
#include "service/service_impl.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::service {
namespace {

/// For a container that is being removed; the engine's own time limits are shorter.
constexpr core::Duration kCancelLimit = std::chrono::seconds(60);
/// For an expiry that is being written when the service stops.
constexpr core::Duration kHousekeepingLimit = std::chrono::seconds(10);

LogPart part_of(std::string_view text, std::size_t offset, bool done) {
  LogPart part;
  if (offset < text.size()) part.text = text.substr(offset);
  part.next_offset = std::max(offset, text.size());
  part.done = done;
  return part;
}

}  // namespace

Service::Service(core::asio::any_io_executor executor, core::WorkPool& pool, const core::Clock& clock,
                 store::JobStore& store, sandbox::Sandbox& sandbox, attest::Quoter* quoter, ServiceOptions options,
                 attest::Appraiser* appraiser)
    : impl_(std::make_unique<Impl>(std::move(executor), pool, clock, store, sandbox, quoter, std::move(options),
                                   appraiser)) {}
Service::~Service() = default;

awaitable<Result<void>> Service::start() {
  co_await impl_->tidy();
  auto jobs = co_await impl_->store.recover();
  if (!jobs) co_return jobs.error();
  for (const auto& job : *jobs) {
    auto resumed = co_await impl_->resume(job);
    if (!resumed) co_return resumed;
  }
  impl_->webhooks.start();
  impl_->housekeeping.spawn("retention", impl_->tidy_regularly());
  co_return Result<void>{};
}

awaitable<Result<void>> Service::Impl::resume(store::JobSummary job) {
  if (job.attempt < options.max_starts) {
    log::info("job resumed", {{"job", job.id}, {"attempts", job.attempt}});
    auto measure = [path = store.pack_path(job.id)] {
      std::error_code ignored;
      const auto bytes = std::filesystem::file_size(path, ignored);
      return ignored ? std::uintmax_t{0} : bytes;
    };
    const auto bytes = co_await core::run_on(pool, std::move(measure));
    scheduler.recover(job.id, Scheduler::lane_of(job.owner, {}), bytes);
    co_return Result<void>{};
  }
  const Error exhausted(Errc::internal, "attempts_exhausted",
                        fmt::format("the job was begun {} times and never came to an end", job.attempt),
                        "look into the service's log for why it stopped each time");
  const auto stored = co_await store.find(job.id);
  const auto request_id = stored ? request_id_of(stored->request) : std::string();
  log::error("job given up", {{"job", job.id}, {"request", request_id}, {"attempts", job.attempt}});
  store::JobOutcome outcome;
  outcome.state = store::JobState::failed;
  outcome.completed_at = clock.now();
  outcome.error = error_json(exhausted);
  co_return co_await store.finish(job.id, std::move(outcome));
}

awaitable<void> Service::stop() {
  impl_->housekeeping.cancel();
  co_await impl_->attestor.stop();
  co_await impl_->scheduler.stop();
  co_await impl_->webhooks.stop();
  co_await impl_->dependencies.stop();
  co_await impl_->housekeeping.wait(kHousekeepingLimit);
}

awaitable<Result<store::Job>> Service::find(std::string id) {
  co_return co_await impl_->store.find(std::move(id));
}

awaitable<Result<store::JobAccess>> Service::access(std::string id) {
  co_return co_await impl_->store.access(std::move(id));
}

awaitable<Result<store::Job>> Service::wait(std::string id, core::Duration limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  const EntryPtr entry = impl_->scheduler.find(id);
  while (entry != nullptr && entry->where != Entry::Where::done) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= core::Duration::zero()) break;
    const bool woken = co_await entry->done.wait(left);
    if (!woken) break;
  }
  co_return co_await impl_->store.find(std::move(id));
}

std::optional<JobTiming> Service::timing(const std::string& id) const {
  return impl_->scheduler.timing(id);
}

awaitable<Result<std::vector<store::JobSummary>>> Service::list(store::JobFilter filter) {
  co_return co_await impl_->store.list(filter);
}

awaitable<Result<void>> Service::remove(std::string id) {
  const bool ended = co_await impl_->scheduler.cancel(id, kCancelLimit);
  if (!ended)
    co_return Error{Errc::timed_out, "cancel_timed_out", fmt::format("job {} is being cancelled but has not ended", id),
                    "remove it again later"};
  co_return co_await impl_->store.remove(std::move(id));
}

awaitable<Result<LogPart>> Service::log(std::string id, std::size_t offset, core::Duration limit) {
  const EntryPtr entry = impl_->scheduler.find(id);
  if (entry != nullptr) {
    co_await entry->log.wait_beyond(offset, limit);
    co_return part_of(entry->log.text(), offset, entry->log.closed());
  }
  auto text = co_await impl_->store.log(std::move(id));
  if (!text) co_return text.error();
  co_return part_of(*text, offset, true);
}

awaitable<Result<EventPart>> Service::events(std::string id, EventCursor cursor, core::Duration limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  if (const EntryPtr entry = impl_->scheduler.find(id); entry != nullptr) {
    const LiveLog& log = entry->log;
    const EventCursor at = in_life(log.journal(), cursor);
    const bool anew = !cursor.life.empty() && cursor.life != at.life;
    while (true) {
      auto part = next_part(log.journal(), from(log.text(), at.offset), log.closed(), at);
      const auto left = deadline - std::chrono::steady_clock::now();
      bool woken = false;
      if (!part && left > core::Duration::zero()) woken = co_await entry->log.grown(left);
      if (woken) continue;
      if (!part) part.emplace().next = at;
      part->anew = anew;
      co_return std::move(*part);
    }
  }
  const std::vector<std::string> subject{id};
  SKILL_VERIFIER_CO_TRY(const auto rows, co_await impl_->store.verdicts(subject, std::nullopt));
  if (!rows.at(0)) co_return Error{Errc::not_found, "job_not_found", fmt::format("there is no job '{}'", id)};
  EventPart none;
  none.next = cursor;
  none.ended = true;
  // Of a job that is put back for the next life nothing more is known in this one.
  if (!store::is_final(rows.at(0)->state)) co_return none;
  SKILL_VERIFIER_CO_TRY(auto piece, co_await impl_->store.log_piece(id, cursor.offset, kEventText + 1));
  const Journal journal = Journal::of(*rows.at(0), piece);
  const EventCursor at = in_life(journal, cursor);
  const bool anew = !cursor.life.empty() && cursor.life != at.life;
  if (at.offset != cursor.offset) {
    SKILL_VERIFIER_CO_TRY(piece, co_await impl_->store.log_piece(id, at.offset, kEventText + 1));
  }
  auto part = next_part(journal, piece.text, true, at);
  if (part) part->anew = anew;
  co_return part ? std::move(*part) : none;
}

awaitable<Result<std::vector<std::optional<store::VerdictRow>>>> Service::verdicts(std::vector<std::string> subjects,
                                                                                   std::optional<std::string> viewer) {
  co_return co_await impl_->store.verdicts(std::move(subjects), std::move(viewer));
}

std::uint64_t Service::pack_bytes() const {
  return impl_->scheduler.pack_bytes();
}

awaitable<Result<ServiceAttestation>> Service::attestation(std::optional<std::string> nonce) {
  auto answer = co_await impl_->attestor.attest(std::move(nonce));
  if (!answer) co_return answer.error();
  auto extras = co_await impl_->self.extras();
  if (const auto& quote = answer->quote->quote) extras.appraisal = co_await impl_->evidence.appraise(quote->quote_hex);
  co_return ServiceAttestation{std::move(*answer), std::move(extras)};
}

awaitable<std::optional<attest::Appraisal>> Service::appraisal(store::Job job) {
  co_return co_await impl_->evidence.of_job(std::move(job.result));
}

awaitable<Result<std::vector<store::Delivery>>> Service::deliveries(store::DeliveryFilter filter) {
  co_return co_await impl_->store.outbox().list(std::move(filter));
}

awaitable<Result<store::Delivery>> Service::redeliver(std::string id) {
  auto delivery = co_await impl_->store.outbox().redeliver(std::move(id), impl_->clock.now());
  if (!delivery) co_return delivery.error();
  log::info("webhook to be redelivered", {{"job", delivery->job}, {"delivery", delivery->id}});
  impl_->webhooks.wake();
  co_return delivery;
}

awaitable<Result<std::string>> Service::sarif(store::Job job) {
  auto make = [whole = std::make_shared<const store::Job>(std::move(job)), &options = impl_->options] {
    return sarif_of(*whole, options.checks, options.sandbox_checks, options.verifier);
  };
  co_return co_await core::run_on(impl_->pool, std::move(make));
}

awaitable<Health> Service::health() {
  Health health;
  co_await impl_->dependencies.describe(health);
  impl_->add_figures(health);
  co_return health;
}

awaitable<Health> Service::readiness() {
  Health health;
  co_await impl_->dependencies.describe_now(health);
  impl_->add_figures(health);
  co_return health;
}

void Service::Impl::add_figures(Health& health) const {
  health.queued = scheduler.queued();
  health.running = scheduler.active();
  health.draining = scheduler.draining();
  health.engine = sandbox.engine_version();
  health.pools = sandbox.pools();
  health.attestation = quoter ? "dstack-sdk" : "none";
}

bool Service::engine_away() const {
  return impl_->scheduler.engine_away() || impl_->dependencies.engine_away();
}

void Service::reconfigure(const ServiceOptions& wanted) {
  ServiceOptions& options = impl_->options;
  options.workers = wanted.workers;
  options.queue = wanted.queue;
  options.queue_per_client = wanted.queue_per_client;
  options.attempts = wanted.attempts;
  options.max_starts = wanted.max_starts;
  options.retry_backoff = wanted.retry_backoff;
  options.drain = wanted.drain;
  options.retention = wanted.retention;
  options.retention_jobs = wanted.retention_jobs;
  options.retention_bytes = wanted.retention_bytes;
  impl_->scheduler.begin_what_can();
}

void Service::write_metrics(core::MetricsText& out) const {
  impl_->metrics.write(out);
  impl_->metrics.write_pools(out, impl_->sandbox.pools());
  const auto gauge = [&out](std::string_view name, std::string_view help, std::size_t value) {
    out.gauge(name, help);
    out.sample({}, static_cast<double>(value));
  };
  gauge("skill_verifier_queue_jobs", "Jobs that wait for a worker or for another try.", impl_->scheduler.queued());
  gauge("skill_verifier_queue_limit_jobs", "Jobs that may wait; one more is refused.", impl_->options.queue);
  gauge("skill_verifier_running_jobs", "Jobs that are being worked on.", impl_->scheduler.active());
  out.counter("skill_verifier_clock_jumps_total",
              "Times that the clock was found set; nothing is removed for an hour then.");
  out.sample({}, static_cast<double>(impl_->clock_jumps));
  gauge("skill_verifier_workers", "Jobs that may be in sandboxes at once.", impl_->options.workers);
}

awaitable<Result<std::uint64_t>> Service::total(std::optional<std::string> viewer) {
  std::uint64_t hidden = 0;
  if (viewer) {
    auto counted = co_await impl_->store.count_hidden(std::move(*viewer));
    if (!counted) co_return counted.error();
    hidden = *counted;
  }
  auto counts = co_await impl_->store.counts();
  if (!counts) co_return counts.error();
  std::uint64_t total = 0;
  for (const auto& [state, jobs] : *counts)
    total += jobs;
  // The two were counted one after the other.
  co_return total - std::min(total, hidden);
}

}  // namespace skill_verifier::service
