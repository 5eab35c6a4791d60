#include "service/service_metrics.hpp"

namespace skill_verifier::service {
namespace {

/// What was counted since the last look; an image that came back begins anew.
template <class T>
T grown(T now, T before) {
  return now >= before ? now - before : now;
}

double number(std::uint64_t count) {
  return static_cast<double>(count);
}

}  // namespace

void ServiceMetrics::ended(store::JobState state, const JobTiming& timing) {
  ++ended_[state];
  for (Stage& stage : stages_)
    if (const auto time = timing.*stage.time; time.count() > 0) stage.histogram.observe(time);
}

void ServiceMetrics::spoilt(const Error& fault) {
  const bool known = faults_.contains(fault.id) || faults_.size() < kMostCodes;
  ++faults_[known ? fault.id : "other"];
}

void ServiceMetrics::write(core::MetricsText& out) const {
  out.counter("skill_verifier_jobs_accepted_total", "Jobs that were acknowledged.");
  out.sample({}, number(accepted_));
  out.counter("skill_verifier_jobs_refused_total", "Submissions that were refused.");
  out.sample({}, number(refused_));
  out.counter("skill_verifier_jobs_ended_total", "Jobs by the final state that they came to.");
  for (const auto state : {store::JobState::completed, store::JobState::failed, store::JobState::cancelled}) {
    const auto found = ended_.find(state);
    out.sample({{"state", store::to_string(state)}}, found == ended_.end() ? 0 : number(found->second));
  }
  out.counter("skill_verifier_verdicts_total", "Completed jobs by their verdict.");
  for (const auto verdict : {Verdict::passed, Verdict::failed, Verdict::untested})
    out.sample({{"verdict", to_string(verdict)}}, number(verdicts_[static_cast<std::size_t>(verdict)]));
  out.counter("skill_verifier_sandbox_runs_total", "Commands that ran in a sandbox, by how they ended.");
  for (const auto outcome :
       {sandbox::Outcome::exited, sandbox::Outcome::timeout, sandbox::Outcome::oom, sandbox::Outcome::killed})
    out.sample({{"outcome", sandbox::to_string(outcome)}}, number(outcomes_[static_cast<std::size_t>(outcome)]));
  out.counter("skill_verifier_faults_total", "Attempts that the infrastructure spoilt, by code.");
  for (const auto& [code, count] : faults_)
    out.sample({{"code", code}}, number(count));
  out.histogram("skill_verifier_job_stage_seconds", "Time of ended jobs by stage; total is the whole.");
  for (const Stage& stage : stages_)
    out.sample({{"stage", stage.name}}, stage.histogram);
}

void ServiceMetrics::count_pool(const sandbox::PoolState& pool) {
  const PoolKey key(pool.runtime, pool.prepared);
  PoolNow& now = pools_[key];
  now.ready += pool.ready;
  now.starting += pool.starting;
  now.in_use += pool.in_use;
  const PoolCounters counters{pool.warm, pool.cold, pool.lost, std::chrono::duration<double>(pool.waited).count()};
  PoolCounters& before = seen_[{key, pool.image_id}];
  now.total.warm += grown(counters.warm, before.warm);
  now.total.cold += grown(counters.cold, before.cold);
  now.total.lost += grown(counters.lost, before.lost);
  now.total.waited += grown(counters.waited, before.waited);
  before = counters;
}

void ServiceMetrics::write_pools(core::MetricsText& out, const std::vector<sandbox::PoolState>& pools) {
  for (auto& [key, pool] : pools_)
    pool.ready = pool.starting = pool.in_use = 0;
  std::erase_if(seen_, [&pools](const auto& seen) {
    return std::ranges::none_of(pools, [&seen](const auto& pool) { return pool.image_id == seen.first.second; });
  });
  for (const auto& pool : pools)
    count_pool(pool);
  const auto family = [&](auto value) {
    for (const auto& [key, pool] : pools_)
      out.sample({{"runtime", key.first}, {"prepared", key.second ? "true" : "false"}}, value(pool));
  };
  out.gauge("skill_verifier_pool_ready", "Containers that wait for a job, by runtime.");
  family([](const PoolNow& pool) { return number(pool.ready); });
  out.gauge("skill_verifier_pool_starting", "Containers of the pool that are being started.");
  family([](const PoolNow& pool) { return number(pool.starting); });
  out.gauge("skill_verifier_pool_in_use", "Jobs that run now, from the pool or not.");
  family([](const PoolNow& pool) { return number(pool.in_use); });
  out.counter("skill_verifier_pool_hits_total", "Jobs that got a waiting container.");
  family([](const PoolNow& pool) { return number(pool.total.warm); });
  out.counter("skill_verifier_pool_misses_total", "Jobs that had to start a container.");
  family([](const PoolNow& pool) { return number(pool.total.cold); });
  out.counter("skill_verifier_pool_lost_total", "Waiting containers that died or grew too old.");
  family([](const PoolNow& pool) { return number(pool.total.lost); });
  out.counter("skill_verifier_pool_wait_seconds_total", "What all jobs together waited for their container.");
  family([](const PoolNow& pool) { return pool.total.waited; });
}

}  // namespace skill_verifier::service
