#include "sandbox/job_runner.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <utility>

#include "sandbox/confinement.hpp"
#include "sandbox/outcome.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::sandbox {
namespace {

constexpr core::Duration kEndLimit = std::chrono::seconds(5);
constexpr core::Duration kDiskPeriod = std::chrono::seconds(1);
constexpr int kFilesPeriod = 5;  ///< of the bytes' measurements, how many pass until the files are counted

Error cancelled_error() {
  return Error{Errc::cancelled, "cancelled", "the run was cancelled"};
}

}  // namespace

JobRunner::JobRunner(core::asio::any_io_executor executor, Engine& engine, Containers& containers, core::WorkPool& pool,
                     std::size_t concurrent_starts, DockerTimeouts timeouts)
    : executor_(executor),
      engine_(engine),
      containers_(containers),
      pool_(pool),
      starts_(executor, concurrent_starts),
      timeouts_(timeouts),
      talked_(executor) {}

awaitable<Started> JobRunner::start(ContainerSpec spec) {
  Started made;
  // More starts at once than processors only make each of them slower.
  const auto permit = co_await starts_.acquire();
  if (!permit) {
    made.error = cancelled_error();
    co_return made;
  }
  auto created = co_await containers_.create(spec);
  if (!created) {
    made.error = created.error();
    co_return made;
  }
  made.live.id = std::move(*created);
  const bool cancelled = co_await core::cancelled();
  if (cancelled) {
    made.error = cancelled_error();
    co_return made;
  }
  auto stream = co_await attach_and_start(made.live.id);
  if (!stream) {
    made.error = stream.error();
    co_return made;
  }
  auto session = std::make_unique<InitSession>(executor_, pool_, std::move(*stream));
  const auto greeted = co_await session->greet(timeouts_.start);
  made.error = greeted ? unconfined(*session, spec) : greeted.error();
  if (!made.error) {
    made.live.session = std::move(session);
    co_return made;
  }
  co_await session->end();
  note_loss(*session, *made.error, {});
  co_return made;
}

std::optional<Error> JobRunner::unconfined(const InitSession& session, const ContainerSpec& spec) const {
  const auto missing = unheld_inside(session.confinement(), spec, kernel_);
  if (missing.empty()) return std::nullopt;
  return Error{Errc::unavailable, "engine_unsuitable",
               fmt::format("{} started a sandbox without {}", engine_.traits().name, fmt::join(missing, "; ")),
               "nothing was run in it; see whether the engine and its OCI runtime are configured to leave that out"};
}

awaitable<Ran> JobRunner::run(Job job) {
  auto started = co_await start(job.spec);
  if (started.error) co_return co_await not_started(std::move(started), job.spec);
  co_return co_await run_in(std::move(started.live), std::move(job));
}

awaitable<Ran> JobRunner::not_started(Started started, ContainerSpec spec) {
  Ran ran{std::move(started.live), *started.error};
  if (started.error->id == "sandbox_lost") ran.result = co_await verdict(ran.live.id, *started.error, spec.limits);
  co_return ran;
}

awaitable<Ran> JobRunner::run_series_in(LiveContainer live, Job job) {
  auto talking = live.session->talk_series(std::move(job.conversation));
  auto series = co_await std::move(talking);
  Ran ran{std::move(live), RunResult{}};
  ran.command_sent = ran.live.session->command_sent();
  if (!series) note_loss(*ran.live.session, series.error(), job.spec);
  ran.live.session.reset();
  if (!series) {
    ran.result = co_await verdict(ran.live.id, series.error(), job.spec.limits);
    co_return ran;
  }
  ran.stopped = std::move(series->stopped);
  for (auto& seen : series->seen) {
    auto judged = judge(std::move(seen), job.spec.limits);
    if (!judged) {
      ran.stopped = judged.error().message;
      break;
    }
    ran.series.push_back(std::move(*judged));
  }
  co_return ran;
}

awaitable<Ran> JobRunner::run_in(LiveContainer live, Job job) {
  if (!job.conversation.series.empty()) co_return co_await run_series_in(std::move(live), std::move(job));
  auto seen = co_await converse(live, job);
  Ran ran{std::move(live), Error{Errc::internal, "internal", "no verdict"}};
  ran.command_sent = ran.live.session->command_sent();
  if (!seen) note_loss(*ran.live.session, seen.error(), job.spec);
  const auto package = seen ? seen->unpacking : std::chrono::microseconds(0);
  const auto command = seen ? seen->waited : std::chrono::microseconds(0);
  const bool left_open = seen && seen->exit && job.conversation.mode == init::Mode::test;
  if (!left_open) ran.live.session.reset();
  ran.result = co_await verdict(ran.live.id, std::move(seen), job.spec.limits);
  if (!ran.result) co_return ran;
  ran.result->timing.package = package;
  ran.result->timing.command = command;
  co_return ran;
}

awaitable<Result<Observation>> JobRunner::converse(LiveContainer& live, Job& job) {
  using namespace boost::asio::experimental::awaitable_operators;
  Result<Observation> seen = Observation{};
  bool over = false;
  auto talking = talk(*live.session, job.conversation, seen, over);
  if (job.disk) {
    auto watching = watch_disk(*live.session, live.id, *job.disk, over);
    co_await (std::move(talking) && std::move(watching));
  } else {
    co_await std::move(talking);
  }
  co_return seen;
}

void JobRunner::note_loss(const InitSession& session, const Error& error, const ContainerSpec& spec) {
  if (error.id != "sandbox_lost") return;
  log::warn(
      "sandbox lost",
      {{"job", spec.job_id}, {"request", spec.request_id}, {"why", error.message}, {"init", session.diagnostics()}});
}

awaitable<Result<std::unique_ptr<net::Stream>>> JobRunner::attach_and_start(std::string container) {
  // Attached before the start: init greets at once.
  SKILL_VERIFIER_CO_TRY(auto stream, co_await engine_.attach_container(container));
  const auto started = co_await engine_.start_container(container);
  if (!started) co_return started.error();
  co_return std::move(stream);
}

awaitable<void> JobRunner::talk(InitSession& session, Conversation conversation, Result<Observation>& seen,
                                bool& over) {
  co_await core::asio::this_coro::throw_if_cancelled(false);
  seen = co_await session.talk(std::move(conversation));
  over = true;
  talked_.notify_all();
}

awaitable<void> JobRunner::watch_disk(InitSession& session, std::string container, DiskLimits limits,
                                      const bool& over) {
  co_await core::asio::this_coro::throw_if_cancelled(false);
  DiskMeter meter(engine_, limits);
  FailedMeasurements failed;
  for (int round = 1; !over; ++round) {
    const bool with_files = round % kFilesPeriod == 0;
    auto measuring = with_files ? meter.check(container) : meter.check_bytes(container);
    const auto measured = co_await std::move(measuring);
    const bool stopped = co_await core::cancelled();
    if (over || stopped) co_return;
    if (failed.enough(measured)) {
      session.abort(measured.error());
      co_return;
    }
    co_await wait_until_over(kDiskPeriod, over);
  }
}

awaitable<void> JobRunner::wait_until_over(core::Duration limit, const bool& over) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!over && std::chrono::steady_clock::now() < end) {
    const bool stopped = co_await core::cancelled();
    if (stopped) co_return;
    co_await talked_.wait(end - std::chrono::steady_clock::now());
  }
}

awaitable<Result<RunResult>> JobRunner::verdict(std::string container, Result<Observation> seen, Limits limits) {
  if (!seen) {
    if (seen.error().id != "sandbox_lost") co_return seen.error();
    SKILL_VERIFIER_CO_TRY(const bool out_of_memory, co_await killed_for_memory(container));
    if (out_of_memory) co_return memory_refusal(limits);
    co_return seen.error();
  }
  if (!seen->exit && !seen->deadline_passed) {
    SKILL_VERIFIER_CO_TRY(seen->container_oom_killed, co_await killed_for_memory(container));
  }
  co_return judge(std::move(*seen), limits);
}

awaitable<Result<bool>> JobRunner::killed_for_memory(std::string container) {
  const auto ended = co_await engine_.wait_not_running(container, kEndLimit);
  if (!ended && ended.error().code == Errc::unavailable) co_return ended.error();
  const auto state = co_await engine_.inspect_container(container);
  if (state) co_return state->oom_killed;
  // Somebody else removed it: there is nothing left to tell.
  if (state.error().code == Errc::not_found) co_return false;
  co_return state.error();
}

}  // namespace skill_verifier::sandbox
