#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/activity.hpp"
#include "sandbox/container_spec.hpp"
#include "sandbox/job_runner.hpp"
#include "sandbox/live_container.hpp"
#include "sandbox/pool_size.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"

namespace skill_verifier::sandbox {

/// What tells waiting containers apart: the image and everything of the limits that a container is created with. The
/// network is never any, and the OCI runtime is the same for the whole sandbox.
std::string pool_key(const std::string& image_id, const Limits& limits);

/// Containers that were created, started and attached ahead of their jobs. Each serves one job and never another; none
/// knows anything of its job before it gets it. One thread.
class WarmPool {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// What a job wants. `name` is for people; `recurring` = its image is the package's own (test_deps), so one use does
  /// not announce another. `lease` keeps the image while the pool has something of it.
  struct Wanted {
    ContainerSpec spec;  ///< of Role::pool
    std::string name;
    bool recurring = false;
    std::shared_ptr<const void> lease;
  };

  /// Does what costs something, for the pool.
  struct Workshop {
    std::function<awaitable<Started>(ContainerSpec)> start;  ///< as JobRunner::start
    std::function<void(std::string)> remove;                 ///< container id; its session has ended
    std::function<Time()> now;
    std::size_t fills_at_once = 1;
  };

  WarmPool(core::asio::any_io_executor executor, Activity& activity, Workshop workshop, PoolSizes sizes);
  /// For an owner that goes without `close`: what runs still ends without looking back.
  ~WarmPool() { tasks_.cancel(); }

  /// Counts a job of this runtime: it is in use as long as a copy of the result exists. Null when the pool is off.
  std::shared_ptr<const void> arrive(const std::string& key, Wanted wanted);
  /// A waiting container for a job that has arrived, or nothing: then the job starts one of its own. A container that
  /// is being started is waited for, because it has a lead; nothing when that fails, or when the caller is cancelled.
  awaitable<std::optional<LiveContainer>> take(std::string key);
  /// For the figures: how long a job waited until its container was ready, whether from the pool or not.
  void note_wait(const std::string& key, core::Duration waited, bool warm);
  /// Announces a runtime that will be used: it gets its configured minimum without waiting for a job.
  void announce(const std::string& key, Wanted wanted);

  void resize(PoolSizes sizes);
  std::vector<PoolState> state() const;

  /// Fills, shrinks and replaces, from now on.
  void open();
  /// Ends every waiting container's session and gives the containers to the workshop. Nothing of the pool runs when it
  /// returns, and no more is given out.
  awaitable<void> close();

 private:
  struct Ready {
    LiveContainer live;
    Time since;
  };
  struct Line {
    Line(Wanted wanted, bool configured) : wanted(std::move(wanted)), demand(configured), configured(configured) {}
    Wanted wanted;
    Demand demand;
    bool configured;  ///< a runtime that has a minimum
    std::deque<Ready> ready;
    std::size_t starting = 0;
    std::size_t claims = 0;
    int failures = 0;
    Time not_before{};
    Time last_used{};
    bool image_gone = false;  ///< the engine does not have it any more: no more of these, until a job finds it again
    std::shared_ptr<std::size_t> in_use = std::make_shared<std::size_t>(0);
    PoolState counted;  ///< the totals
  };
  using Lines = std::map<std::string, Line>;

  Line* find(const std::string& key);
  Line& line_of(const std::string& key, Wanted wanted);
  std::optional<LiveContainer> pop(Line& line);
  std::size_t wanted_of(Line& line);
  std::size_t least_of(const Line& line) const;
  bool usable(const Ready& entry) const;

  awaitable<void> run();
  void give_up_dead();
  void shrink();
  void fill();
  void forget_unused();
  std::vector<PoolLine> view();
  PoolSituation situation() const;
  core::Duration next_look();

  void drop(LiveContainer live);
  awaitable<void> end_and_remove(LiveContainer live);
  awaitable<void> make(std::string key, Time asked);
  void take_in(Line& line, Started started, Time asked);

  Activity& activity_;
  Workshop workshop_;
  PoolSizes sizes_;
  Lines lines_;
  core::Event made_;  ///< a container was made or could not be: for those who claim one
  core::TaskGroup tasks_;
  bool open_ = false;
};

}  // namespace skill_verifier::sandbox
