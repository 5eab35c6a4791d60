#include <fmt/core.h>

#include "service/idempotency.hpp"
#include "service/intake.hpp"
#include "service/result_cache.hpp"
#include "service/service_impl.hpp"
#include "service/spool_file.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/log.hpp"

/// How a job comes in: read, known already, answered from an earlier verdict, or stored to be run.
namespace skill_verifier::service {
namespace {

constexpr core::Duration kLookLimit = std::chrono::seconds(5);
/// Of result and statement. A copy is written for each job that repeats them, which costs its client next to nothing.
constexpr std::size_t kMostRepeated = 128u << 10;

Error draining() {
  return {Errc::unavailable, "draining", "the service is shutting down and takes no new jobs", "try again in a minute"};
}

/// Absent also when the engine does not answer.
awaitable<std::optional<sandbox::Image>> present_image(sandbox::Sandbox& sandbox, std::string reference) {
  auto looking = sandbox.present(std::move(reference));
  auto image = co_await core::with_deadline(std::move(looking), kLookLimit, "image");
  co_return image ? std::move(*image) : std::nullopt;
}

}  // namespace

awaitable<Result<TakenIn>> Service::Impl::read(Submission submission, std::filesystem::path pack) {
  const auto asked = std::make_shared<const Submission>(std::move(submission));
  core::Semaphore::Permit turn;
  if (asked->skill_path) {
    auto found = co_await folders.find(asked);
    if (found.entry) co_return KnownPackages::take(found.entry);
    turn = std::move(found.turn);
  }
  auto work = [asked, pack = std::move(pack), spool = store.spool(), this] {
    return take_in(*asked, options, spool, pack, known);
  };
  // Archives must not hold every thread of the pool: packs on their way into sandboxes are read there too.
  if (!turn) turn = co_await intake.acquire();
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

bool Service::Impl::may_be_repeated(const Submission& submission) const {
  return options.cache && !submission.fresh && !submission.nonce;
}

Result<void> Service::Impl::check_room(const std::string& lane) const {
  if (!scheduler.has_room())
    return Error{Errc::overloaded, "queue_full", fmt::format("{} jobs wait already, which is the limit", options.queue),
                 "try again later"};
  if (!scheduler.has_room_in(lane))
    return Error{Errc::overloaded, "client_queue_full",
                 fmt::format("{} jobs of this client wait already, which is its share", options.queue_per_client),
                 "wait for some of them, then try again"};
  return {};
}

Result<void> Service::Impl::take_place(const std::string& lane, std::optional<Scheduler::Place>& place) {
  if (auto room = check_room(lane); !room) return room;
  place.emplace(scheduler, lane);
  return {};
}

Result<void> Service::check_room(const Submission& submission) {
  if (submission.idempotency_key || impl_->may_be_repeated(submission)) return {};
  auto room = impl_->check_room(Scheduler::lane_of(submission.owner, submission.client));
  if (!room) impl_->metrics.refused();
  return room;
}

awaitable<Result<std::optional<std::string>>> Service::keyed_job(Submission submission) {
  if (!submission.idempotency_key) co_return std::optional<std::string>();
  const std::string lane = Scheduler::lane_of(submission.owner, submission.client);
  SKILL_VERIFIER_CO_TRY(const auto known,
                        co_await impl_->store.find_key(lane, *submission.idempotency_key, impl_->clock.now()));
  co_return known ? std::optional(known->id) : std::nullopt;
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
  const bool repeats = may_be_repeated(submission);
  std::optional<Scheduler::Place> place;
  // An earlier verdict needs no place; whether there is one is known once the package was read.
  if (auto got = take_place(lane, place); !got && !repeats) co_return got.error();
  Stopwatch watch;

  store::Job job;
  job.id = std::move(id);
  const Origin origin{submission.nonce, submission.request_id, submission.trace_id};
  auto webhook = webhook_of(submission, options.webhooks);
  if (!webhook) co_return webhook.error();
  job.webhook = std::move(*webhook);
  job.owner = submission.owner;
  job.is_private = submission.is_private;
  auto taken = co_await read(std::move(submission), pack);
  if (!taken) co_return taken.error();
  const auto request = taken->request;
  watch.lap(&JobTiming::intake);
  // What policy refuses outright is refused now; the plan itself is made when the job runs.
  auto plan = make_plan(request->manifest, options);
  if (!plan) co_return plan.error();
  job.skill_id = request->manifest.skill_id(request->tree_digest);
  job.request = join_request(*taken->json, origin);
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
  if (!original && !place)
    if (auto got = take_place(lane, place); !got) co_return got.error();
  job.created_at = clock.now();
  if (use) use->expires_at = job.created_at + kKeyLife;
  job.idempotency = use;
  if (scheduler.draining()) co_return draining();
  const bool repeated = original.has_value();
  auto stored = co_await insert(std::move(job), std::move(taken->pack), std::move(original));
  if (!stored && stored.error().id == "idempotency_key_used" && use) {
    // Somebody with the same key was faster.
    SKILL_VERIFIER_CO_TRY(auto known, co_await replay(*use));
    if (known) co_return std::move(*known);
  }
  if (!stored) co_return stored.error();
  watch.lap(&JobTiming::stored);
  log::info(repeated ? "job answered from the cache" : "job accepted",
            {{"job", stored->id}, {"request", origin.request_id}, {"skill", stored->skill_id}});
  if (repeated) {
    webhooks.wake();
    co_return without_documents(std::move(*stored));
  }
  // Acknowledged although the service began to drain meanwhile: the next life runs it.
  if (!scheduler.draining())
    scheduler.add(stored->id, lane, origin.request_id, origin.trace_id, request->pack_bytes, watch);
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
  std::optional<sandbox::Image> image, toolbox;
  if (plan.test) {
    image = co_await present_image(sandbox, request->manifest.test.runtime);
    if (!image) co_return std::nullopt;
  }
  if (options.sandbox_checks) toolbox = co_await present_image(sandbox, options.toolbox);
  const auto key = cache_key(skill_id, *request, plan, image, sandbox.profile(), options);
  if (!key) co_return std::nullopt;
  const core::Time now = clock.now();
  auto found = co_await store.find_cached(*key, now - options.cache_max_age, viewer);
  if (!found || !*found) co_return std::nullopt;
  if ((*found)->result.size() + (*found)->statement.size() > kMostRepeated) co_return std::nullopt;
  auto work = [this, job = std::make_shared<const store::Job>(std::move(**found)), request, now, toolbox] {
    auto checked = check_cached(*job, request->tree_digest, quoter != nullptr, options.attestation_required);
    if (checked && failed_too_long_ago(*job, now, options)) checked = Error{Errc::not_found, "expired"};
    if (checked && !ran_in(*job, toolbox)) checked = Error{Errc::not_found, "moved"};
    return std::pair(job, checked);
  };
  const auto [job, checked] = co_await core::run_on(pool, std::move(work));
  if (!checked && checked.error().code == Errc::internal)
    log::error("cached result refused", {{"job", job->id}, {"message", checked.error().message}});
  if (!checked) co_return std::nullopt;
  co_return *job;
}

awaitable<Result<store::Job>> Service::Impl::insert(store::Job job, store::PackFile pack,
                                                    std::optional<store::Job> original) {
  if (!original) co_return co_await store.insert(std::move(job), std::move(pack));
  job.original = original->original.empty() ? original->id : original->original;
  auto outcome = co_await core::run_on(
      pool, [original = std::move(*original), now = job.created_at] { return repeated_outcome(original, now); });
  co_return co_await store.insert_final(std::move(job), std::move(outcome));
}

}  // namespace skill_verifier::service
