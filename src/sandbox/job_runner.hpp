#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/container_spec.hpp"
#include "sandbox/containers.hpp"
#include "sandbox/disk_meter.hpp"
#include "sandbox/engine.hpp"
#include "sandbox/init_session.hpp"
#include "sandbox/live_container.hpp"
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

/// A container whose init has greeted, or why there is none. With an error the container, if one was made, is still the
/// caller's to discard.
struct Started {
  LiveContainer live;
  std::optional<Error> error;
};

/// What became of a job. The container is the caller's to discard, unless there is none; its session is there only when
/// it must be ended first: the command has ended by itself and init waits.
struct Ran {
  LiveContainer live;
  Result<RunResult> result;         ///< of a series: an error when there is nothing of it, else of no meaning
  bool command_sent = false;        ///< an error before that says nothing about the job
  std::vector<RunResult> series{};  ///< of Conversation::series
  std::string stopped{};            ///< why there are fewer of them than commands
};

/// Takes containers through their conversation: create, attach, start, talk, judge.
class JobRunner {
 public:
  JobRunner(core::asio::any_io_executor executor, Engine& engine, Containers& containers, core::WorkPool& pool,
            std::size_t concurrent_starts, DockerTimeouts timeouts);

  /// The kernel's release that the engine named.
  void runs_on(std::string kernel) { kernel_ = std::move(kernel); }
  /// A new container, up to init's greeting, in which init is confined as it should be: else unavailable
  /// `engine_unsuitable`. As many at once as `concurrent_starts`, the others wait their turn.
  awaitable<Started> start(ContainerSpec spec);
  /// The job in a new container of its own. Errors in Ran::result: as Sandbox's.
  awaitable<Ran> run(Job job);
  /// What a start that failed means for the job.
  awaitable<Ran> not_started(Started started, ContainerSpec spec);
  /// The job in a container that waits for one.
  awaitable<Ran> run_in(LiveContainer live, Job job);

 private:
  awaitable<Result<std::unique_ptr<net::Stream>>> attach_and_start(std::string container);
  std::optional<Error> unconfined(const InitSession& session, const ContainerSpec& spec) const;
  awaitable<Ran> run_series_in(LiveContainer live, Job job);
  awaitable<Result<Observation>> converse(LiveContainer& live, Job& job);
  static void note_loss(const InitSession& session, const Error& error, const ContainerSpec& spec);
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
  std::string kernel_;
  DockerTimeouts timeouts_;
  core::Event talked_;
};

}  // namespace skill_verifier::sandbox
