#pragma once

#include <string>

#include "sandbox/activity.hpp"
#include "sandbox/containers.hpp"
#include "sandbox/job_runner.hpp"
#include "sandbox/retirement.hpp"
#include "sandbox/warm_pool.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"

namespace skill_verifier::sandbox {

/// Runs the commands of skills, each in a container of its own: one that waits for it, or else a new one.
class TestRunner {
 public:
  TestRunner(JobRunner& runner, WarmPool& pool, Retirement& retirement, Containers& containers)
      : runner_(runner), pool_(pool), retirement_(retirement), containers_(containers) {}

  /// `name` is the runtime's, `recurring` and `lease` as in WarmPool::Wanted. A waiting container that turns out to be
  /// dead before the command was sent costs the job nothing but the time. Errors: as Sandbox::run, and `image_missing`.
  awaitable<Result<RunResult>> run(Job job, WarmPool::Wanted wanted);
  /// The same with all there is to know: the results of a series are in Ran. Its container is no longer the caller's.
  awaitable<Ran> run_any(Job job, WarmPool::Wanted wanted);

 private:
  awaitable<std::optional<Ran>> run_warm(Job job, std::string key);
  awaitable<Ran> run_cold(Job job, std::string key);
  awaitable<void> put_away(Ran& ran);

  JobRunner& runner_;
  WarmPool& pool_;
  Retirement& retirement_;
  Containers& containers_;
};

}  // namespace skill_verifier::sandbox
