#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "service/dependencies.hpp"
#include "service/job_runner.hpp"
#include "service/known_folders.hpp"
#include "service/policy.hpp"
#include "service/quote_evidence.hpp"
#include "service/scheduler.hpp"
#include "service/self_description.hpp"
#include "service/service_metrics.hpp"
#include "service/webhook_sender.hpp"
#include "skill_verifier/service/service.hpp"

/// What the service is made of. Its life and its answers are in service.cpp, how a job comes in in submission.cpp, what
/// is removed in housekeeping.cpp.
namespace skill_verifier::service {

struct Service::Impl {
  static constexpr std::size_t kIntakesAtOnce = 2;
  static constexpr std::size_t kRepeatsAtOnce = 4;

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
        folders(pool, intake, known, options),
        housekeeping(executor),
        self(sandbox, quoter, options),
        attestor(
            executor, clock, quoter, [this] { return self.describe(); }, attestor_options()),
        dependencies(executor, store, sandbox, quoter, options) {}

  attest::ServiceAttestorOptions attestor_options() const {
    attest::ServiceAttestorOptions made;
    made.required = options.attestation_required;
    return made;
  }
  core::awaitable<Result<store::Job>> accept(std::string id, Submission submission, std::filesystem::path pack);
  /// Whether an earlier verdict may answer it.
  bool may_be_repeated(const Submission& submission) const;
  Result<void> check_room(const std::string& lane) const;
  Result<void> take_place(const std::string& lane, std::optional<Scheduler::Place>& place);
  core::awaitable<Result<TakenIn>> read(Submission submission, std::filesystem::path pack);
  core::awaitable<Result<std::optional<store::Job>>> replay(store::IdempotencyUse use);
  core::awaitable<std::optional<store::Job>> earlier_verdict(std::shared_ptr<const JobRequest> request,
                                                             std::string skill_id, Plan plan, std::string viewer);
  core::awaitable<Result<store::Job>> insert(store::Job job, store::PackFile pack, std::optional<store::Job> original);
  core::awaitable<Result<void>> resume(store::JobSummary job);
  core::awaitable<void> tidy();
  core::awaitable<void> tidy_regularly();
  core::awaitable<void> expire_old_jobs();
  core::awaitable<void> trim_jobs();
  using NextPortion = std::function<core::awaitable<Result<std::vector<std::string>>>()>;
  core::awaitable<bool> remove_jobs(NextPortion next, std::string why);
  bool clock_is_steady();
  /// What is known without asking anybody.
  void add_figures(Health& health) const;

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
  core::Semaphore intake;     ///< packages being read
  core::Semaphore repeating;  ///< verdicts being given again
  KnownPackages known;
  KnownFolders folders;
  core::TaskGroup housekeeping;
  SelfDescription self;
  attest::ServiceAttestor attestor;
  Dependencies dependencies;
  std::optional<std::pair<core::Time, std::chrono::steady_clock::time_point>> last_look;
  std::optional<std::chrono::steady_clock::time_point> jumped_at;
  std::size_t clock_jumps = 0;
};

}  // namespace skill_verifier::service
