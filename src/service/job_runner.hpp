#pragma once

#include <functional>
#include <optional>

#include "service/entry.hpp"
#include "service/quote_evidence.hpp"
#include "service/sandbox_plan.hpp"
#include "service/service_metrics.hpp"
#include "service/verdict.hpp"
#include "skill_verifier/service/service.hpp"

namespace skill_verifier::service {

/// How one attempt ended: with what the job became, or with the fault that kept it from being judged.
struct Attempt {
  std::optional<store::JobOutcome> outcome;
  Error fault{Errc::internal, "internal", "the job ended without an outcome"};
};

/// One attempt of one job, from the stored request to a verdict. Knows nothing of queues.
class JobRunner {
 public:
  JobRunner(core::asio::any_io_executor executor, core::WorkPool& pool, const core::Clock& clock,
            store::JobStore& store, sandbox::Sandbox& sandbox, attest::Quoter* quoter, QuoteEvidence& evidence,
            ServiceMetrics& metrics, const ServiceOptions& options);

  /// `tested` is called when the sandbox is no longer needed: what is left is waiting for a quote.
  core::awaitable<Attempt> run(EntryPtr entry, store::Job job, std::function<void()> tested);
  /// Whether the engine answers, within a few seconds.
  core::awaitable<Result<void>> check_engine();

 private:
  /// All that is known before anything runs.
  struct Order {
    store::Job job;
    JobRequest request;
    Plan plan;
  };
  using OrderPtr = std::shared_ptr<const Order>;

  Result<OrderPtr> make_order(store::Job job) const;
  core::awaitable<Result<store::JobOutcome>> judge_job(EntryPtr entry, store::Job job, std::function<void()> tested);
  /// Reads the package again, which shows whether it is still the one that was accepted, and makes the static checks
  /// and a plan of the others.
  struct Looked {
    std::optional<scan::Report> checks;
    std::optional<SandboxPlan> plan;
  };
  core::awaitable<Result<Looked>> look(OrderPtr order, bool recovered);
  /// The declared test, and beside it the checks that run something, each in a container of its own: neither can
  /// touch the other, and the verdict waits for the longer one only.
  core::awaitable<Result<Evidence>> run_all(EntryPtr entry, OrderPtr order, Evidence known,
                                            std::optional<SandboxPlan> plan);
  /// `collect` from `evidence` into it.
  core::awaitable<void> collect_beside(EntryPtr entry, OrderPtr order, Result<Evidence>& evidence);
  core::awaitable<void> examine(OrderPtr order, std::vector<sandbox::ExamineRequest::Command> commands,
                                Result<sandbox::ExamineResult>& examined);
  core::awaitable<Result<Evidence>> collect(EntryPtr entry, OrderPtr order, Evidence evidence);
  /// Fills in what the test command said of single tests.
  core::awaitable<Result<void>> read_report(Evidence& evidence);
  /// What both phases ask of the sandbox alike.
  template <class Wanted>
  Wanted wanted_of(const Order& order, sandbox::Image image) const;
  core::awaitable<Result<sandbox::PrepareResult>> prepare(EntryPtr entry, OrderPtr order, sandbox::Image image);
  core::awaitable<Result<sandbox::RunResult>> test(EntryPtr entry, OrderPtr order, sandbox::Image image,
                                                   std::optional<std::string> prepared_id);
  struct Attestation {
    std::optional<attest::Quote> quote;
    std::string note;
    KeptCollateral collateral;  ///< null: none
    bool refuted = false;       ///< the quote turned out to be none
  };
  core::awaitable<Result<void>> appraise(EntryPtr entry, Attestation& attestation);
  core::awaitable<Result<Attestation>> attest_result(EntryPtr entry, std::string result_hash);

  core::WorkPool& pool_;
  const core::Clock& clock_;
  store::JobStore& store_;
  sandbox::Sandbox& sandbox_;
  attest::Quoter* quoter_;
  QuoteEvidence& evidence_;
  ServiceMetrics& metrics_;
  const ServiceOptions& options_;
  core::Semaphore looking_;
};

}  // namespace skill_verifier::service
