#include "service/job_runner.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>

#include "service/reported_tests.hpp"
#include "service/result_cache.hpp"
#include "service/sandbox_log.hpp"
#include "skill_verifier/attest/document.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::service {
namespace {

constexpr core::Duration kEngineCheck = std::chrono::seconds(5);
constexpr std::size_t kLooksAtOnce = 2;

Error was_cancelled() {
  return {Errc::cancelled, "cancelled", "the job was cancelled"};
}

std::string shown(const std::vector<std::string>& argv) {
  std::string text;
  for (const auto& argument : argv)
    text += (text.empty() ? "" : " ") + core::shorten(argument, 200);
  return core::shorten(text, 400);
}

std::string shown(const sandbox::RunResult& run) {
  if (run.exit_code) return fmt::format("{}, exit code {}", sandbox::to_string(run.outcome), *run.exit_code);
  return std::string(sandbox::to_string(run.outcome));
}

void log_end(LiveLog& log, std::string_view phase, const sandbox::RunResult& run) {
  log.write_tail("stdout", run.out);
  log.write_tail("stderr", run.err);
  log.heading(fmt::format("{} ended: {}", phase, shown(run)));
}

void note_run(JobTiming& timing, const sandbox::RunTiming& run) {
  timing.container = run.container;
  timing.package = run.package;
  timing.command = run.command;
  timing.warm = run.warm;
}

void log_checks(LiveLog& log, const scan::Report& checks) {
  log.heading(fmt::format("checks {}: {} failed, {} warned, {} passed{}", checks.profile, checks.failed, checks.warned,
                          checks.passed, checks.flagged ? ", flagged" : ""));
}

/// What may well be different at another attempt. A sandbox that was lost is no such thing here: a skill can do that,
/// and the verdict on its declared test is known.
bool is_our_fault(const Error& error) {
  if (error.code == Errc::cancelled) return true;
  return (error.code == Errc::unavailable || error.code == Errc::timed_out) && error.id != "sandbox_lost";
}

/// Ends the checks that run beside a test which came to nothing: of two coroutines that are awaited together one ends
/// the other by an exception alone.
struct NothingToJudge {};

/// Shares the entry, so that output which arrives late has somewhere to go.
sandbox::OutputSink sink_of(const EntryPtr& entry) {
  return [entry](sandbox::StreamId, std::string_view bytes) { entry->log.write(bytes); };
}

}  // namespace

JobRunner::JobRunner(core::asio::any_io_executor executor, core::WorkPool& pool, const core::Clock& clock,
                     store::JobStore& store, sandbox::Sandbox& sandbox, attest::Quoter* quoter, QuoteEvidence& evidence,
                     ServiceMetrics& metrics, const ServiceOptions& options)
    : pool_(pool),
      clock_(clock),
      store_(store),
      sandbox_(sandbox),
      quoter_(quoter),
      evidence_(evidence),
      metrics_(metrics),
      options_(options),
      looking_(std::move(executor), kLooksAtOnce) {}

core::awaitable<Attempt> JobRunner::run(EntryPtr entry, store::Job job, std::function<void()> tested) {
  entry->log.heading(fmt::format("attempt {} at {}", job.attempt, core::to_rfc3339(clock_.now())));
  auto outcome = co_await judge_job(entry, std::move(job), std::move(tested));
  Attempt attempt;
  if (outcome)
    attempt.outcome = std::move(*outcome);
  else
    attempt.fault = outcome.error();
  co_return attempt;
}

core::awaitable<Result<void>> JobRunner::check_engine() {
  auto checking = sandbox_.check();
  co_return co_await core::with_deadline(std::move(checking), kEngineCheck, "engine");
}

Result<JobRunner::OrderPtr> JobRunner::make_order(store::Job job) const {
  if (options_.attestation_required && quoter_ == nullptr)
    return Error{Errc::rejected, "attestation_unavailable", "attestation is required and there is no guest agent",
                 "run inside a dstack CVM with its socket mounted"};
  auto order = std::make_shared<Order>();
  SKILL_VERIFIER_TRY(order->request, parse_job_request(job.request));
  SKILL_VERIFIER_TRY(order->plan, make_plan(order->request.manifest, options_));
  order->job = std::move(job);
  return OrderPtr(std::move(order));
}

core::awaitable<Result<store::JobOutcome>> JobRunner::judge_job(EntryPtr entry, store::Job job,
                                                                std::function<void()> tested) {
  SKILL_VERIFIER_CO_TRY(const OrderPtr order, make_order(std::move(job)));
  Evidence known;
  std::optional<SandboxPlan> sandbox_plan;
  {
    auto looked = co_await look(order, entry->recovered);
    if (!looked) co_return looked.error();
    known.checks = std::move(looked->checks);
    sandbox_plan = std::move(looked->plan);
  }
  if (known.checks) log_checks(entry->log, *known.checks);
  entry->watch.lap(&JobTiming::checks);
  auto evidence = co_await run_all(entry, order, std::move(known), std::move(sandbox_plan));
  if (!evidence) co_return evidence.error();
  SKILL_VERIFIER_CO_TRY_VOID(co_await read_report(*evidence));

  const auto& [stored, request, plan] = *order;
  const Judgement judgement = judge(request, plan, *evidence);
  const auto input = statement_input(stored.skill_id, request, plan, *evidence, judgement, stored.attempt,
                                     sandbox_.profile(), options_);
  SKILL_VERIFIER_CO_TRY(std::string statement, attest::build_statement(input));
  const std::string hash = attest::result_hash(statement);
  entry->log.heading(fmt::format("verdict: {}", to_string(judgement.verdict)));
  tested();
  entry->watch.lap(&JobTiming::judged);
  auto attestation = co_await attest_result(entry, hash);
  entry->watch.lap(&JobTiming::quote);
  if (!attestation) co_return attestation.error();

  // Held by the entry until the store has the outcome.
  entry->collateral = attestation->collateral;
  const std::string collateral = entry->collateral ? *entry->collateral : "";
  const core::Time now = clock_.now();
  const ResultInput result{
      stored.skill_id,   request,   *evidence,
      judgement,         now,       std::max(core::Time::duration::zero(), now - stored.started_at.value_or(now)),
      stored.attempt,    hash,      attestation->quote,
      attestation->note, collateral};
  store::JobOutcome outcome;
  outcome.state = store::JobState::completed;
  outcome.completed_at = now;
  outcome.result = result_json(result);
  outcome.statement = std::move(statement);
  outcome.collateral = collateral;
  outcome.verdict = to_string(judgement.verdict);
  outcome.result_hash = hash;
  // A statement with somebody's nonce in it is an answer to them alone.
  if (!request.nonce && !attestation->refuted &&
      is_repeatable(plan, *evidence, attestation->quote.has_value(), quoter_ != nullptr))
    outcome.cache_key =
        cache_key(stored.skill_id, request, plan, evidence->image, sandbox_.profile(), options_).value_or("");
  metrics_.judged(judgement.verdict);
  co_return outcome;
}

core::awaitable<Result<Evidence>> JobRunner::run_all(EntryPtr entry, OrderPtr order, Evidence known,
                                                     std::optional<SandboxPlan> plan) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto allows = known.checks ? known.checks->allows : std::vector<std::string>();
  Result<Evidence> evidence = std::move(known);
  Result<sandbox::ExamineResult> examined = sandbox::ExamineResult{};
  auto commands = plan ? plan->to_run() : std::vector<sandbox::ExamineRequest::Command>();
  if (commands.empty()) {
    evidence = co_await collect(entry, order, std::move(*evidence));
  } else {
    const bool stopped = co_await core::cancelled();
    if (stopped) co_return was_cancelled();
    auto examining = examine(order, std::move(commands), examined);
    auto collecting = collect_beside(entry, order, evidence);
    try {
      co_await (std::move(collecting) && std::move(examining));
    } catch (const NothingToJudge&) {
    }
  }
  if (!evidence || !plan) co_return evidence;
  if (!examined && is_our_fault(examined.error())) co_return examined.error();
  if (!examined || !examined->runs.empty()) log_examined(entry->log, *plan, examined);
  // What ninety commands wrote is read through: not between the answers to clients.
  auto work = [planned = std::move(*plan), ran = std::move(examined), profile = *options_.sandbox_checks,
               allowed = std::move(allows)] { return judge_sandbox(planned, ran, profile, allowed); };
  evidence->sandbox_checks = co_await core::run_on(pool_, std::move(work));
  entry->watch.lap(&JobTiming::examined);
  co_return evidence;
}

core::awaitable<void> JobRunner::collect_beside(EntryPtr entry, OrderPtr order, Result<Evidence>& evidence) {
  co_await core::asio::this_coro::throw_if_cancelled(false);
  auto collecting = collect(entry, order, std::move(*evidence));
  evidence = co_await std::move(collecting);
  if (!evidence) throw NothingToJudge{};
  entry->log.heading("checks in the sandbox");
}

core::awaitable<void> JobRunner::examine(OrderPtr order, std::vector<sandbox::ExamineRequest::Command> commands,
                                         Result<sandbox::ExamineResult>& examined) {
  co_await core::asio::this_coro::throw_if_cancelled(false);
  auto wanted = wanted_of<sandbox::ExamineRequest>(*order, {});
  wanted.commands = std::move(commands);
  wanted.limit = options_.sandbox_checks_limit;
  const auto limit = options_.sandbox_checks_limit + options_.sandbox_overhead;
  auto examining = sandbox_.examine(std::move(wanted));
  examined = co_await core::with_deadline(std::move(examining), limit, "checks in the sandbox");
}

core::awaitable<Result<void>> JobRunner::read_report(Evidence& evidence) {
  if (!evidence.run) co_return Result<void>{};
  auto work = [run = *evidence.run]() -> Result<scan::TestReport> { return reported_tests(run); };
  SKILL_VERIFIER_CO_TRY(auto report, co_await core::run_on(pool_, std::move(work)));
  evidence.reported = std::move(report);
  co_return Result<void>{};
}

core::awaitable<Result<JobRunner::Looked>> JobRunner::look(OrderPtr order, bool recovered) {
  if (!recovered && !options_.checks && !options_.sandbox_checks) co_return Looked{};
  // A package made to be slow must not hold every thread of the pool.
  const auto turn = co_await looking_.acquire();
  if (!turn) co_return was_cancelled();
  auto work = [path = store_.pack_path(order->job.id), order, profile = options_.checks,
               plans = options_.sandbox_checks.has_value()]() -> Result<Looked> {
    const auto& digest = order->request.tree_digest;
    SKILL_VERIFIER_TRY(const skill::Package package, skill::open_pack(path));
    if (package.tree_digest != digest)
      return Error{Errc::internal, "pack_corrupt",
                   fmt::format("the stored package has tree digest {}, the job was accepted with {}",
                               package.tree_digest, digest),
                   "submit the skill again"};
    Looked looked;
    if (plans) looked.plan = plan_sandbox_checks(skill::view_of(package), order->request.manifest);
    if (!profile) return looked;
    SKILL_VERIFIER_TRY(looked.checks, scan::scan(scan::attested_source_of(package), *profile));
    return looked;
  };
  co_return co_await core::run_on(pool_, std::move(work));
}

core::awaitable<Result<Evidence>> JobRunner::collect(EntryPtr entry, OrderPtr order, Evidence evidence) {
  if (!order->plan.test) {
    entry->log.heading("the skill declares no test, nothing is run");
    co_return evidence;
  }
  const bool stopped = co_await core::cancelled();
  if (stopped) co_return was_cancelled();
  const auto& runtime = order->request.manifest.test.runtime;
  entry->log.heading(fmt::format("image {}", core::shorten(runtime, 200)));
  auto progress = [entry](std::string_view line) { entry->log.line(line); };
  auto resolving = sandbox_.resolve(runtime, std::move(progress));
  auto image = co_await core::with_deadline(std::move(resolving), options_.image_timeout, "resolve image");
  if (!image) co_return image.error();
  entry->watch.lap(&JobTiming::image);
  evidence.image = *image;
  entry->log.line(image->id);

  std::optional<std::string> prepared_id;
  if (order->plan.deps) {
    auto prepared = co_await prepare(entry, order, *image);
    entry->watch.lap(&JobTiming::deps);
    if (!prepared) co_return prepared.error();
    evidence.prepared = std::move(*prepared);
    // A failing test_deps is a finding: there is nothing to test.
    if (!deps_succeeded(*evidence.prepared)) co_return evidence;
    prepared_id = evidence.prepared->image_id;
  }
  auto tested = co_await test(entry, order, *image, prepared_id);
  entry->watch.skip();
  if (!tested) co_return tested.error();
  note_run(entry->watch.timing, tested->timing);
  evidence.run = std::move(*tested);
  co_return evidence;
}

template <class Wanted>
Wanted JobRunner::wanted_of(const Order& order, sandbox::Image image) const {
  Wanted wanted;
  wanted.job_id = order.job.id;
  wanted.request_id = order.request.request_id;
  wanted.attempt = order.job.attempt;
  if constexpr (requires { wanted.image; }) wanted.image = std::move(image);
  wanted.pack = store_.pack_path(order.job.id);
  wanted.pack_bytes = order.request.pack_bytes;
  wanted.limits = options_.limits;
  return wanted;
}

core::awaitable<Result<sandbox::PrepareResult>> JobRunner::prepare(EntryPtr entry, OrderPtr order,
                                                                   sandbox::Image image) {
  const bool stopped = co_await core::cancelled();
  if (stopped) co_return was_cancelled();
  const Plan& plan = order->plan;
  entry->log.heading(fmt::format("test_deps: {}", shown(plan.deps->argv)));
  auto wanted = wanted_of<sandbox::PrepareRequest>(*order, std::move(image));
  wanted.tree_digest = order->request.tree_digest;
  wanted.deps = *plan.deps;
  wanted.bridge_network = plan.deps_bridge;
  // No deadline here: the wait for an equal job's turn is not this one's time.
  wanted.overhead = options_.sandbox_overhead;
  auto preparing = sandbox_.prepare(std::move(wanted), sink_of(entry));
  auto prepared = co_await std::move(preparing);
  if (!prepared) co_return prepared.error();
  if (prepared->cached) {
    entry->log.heading("test_deps: taken from the cache");
  } else {
    metrics_.ran(prepared->run.outcome);
    log_end(entry->log, "test_deps", prepared->run);
  }
  if (!prepared->image_id && succeeded(prepared->run))
    co_return Error{Errc::internal, "prepared_image_missing", "test_deps succeeded but left no image"};
  co_return prepared;
}

core::awaitable<Result<sandbox::RunResult>> JobRunner::test(EntryPtr entry, OrderPtr order, sandbox::Image image,
                                                            std::optional<std::string> prepared_id) {
  const bool stopped = co_await core::cancelled();
  if (stopped) co_return was_cancelled();
  const Plan& plan = order->plan;
  entry->log.heading(fmt::format("test_command: {}", shown(plan.test->argv)));
  auto wanted = wanted_of<sandbox::RunRequest>(*order, std::move(image));
  wanted.prepared_id = std::move(prepared_id);
  wanted.command = *plan.test;
  wanted.bridge_network = plan.test_bridge;
  const auto limit = plan.test->timeout + options_.sandbox_overhead;
  auto running = sandbox_.run(std::move(wanted), sink_of(entry));
  auto run = co_await core::with_deadline(std::move(running), limit, "test_command");
  if (run) {
    metrics_.ran(run->outcome);
    log_end(entry->log, "test_command", *run);
  }
  co_return run;
}

/// A job fails because of its quote only where one is required: then a quote that turned out to be none does not do.
core::awaitable<Result<void>> JobRunner::appraise(EntryPtr entry, Attestation& attestation) {
  auto& quote = *attestation.quote;
  auto appraised = co_await evidence_.appraise(quote.quote_hex);
  if (!appraised) attestation.note = quote.tee_type.empty() ? "The quote was not verified here" : "";
  if (appraised) {
    quote.tee_type = appraised->tee_type.value_or("");
    attestation.note = appraised->note;
    attestation.refuted = appraised->refuted;
    if (!appraised->note.empty()) entry->log.heading(core::shorten(appraised->note, 400));
  }
  if (options_.attestation_required && quote.tee_type == attest::kTeeSimulated)
    co_return Error{Errc::rejected, "attestation_simulated",
                    "attestation is required and the quote is simulated: its chain does not end at Intel's root",
                    "run inside a dstack CVM on TDX hardware"};
  if (options_.attestation_required && appraised && appraised->refuted)
    co_return Error{Errc::rejected, "attestation_refuted",
                    fmt::format("attestation is required: {}", core::shorten(appraised->note, 400)),
                    "look at the guest agent and its host"};
  // What could not be verified is got anew when it is read.
  if (appraised && appraised->collateral && appraised->tee_type)
    attestation.collateral = co_await evidence_.keep(std::move(*appraised->collateral));
  co_return Result<void>{};
}

core::awaitable<Result<JobRunner::Attestation>> JobRunner::attest_result(EntryPtr entry, std::string result_hash) {
  Attestation attestation;
  if (quoter_ == nullptr) {
    attestation.note = attest::kNoTeeNote;
    co_return attestation;
  }
  attest::QuoteFor whom{entry->id, entry->request_id};
  auto quoting = quoter_->quote(attest::report_data(attest::kResultTag, result_hash), std::move(whom));
  auto quote = co_await core::with_deadline(std::move(quoting), options_.quote_timeout, "quote");
  if (quote) {
    attestation.quote = std::move(*quote);
    if (auto good = co_await appraise(entry, attestation); !good) co_return good.error();
    co_return attestation;
  }
  const Error& error = quote.error();
  const bool stopped = co_await core::cancelled();
  if (stopped) co_return was_cancelled();
  log::warn("no quote",
            {{"job", entry->id}, {"request", entry->request_id}, {"code", error.id}, {"message", error.message}});
  entry->log.heading(fmt::format("no quote: {}", error.message));
  if (options_.attestation_required)
    co_return Error{Errc::rejected, "attestation_unavailable",
                    fmt::format("attestation is required and there is no quote: {}", error.message), error.hint};
  attestation.note = fmt::format("No quote: {}", error.message);
  co_return attestation;
}

}  // namespace skill_verifier::service
