#include "skill_verifier/service/service.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "service/idempotency.hpp"
#include "service/intake.hpp"
#include "service/job_runner.hpp"
#include "service/policy.hpp"
#include "service/quote_evidence.hpp"
#include "service/result_cache.hpp"
#include "service/sarif.hpp"
#include "service/scheduler.hpp"
#include "service/self_description.hpp"
#include "service/service_metrics.hpp"
#include "service/spool_file.hpp"
#include "service/webhook_sender.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::service {
namespace {

/// For a container that is being removed; the engine's own time limits are shorter.
constexpr core::Duration kCancelLimit = std::chrono::seconds(60);
constexpr core::Duration kCheckLimit = std::chrono::seconds(5);
/// For an expiry that is being written when the service stops.
constexpr core::Duration kHousekeepingLimit = std::chrono::seconds(10);

Error draining() {
  return {Errc::unavailable, "draining", "the service is shutting down and takes no new jobs", "try again in a minute"};
}

attest::ServiceAttestorOptions attestor_options(const ServiceOptions& options) {
  attest::ServiceAttestorOptions made;
  made.required = options.attestation_required;
  return made;
}

LogPart part_of(std::string_view text, std::size_t offset, bool done) {
  LogPart part;
  if (offset < text.size()) part.text = text.substr(offset);
  part.next_offset = std::max(offset, text.size());
  part.done = done;
  return part;
}

}  // namespace

constexpr std::size_t kIntakesAtOnce = 2;
constexpr std::size_t kRepeatsAtOnce = 4;
/// Of result and statement. A copy is written for each job that repeats them, which costs its client next to nothing.
constexpr std::size_t kMostRepeated = 128u << 10;

struct Service::Impl {
  Impl(core::asio::any_io_executor executor, core::WorkPool& pool, const core::Clock& clock, store::JobStore& store,
       sandbox::Sandbox& sandbox, attest::Quoter* quoter, ServiceOptions wanted, attest::Appraiser* appraiser)
      : pool(pool),
        clock(clock),
        store(store),
        sandbox(sandbox),
        quoter(quoter),
        options(std::move(wanted)),
        evidence(executor, pool, appraiser, options),
        runner(executor, pool, clock, store, sandbox, quoter, evidence, metrics, options),
        webhooks(executor, clock, store.outbox(), options.webhooks, options.verifier),
        scheduler(executor, clock, store, runner, metrics, options, [this] { webhooks.wake(); }),
        intake(executor, kIntakesAtOnce),
        repeating(executor, kRepeatsAtOnce),
        known(store.spool() / "known", options.known_package_bytes),
        housekeeping(executor),
        self(sandbox, quoter, options),
        attestor(executor, clock, quoter, [this] { return self.describe(); }, attestor_options(options)) {}

  core::awaitable<Result<store::Job>> accept(std::string id, Submission submission, std::filesystem::path pack);
  core::awaitable<Result<JobRequest>> read(Submission submission, std::filesystem::path pack);
  core::awaitable<Result<std::optional<store::Job>>> replay(store::IdempotencyUse use);
  core::awaitable<std::optional<store::Job>> earlier_verdict(std::shared_ptr<const JobRequest> request,
                                                             std::string skill_id, Plan plan, std::string owner);
  core::awaitable<Result<store::Job>> insert(store::Job job, std::filesystem::path pack,
                                             std::optional<store::Job> original);
  core::awaitable<Result<void>> resume(store::JobSummary job);
  core::awaitable<void> tidy();
  core::awaitable<void> tidy_regularly();
  core::awaitable<void> expire_old_jobs();
  core::awaitable<void> trim_jobs();
  bool clock_is_steady();
  core::awaitable<void> check_dependencies();

  core::WorkPool& pool;
  const core::Clock& clock;
  store::JobStore& store;
  sandbox::Sandbox& sandbox;
  attest::Quoter* const quoter;
  ServiceOptions options;
  QuoteEvidence evidence;
  ServiceMetrics metrics;
  JobRunner runner;
  WebhookSender webhooks;
  Scheduler scheduler;
  core::Semaphore intake;
  core::Semaphore repeating;
  KnownPackages known;
  core::TaskGroup housekeeping;
  SelfDescription self;
  attest::ServiceAttestor attestor;
  std::optional<std::string> engine_error, store_error, dstack_error;
  std::optional<std::chrono::steady_clock::time_point> checked_at;
  std::optional<std::pair<core::Time, std::chrono::steady_clock::time_point>> last_look;
  std::optional<std::chrono::steady_clock::time_point> jumped_at;
  std::size_t clock_jumps = 0;
};

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
  co_await impl_->housekeeping.wait(kHousekeepingLimit);
}

awaitable<Result<JobRequest>> Service::Impl::read(Submission submission, std::filesystem::path pack) {
  auto work = [submission = std::move(submission), pack = std::move(pack), spool = store.spool(), this] {
    return take_in(submission, options, spool, pack, known);
  };
  // Archives must not hold every thread of the pool: packs on their way into sandboxes are read there too.
  const auto turn = co_await intake.acquire();
  if (!turn) co_return Error{Errc::cancelled, "the submission was cancelled"};
  co_return co_await core::run_on(pool, std::move(work));
}

awaitable<Result<store::Job>> Service::submit(Submission submission) {
  const std::string id = submission.id.empty() ? core::new_job_id() : submission.id;
  const SpoolFile archive(submission.archive.value_or(std::filesystem::path()));
  const SpoolFile pack(impl_->store.spool() / (id + ".pack"));
  auto job = co_await impl_->accept(id, std::move(submission), pack.path());
  job ? impl_->metrics.accepted() : impl_->metrics.refused();
  // The archive went when it was read, the pack is the job's.
  if (job && !job->replayed && job->original.empty()) co_return job;
  // Removing a large file can take a while; the guards above are for exceptions.
  auto tidy = [archive = archive.path(), pack = pack.path()] {
    std::error_code ignored;
    if (!archive.empty()) std::filesystem::remove(archive, ignored);
    std::filesystem::remove(pack, ignored);
  };
  co_await core::run_on(impl_->pool, std::move(tidy));
  co_return job;
}

awaitable<Result<store::Job>> Service::Impl::accept(std::string id, Submission submission, std::filesystem::path pack) {
  if (scheduler.draining()) co_return draining();
  if (auto valid = check_submission(submission); !valid) co_return valid.error();
  const std::string lane = Scheduler::lane_of(submission.owner, submission.client);
  std::optional<store::IdempotencyUse> use;
  if (submission.idempotency_key) {
    auto work = [submission] { return request_digest(submission); };
    const auto turn = co_await intake.acquire();
    if (!turn) co_return Error{Errc::cancelled, "the submission was cancelled"};
    SKILL_VERIFIER_CO_TRY(const std::string digest, co_await core::run_on(pool, std::move(work)));
    use = store::IdempotencyUse{*submission.idempotency_key, digest, {}, lane};
    SKILL_VERIFIER_CO_TRY(auto known, co_await replay(*use));
    if (known) co_return std::move(*known);
  }
  if (!scheduler.has_room())
    co_return Error{Errc::overloaded, "queue_full",
                    fmt::format("{} jobs wait already, which is the limit", options.queue), "try again later"};
  if (!scheduler.has_room_in(lane))
    co_return Error{Errc::overloaded, "client_queue_full",
                    fmt::format("{} jobs of this client wait already, which is its share", options.queue_per_client),
                    "wait for some of them, then try again"};
  const Scheduler::Place place(scheduler, lane);
  Stopwatch watch;

  store::Job job;
  job.id = std::move(id);
  const std::string request_id = submission.request_id, trace_id = submission.trace_id;
  auto webhook = webhook_of(submission, options.webhooks);
  if (!webhook) co_return webhook.error();
  job.webhook = std::move(*webhook);
  job.owner = submission.owner;
  job.is_private = submission.is_private;
  const bool repeats = options.cache && !submission.fresh && !submission.nonce;
  auto taken = co_await read(std::move(submission), pack);
  if (!taken) co_return taken.error();
  const auto request = std::make_shared<const JobRequest>(std::move(*taken));
  watch.lap(&JobTiming::intake);
  // What policy refuses outright is refused now; the plan itself is made when the job runs.
  auto plan = make_plan(request->manifest, options);
  if (!plan) co_return plan.error();
  job.skill_id = request->manifest.skill_id(request->tree_digest);
  job.request = to_json(*request);
  job.tree_digest = request->tree_digest;
  job.archive_sha256 = request->archive_sha256.value_or("");
  std::optional<store::Job> original;
  core::Semaphore::Permit turn;
  if (repeats) {
    // Whole results are in memory until the copy is stored: a few at a time.
    turn = co_await repeating.acquire();
    if (!turn) co_return Error{Errc::cancelled, "the submission was cancelled"};
    // What was private is repeated for its owner, and only where it stays private.
    const std::string viewer = job.is_private ? job.owner : std::string();
    original = co_await earlier_verdict(request, job.skill_id, std::move(*plan), viewer);
    if (!original) turn = {};
  }
  job.created_at = clock.now();
  if (use) use->expires_at = job.created_at + kKeyLife;
  job.idempotency = use;
  if (scheduler.draining()) co_return draining();
  const bool repeated = original.has_value();
  auto stored = co_await insert(std::move(job), std::move(pack), std::move(original));
  if (!stored && stored.error().id == "idempotency_key_used" && use) {
    // Somebody with the same key was faster.
    SKILL_VERIFIER_CO_TRY(auto known, co_await replay(*use));
    if (known) co_return std::move(*known);
  }
  if (!stored) co_return stored.error();
  watch.lap(&JobTiming::stored);
  log::info(repeated ? "job answered from the cache" : "job accepted",
            {{"job", stored->id}, {"request", request_id}, {"skill", stored->skill_id}});
  if (repeated) {
    webhooks.wake();
    co_return without_documents(std::move(*stored));
  }
  // Acknowledged although the service began to drain meanwhile: the next life runs it.
  if (!scheduler.draining()) scheduler.add(stored->id, lane, request_id, trace_id, request->pack_bytes, watch);
  co_return stored;
}

awaitable<Result<std::optional<store::Job>>> Service::Impl::replay(store::IdempotencyUse use) {
  SKILL_VERIFIER_CO_TRY(const auto known, co_await store.find_key(use.owner, use.key, clock.now()));
  if (!known) co_return std::optional<store::Job>();
  if (auto same = check_same_request(*known, use.request_sha256); !same) co_return same.error();
  SKILL_VERIFIER_CO_TRY(auto job, co_await store.find(known->id));
  job.replayed = true;
  co_return std::optional(without_documents(std::move(job)));
}

/// Absent also when something does not work: then the job runs.
awaitable<std::optional<store::Job>> Service::Impl::earlier_verdict(std::shared_ptr<const JobRequest> request,
                                                                    std::string skill_id, Plan plan,
                                                                    std::string viewer) {
  const std::vector<std::string> subject{request->tree_digest};
  const auto judged = co_await store.verdicts(subject, viewer);
  if (!judged || !judged->at(0) || judged->at(0)->verdict.empty()) co_return std::nullopt;
  std::optional<sandbox::Image> image;
  if (plan.test) {
    auto looking = sandbox.images();
    const auto images = co_await core::with_deadline(std::move(looking), kCheckLimit, "images");
    if (!images) co_return std::nullopt;
    const auto& runtime = request->manifest.test.runtime;
    const auto found = std::ranges::find(*images, runtime, &sandbox::Image::reference);
    if (found == images->end()) co_return std::nullopt;
    image = *found;
  }
  const auto key = cache_key(skill_id, *request, plan, image, sandbox.profile(), options);
  if (!key) co_return std::nullopt;
  const core::Time now = clock.now();
  auto found = co_await store.find_cached(*key, now - options.cache_max_age, viewer);
  if (!found || !*found) co_return std::nullopt;
  if ((*found)->result.size() + (*found)->statement.size() > kMostRepeated) co_return std::nullopt;
  auto work = [this, job = std::make_shared<const store::Job>(std::move(**found)), request, now] {
    auto checked = check_cached(*job, request->tree_digest, quoter != nullptr, options.attestation_required);
    if (checked && failed_too_long_ago(*job, now, options)) checked = Error{Errc::not_found, "expired"};
    return std::pair(job, checked);
  };
  const auto [job, checked] = co_await core::run_on(pool, std::move(work));
  if (!checked && checked.error().code == Errc::internal)
    log::error("cached result refused", {{"job", job->id}, {"message", checked.error().message}});
  if (!checked) co_return std::nullopt;
  co_return *job;
}

awaitable<Result<store::Job>> Service::Impl::insert(store::Job job, std::filesystem::path pack,
                                                    std::optional<store::Job> original) {
  if (!original) co_return co_await store.insert(std::move(job), std::move(pack));
  job.original = original->original.empty() ? original->id : original->original;
  auto outcome = co_await core::run_on(
      pool, [original = std::move(*original), now = job.created_at] { return repeated_outcome(original, now); });
  co_return co_await store.insert_final(std::move(job), std::move(outcome));
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
  auto make = [whole = std::make_shared<const store::Job>(std::move(job)), profile = impl_->options.checks,
               verifier = impl_->options.verifier] { return sarif_of(*whole, profile, verifier); };
  co_return co_await core::run_on(impl_->pool, std::move(make));
}

awaitable<Health> Service::health() {
  const auto now = std::chrono::steady_clock::now();
  if (!impl_->checked_at || now - *impl_->checked_at >= impl_->options.health_cache) {
    // Set before the checks: those who ask meanwhile get the last answer instead of starting checks of their own.
    impl_->checked_at = now;
    co_await impl_->check_dependencies();
  }
  Health health;
  auto counts = co_await impl_->store.counts();
  if (counts) health.jobs = std::move(*counts);
  health.queued = impl_->scheduler.queued();
  health.running = impl_->scheduler.active();
  health.draining = impl_->scheduler.draining();
  health.engine_error = impl_->engine_error;
  health.store_error = counts ? impl_->store_error : std::optional(counts.error().message);
  health.dstack_error = impl_->dstack_error;
  health.pools = impl_->sandbox.pools();
  health.attestation = impl_->quoter ? "dstack-sdk" : "none";
  co_return health;
}

awaitable<void> Service::Impl::check_dependencies() {
  // Its answer is everybody's: a caller that goes away must not turn it into a failure.
  co_await core::shield_from_cancellation();
  auto checking = sandbox.check();
  auto engine = co_await core::with_deadline(std::move(checking), kCheckLimit, "engine");
  engine_error = engine ? std::nullopt : std::optional(engine.error().message);
  auto writing = store.check();
  auto written = co_await core::with_deadline(std::move(writing), kCheckLimit, "store");
  store_error = written ? std::nullopt : std::optional(written.error().message);
  if (quoter == nullptr) co_return;
  auto asking = quoter->info();
  auto answered = co_await core::with_deadline(std::move(asking), kCheckLimit, "guest agent");
  dstack_error = answered ? std::nullopt : std::optional(answered.error().message);
}

bool Service::engine_away() const {
  return impl_->scheduler.engine_away() || impl_->engine_error;
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
