#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "skill_verifier/attest/document.hpp"
#include "skill_verifier/attest/quoter.hpp"
#include "skill_verifier/attest/service_attestor.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/core/metrics.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"
#include "skill_verifier/scan/profile.hpp"
#include "skill_verifier/service/job_events.hpp"
#include "skill_verifier/service/job_timing.hpp"
#include "skill_verifier/service/webhooks.hpp"
#include "skill_verifier/skill/manifest.hpp"
#include "skill_verifier/skill/package.hpp"
#include "skill_verifier/store/job_store.hpp"

namespace skill_verifier::service {

using core::awaitable;

/// Rules of this service; `app` fills it from the configuration.
struct ServiceOptions {
  std::size_t workers = 2;  ///< jobs running at once
  std::size_t queue_per_client =
      0;  ///< of them, of one key or address; one more is overloaded `client_queue_full`; 0: no limit
  std::size_t anonymous_concurrency = 0;  ///< jobs in sandboxes at once of one address; 0: no limit
  /// The same for the owner of jobs. Asked whenever a job might begin.
  std::function<std::size_t(const std::string& owner)> owner_concurrency;
  std::size_t queue = 1000;  ///< jobs waiting; one more is overloaded `queue_full`
  int attempts = 3;          ///< runs of one job in this life when the infrastructure fails
  int max_starts = 10;       ///< runs of one job over all lives; a job that keeps killing the service ends here
  core::Duration retry_backoff = std::chrono::seconds(1);  ///< doubled per attempt, at most 30 s
  core::Duration drain = std::chrono::seconds(20);         ///< grace of running jobs at shutdown
  std::chrono::seconds retention{0};                       ///< final jobs older than this are removed; 0 = kept
  std::uint64_t retention_jobs = 0;                        ///< of more final jobs the oldest are removed; 0 = no limit
  std::uint64_t retention_bytes = 0;  ///< the same for what all jobs take in the store; 0 = no limit
  /// Told which jobs the retention has removed, and whether by age or by number and size; at most 256 in one call.
  std::function<awaitable<void>(std::vector<std::string> ids, std::string why)> on_removed;
  core::Duration retention_interval = std::chrono::seconds(60);  ///< how often that is looked at
  core::Duration jump_hold = std::chrono::hours(1);  ///< nothing is removed for so long after the clock was set
  bool cache = false;                                ///< an earlier verdict on the same thing is given again
  std::chrono::seconds cache_max_age{std::chrono::hours(24 * 7)};    ///< of a verdict that is
  std::chrono::seconds cache_failed_max_age{std::chrono::hours(1)};  ///< of a `failed` one
  bool attestation_required = false;
  bool allow_bridge_for_tests = false;
  bool allow_bridge_for_deps = true;
  bool allow_deps = true;
  std::chrono::milliseconds deps_timeout{300'000};
  std::chrono::milliseconds max_test_timeout{300'000};
  core::Duration image_timeout = std::chrono::minutes(15);     ///< to resolve and pull one image
  core::Duration sandbox_overhead = std::chrono::seconds(60);  ///< on top of a command's own time limit
  core::Duration quote_timeout = std::chrono::minutes(10);     ///< waiting in the quoter's line included
  std::size_t quote_backlog = 64;  ///< jobs that wait for a quote without a worker; with more, no new job is begun
  core::Duration health_cache = std::chrono::seconds(2);  ///< age up to which a dependency is not asked again
  core::Duration check_limit = std::chrono::seconds(3);   ///< for all dependencies together to answer readiness()
  core::Duration health_wait = std::chrono::seconds(1);   ///< for those that never answered yet, in health()
  std::vector<std::filesystem::path> skill_roots;         ///< `skillPath` must be beneath one of them; empty = off
  bool allow_any_path = false;                            ///< `skillPath` may be anywhere: for the command line only
  skill::Profile profile = skill::Profile::registry;
  std::optional<scan::Profile> checks;          ///< static checks that every job gets; absent: none
  std::optional<scan::Profile> sandbox_checks;  ///< checks that run something (scan::sandbox_profile); absent: none
  core::Duration sandbox_checks_limit = std::chrono::seconds(90);  ///< for all of a job's together
  std::string toolbox;                                             ///< image that they run in, for the policy's digest
  bool flagged_fails = false;  ///< a skill that the checks flag is FAILED, whatever its tests say
  skill::PackageLimits package;
  /// Packs kept so that an unchanged package is not unpacked again, oldest use first out; 0 = none is.
  std::uint64_t known_package_bytes = 0;
  sandbox::Limits limits;
  std::string instance;                                      ///< label of this installation
  std::string verifier;                                      ///< `skill-verifier 0.1.0`
  std::string verifier_sha256;                               ///< of the running executable
  std::filesystem::path collateral;                          ///< directory of the collateral of finished jobs
  core::Duration collateral_wait = std::chrono::seconds(5);  ///< of a job or a reader; what comes later is for others
  std::optional<std::string> source_commit;  ///< that the program was built from; absent where the build knew none
  WebhookOptions webhooks;
  std::map<std::string, std::string> runtimes;  ///< allowed references and what they stand for, for the policy's digest
};

/// What a client wants verified. Exactly one of `archive` (a file in store.spool(), which the service takes over),
/// `archive_bytes` (a small archive that never was a file) and `skill_path` is set.
struct Submission {
  std::optional<std::filesystem::path> archive;
  std::optional<std::string> archive_bytes;
  std::string archive_name;
  std::string id;  ///< that the job gets; empty: one is made
  std::optional<std::string> skill_path;
  std::optional<std::string> nonce;  ///< 1 to 128 printable ASCII characters, checked by submit
  std::optional<std::string> version;
  std::optional<std::string> name;
  bool discover = false;
  bool fresh = false;                          ///< no earlier verdict will do
  std::optional<std::string> idempotency_key;  ///< 1 to 255 printable ASCII characters, checked by submit
  std::size_t batch = 0;                       ///< number of the submissions that were sent together; 0: alone
  std::optional<std::string> webhook;          ///< URL that is told what becomes of the job
  std::optional<std::string> webhook_secret;   ///< `whsec_…`, or two of them; absent: the operator's. Never shown
  std::string owner;                           ///< id of the API key that submits; empty: anonymous
  std::string client;       ///< whose share an anonymous job counts against: an address; empty: nobody's
  bool is_private = false;  ///< only the owner may know of the job; invalid_argument `visibility_invalid` without one
  std::string request_id;   ///< for the log
  std::string trace_id;     ///< for the log, as long as the job lives; may be empty
};

/// A piece of a job's log as it grows: text from `offset` on. `done` = nothing will follow.
struct LogPart {
  std::string text;
  std::size_t next_offset = 0;
  bool done = false;
};

/// The service's own attestation for one caller.
struct ServiceAttestation {
  attest::ServiceAnswer answer;
  attest::ServiceExtras extras;
};

struct Health {
  store::JobCounts jobs;
  std::size_t queued = 0;
  std::size_t running = 0;
  bool draining = false;
  sandbox::EngineVersion engine;
  std::optional<std::string> engine_error;
  std::optional<std::string> store_error;
  std::optional<std::string> dstack_error;  ///< the guest agent was found at the start and does not answer now
  std::string attestation;                  ///< `dstack-sdk` or `none`
  std::vector<sandbox::PoolState> pools;
};

/// Jobs from submission to verdict. One thread. Coroutines never wait for a job, container or quote except `wait`.
class Service {
 public:
  /// `quoter` null: no guest agent; `appraiser` null: quotes are not verified and documents carry no collateral.
  /// Everything handed in outlives the service.
  Service(core::asio::any_io_executor executor, core::WorkPool& pool, const core::Clock& clock, store::JobStore& store,
          sandbox::Sandbox& sandbox, attest::Quoter* quoter, ServiceOptions options,
          attest::Appraiser* appraiser = nullptr);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Recovers jobs of earlier lives and starts to run them. `sandbox.start()` has succeeded before.
  awaitable<Result<void>> start();
  /// No new jobs; running ones get ServiceOptions::drain, the rest goes back to pending for the next start. When this
  /// returns no coroutine of the service is left. Must have been called before the destructor.
  awaitable<void> stop();

  /// Validates the package and its manifest, stores the job durably, queues it. Takes the archive over: it is gone from
  /// the spool afterwards, whatever the answer. Errors: those of skill::import_*, of the manifest (rejected),
  /// invalid_argument `nonce_invalid` / `name_invalid` / `version_invalid` / `skill_path_invalid` /
  /// `submission_invalid`, rejected `skill_path_outside_roots` / `skill_path_disabled` / `skill_path_not_package` /
  /// `deps_not_allowed` / `webhooks_disabled`, invalid_argument `webhook_invalid` / `webhook_secret_invalid` /
  /// `webhook_secret_missing`, not_found `skill_path_not_found`, overloaded `queue_full` / `client_queue_full`,
  /// unavailable `draining` / `store_failed`.
  /// With an idempotency key that stands for a job of the same request already, that job (`replayed`); of another one:
  /// rejected `idempotency_key_reused`. Where an earlier verdict will do, the job is completed (`original` is whose).
  awaitable<Result<store::Job>> submit(Submission submission);
  /// Before the package is there: what submit would end with for want of a place, whatever the package turns out to be.
  /// Nothing where an idempotency key or an earlier verdict may make a place needless. Errors: overloaded `queue_full`
  /// / `client_queue_full`, counted as refused submissions.
  Result<void> check_room(const Submission& submission);
  /// Id of the job that the idempotency key of such a submission stands for now; only who asks and the key are looked
  /// at.
  awaitable<Result<std::optional<std::string>>> keyed_job(Submission submission);
  awaitable<Result<store::Job>> find(std::string id);
  /// Who may see the job. The cost does not depend on whether there is one.
  awaitable<Result<store::JobAccess>> access(std::string id);
  /// As soon as the job is final, or after `limit` (or at shutdown) as it then is.
  awaitable<Result<store::Job>> wait(std::string id, core::Duration limit);
  /// Of one of the last 4,096 jobs that ended in this life.
  std::optional<JobTiming> timing(const std::string& id) const;
  awaitable<Result<std::vector<store::JobSummary>>> list(store::JobFilter filter);
  /// Cancels a pending or running job (its container is gone when this returns) and removes the record. timed_out
  /// `cancel_timed_out` when its container would not go: the job is removed later by another call.
  awaitable<Result<void>> remove(std::string id);
  /// Log text from `offset` on; waits up to `limit` for more while the job runs. The text is what the skill wrote, with
  /// our headings (`== …`) between: a skill can write such lines too, so only the result is evidence. At most 5 MiB.
  awaitable<Result<LogPart>> log(std::string id, std::size_t offset, core::Duration limit);
  /// The job's next change of state or piece of its log after `cursor`; waits up to `limit` for one.
  awaitable<Result<EventPart>> events(std::string id, EventCursor cursor, core::Duration limit);
  /// JobStore::verdicts.
  awaitable<Result<std::vector<std::optional<store::VerdictRow>>>> verdicts(std::vector<std::string> subjects,
                                                                            std::optional<std::string> viewer);
  /// The service document under a quote, with the caller's nonce beneath its root. Errors: those of
  /// attest::ServiceAttestor::attest and of sandbox::Sandbox::images.
  awaitable<Result<ServiceAttestation>> attestation(std::optional<std::string> nonce);
  /// What a completed job's document has to say of its quote, with the collateral of that time; what the job could not
  /// get is got now. Absent where there is no quote or no appraiser.
  awaitable<std::optional<attest::Appraisal>> appraisal(store::Job job);
  /// Messages about jobs, newest first, without secrets and bodies.
  awaitable<Result<std::vector<store::Delivery>>> deliveries(store::DeliveryFilter filter);
  /// Sends a message again that was delivered or given up. Errors: those of store::Outbox::redeliver.
  awaitable<Result<store::Delivery>> redeliver(std::string id);
  /// A completed job's checks as SARIF 2.1.0, with places relative to the skill's root. Errors: not_found
  /// `checks_not_made` (judged by an earlier version), internal `result_unreadable`.
  awaitable<Result<std::string>> sarif(store::Job job);
  /// The dependencies as they were when they last answered, at once; they are asked anew behind it. Who has never
  /// answered is waited for up to ServiceOptions::health_wait, as is the number of jobs, which is the last one known
  /// else.
  awaitable<Health> health();
  /// The same with the dependencies as they are now: all are asked beside each other and have
  /// ServiceOptions::check_limit together.
  awaitable<Health> readiness();
  /// The engine did not answer when it was last asked: jobs are taken in, and wait for it.
  bool engine_away() const;
  /// Takes on what can change in a running service: workers, queue and a client's share of it, attempts, max_starts,
  /// retry_backoff, drain and the retention; everything else stays as it was.
  void reconfigure(const ServiceOptions& wanted);
  /// Jobs, stages, sandbox outcomes, queue and pools.
  void write_metrics(core::MetricsText& out) const;
  /// Bytes of the packages that are kept for jobs of this life that are not final.
  std::uint64_t pack_bytes() const;
  /// Number of all stored jobs; for a `viewer` without the private ones of others.
  awaitable<Result<std::uint64_t>> total(std::optional<std::string> viewer);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skill_verifier::service
