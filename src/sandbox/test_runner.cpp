#include "sandbox/test_runner.hpp"

#include <chrono>
#include <utility>

#include "skill_verifier/core/log.hpp"

namespace skill_verifier::sandbox {
namespace {

using std::chrono::steady_clock;

/// What a retired container may hold of the machine's memory while it waits for its end.
constexpr std::uint64_t kRetiredBytes = 32u << 20;

bool may_wait(const Ran& ran) {
  return ran.live.session && ran.result && ran.result->peak_memory_bytes > 0 &&
         ran.result->peak_memory_bytes <= kRetiredBytes;
}

void note_timing(Ran& ran, core::Duration waited, bool warm) {
  if (!ran.result) return;
  ran.result->timing.container = std::chrono::duration_cast<std::chrono::microseconds>(waited);
  ran.result->timing.warm = warm;
}

}  // namespace

awaitable<Result<RunResult>> TestRunner::run(Job job, WarmPool::Wanted wanted) {
  auto ran = co_await run_any(std::move(job), std::move(wanted));
  co_return std::move(ran.result);
}

awaitable<Ran> TestRunner::run_any(Job job, WarmPool::Wanted wanted) {
  const auto key = pool_key(job.spec.image_id, job.spec.limits);
  if (!job.spec.bridge_network) {
    const auto use = pool_.arrive(key, std::move(wanted));
    if (use) {
      auto warm = co_await run_warm(job, key);
      if (warm) co_return std::move(*warm);
    }
    co_return co_await run_cold(std::move(job), key);
  }
  co_return co_await run_cold(std::move(job), {});
}

awaitable<std::optional<Ran>> TestRunner::run_warm(Job job, std::string key) {
  const auto asked = steady_clock::now();
  while (true) {
    auto live = co_await pool_.take(key);
    if (!live) co_return std::nullopt;
    const auto waited = steady_clock::now() - asked;
    const auto container = live->id;
    auto ran = co_await runner_.run_in(std::move(*live), job);
    co_await put_away(ran);
    const bool lost = !ran.result && ran.result.error().id == "sandbox_lost" && !ran.command_sent;
    if (!lost) {
      note_timing(ran, waited, true);
      pool_.note_wait(key, waited, true);
      co_return ran;
    }
    log::info("waiting container was dead",
              {{"job", job.spec.job_id}, {"request", job.spec.request_id}, {"container", container.substr(0, 12)}});
  }
}

awaitable<Ran> TestRunner::run_cold(Job job, std::string key) {
  const auto asked = steady_clock::now();
  auto started = co_await runner_.start(job.spec);
  const auto waited = steady_clock::now() - asked;
  Ran ran{{}, Error{Errc::internal, "internal", "no verdict"}};
  if (started.error) {
    ran = co_await runner_.not_started(std::move(started), job.spec);
  } else {
    pool_.note_wait(key, waited, false);
    ran = co_await runner_.run_in(std::move(started.live), std::move(job));
    note_timing(ran, waited, false);
  }
  co_await put_away(ran);
  co_return ran;
}

awaitable<void> TestRunner::put_away(Ran& ran) {
  if (may_wait(ran)) {
    retirement_.add(std::move(ran.live));
    co_return;
  }
  if (ran.live.session) co_await ran.live.session->end();
  ran.live.session.reset();
  if (!ran.live.id.empty()) co_await containers_.discard(std::move(ran.live.id));
}

}  // namespace skill_verifier::sandbox
