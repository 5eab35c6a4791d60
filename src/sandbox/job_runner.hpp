#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "sandbox/container_spec.hpp"
#include "sandbox/containers.hpp"
#include "sandbox/disk_meter.hpp"
#include "sandbox/engine.hpp"
#include "sandbox/init_session.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/sandbox/docker_sandbox.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"

namespace skill_verifier::sandbox {

struct Job {
  ContainerSpec spec;
  Conversation conversation;
  std::optional<DiskLimits> disk;  ///< of its root file system; absent = that is read-only
};

/// What became of a job. The container is the caller's to discard, unless there is none.
struct Ran {
  std::string container;
  Result<RunResult> result;
};

/// Takes one container through one conversation: create, attach, start, talk, judge.
class JobRunner {
 public:
  JobRunner(core::asio::any_io_executor executor, Engine& engine, Containers& containers, core::WorkPool& pool,
            std::size_t concurrent_starts, DockerTimeouts timeouts);

  /// Errors in Ran::result: as Sandbox's.
  awaitable<Ran> run(Job job, OutputSink sink);

 private:
  awaitable<Result<RunResult>> run_in(std::string container, Job job, OutputSink sink, core::Semaphore::Permit permit);
  awaitable<Result<std::unique_ptr<net::Stream>>> attach_and_start(std::string container);
  awaitable<void> talk(InitSession& session, Conversation conversation, Result<Observation>& seen, bool& over);
  awaitable<void> watch_disk(InitSession& session, std::string container, DiskLimits limits, const bool& over);
  awaitable<void> wait_until_over(core::Duration limit, const bool& over);
  awaitable<Result<RunResult>> verdict(std::string container, Result<Observation> seen, Limits limits);
  awaitable<Result<bool>> killed_for_memory(std::string container);

  core::asio::any_io_executor executor_;
  Engine& engine_;
  Containers& containers_;
  core::WorkPool& pool_;
  core::Semaphore starts_;
  DockerTimeouts timeouts_;
  core::Event talked_;
};

}  // namespace skill_verifier::sandbox
