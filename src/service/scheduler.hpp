#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "service/entry.hpp"
#include "service/fair_queue.hpp"
#include "service/job_runner.hpp"
#include "service/timing_log.hpp"
#include "skill_verifier/service/service.hpp"

namespace skill_verifier::service {

/// Which job runs when: first come first served within each client, fair between them (FairQueue), at most `workers` in
/// sandboxes, faults of the infrastructure tried again after a pause. Every job that is not final has one Entry here;
/// its changes of state in the store are made here only.
class Scheduler {
 public:
  /// `changed` is called after the store has written that a job began or ended.
  Scheduler(core::asio::any_io_executor executor, const core::Clock& clock, store::JobStore& store, JobRunner& runner,
            ServiceMetrics& metrics, const ServiceOptions& options, std::function<void()> changed);

  /// Room for one more job in the queue, kept while its package is being read.
  class Place {
   public:
    Place(Scheduler& owner, std::string lane) : owner_(owner), lane_(std::move(lane)) {
      ++owner_.promised_;
      ++owner_.promised_in_[lane_];
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
      --owner_.promised_;
      if (--owner_.promised_in_[lane_] == 0) owner_.promised_in_.erase(lane_);
    }

   private:
    Scheduler& owner_;
    const std::string lane_;
  };
  /// What an owner's jobs, or an address's anonymous ones, count against; empty where nothing is known of them.
  static std::string lane_of(const std::string& owner, const std::string& client);
  bool has_room() const { return queue_.size() + promised_ < options_.queue; }
  bool has_room_in(const std::string& lane) const;

  /// Queues a job that is pending in the store and begins it as soon as a worker is free.
  void add(const std::string& id, const std::string& lane, const std::string& request_id, const std::string& trace_id,
           std::uint64_t pack_bytes, const Stopwatch& watch);
  /// The same for a job of an earlier life.
  void recover(const std::string& id, const std::string& lane, std::uint64_t pack_bytes);
  /// Null when the job is final, or not of this life.
  EntryPtr find(const std::string& id) const;
  /// Cancels the job and waits until it is final; at once when it is not known here. False when `limit` passed first.
  core::awaitable<bool> cancel(std::string id, core::Duration limit);
  /// Begins no more jobs, lets active ones finish for the drain time, then interrupts and requeues them.
  core::awaitable<void> stop();

  std::uint64_t pack_bytes() const { return pack_bytes_; }
  /// Of a job that has ended in this life, unless that was long ago.
  std::optional<JobTiming> timing(const std::string& id) const { return timings_.find(id); }

  std::size_t queued() const { return queue_.size(); }
  std::size_t active() const { return active_; }
  bool draining() const { return draining_; }
  /// The engine did not answer when a job needed it: nothing is begun until it does.
  bool engine_away() const { return engine_away_; }
  /// To be called when the options allow more than before.
  void begin_what_can() { pump(); }

 private:
  void enqueue(EntryPtr entry, std::uint64_t pack_bytes);
  void pump();
  std::size_t cap_of(const std::string& lane) const;
  void activate(const EntryPtr& entry);
  void release_slot(const EntryPtr& entry);
  void forget(const EntryPtr& entry);

  core::awaitable<void> work(EntryPtr entry);
  core::awaitable<void> discard(EntryPtr entry);
  core::awaitable<Attempt> guarded_attempt(EntryPtr entry);
  core::awaitable<Attempt> attempt(EntryPtr entry);
  bool may_try_again(const EntryPtr& entry, const Error& fault) const;
  core::awaitable<bool> engine_is_away(const Error& fault);
  core::awaitable<void> hold(EntryPtr entry);
  core::awaitable<void> watch_engine();
  core::awaitable<void> settle(EntryPtr entry, Attempt attempt);
  core::awaitable<void> conclude(EntryPtr entry, store::JobOutcome outcome);
  core::awaitable<void> give_back(EntryPtr entry, store::AttemptCounts counts);
  core::awaitable<void> try_again_later(EntryPtr entry, core::Duration pause);
  core::awaitable<void> wait_until_idle(core::Duration limit);
  core::awaitable<bool> persist(EntryPtr entry, std::function<core::awaitable<Result<void>>()> change);
  store::JobOutcome outcome(store::JobState state, std::string error) const;
  core::Duration pause_after(int faults) const;

  core::asio::any_io_executor executor_;
  const core::Clock& clock_;
  store::JobStore& store_;
  JobRunner& runner_;
  ServiceMetrics& metrics_;
  const ServiceOptions& options_;
  const std::function<void()> changed_;

  std::unordered_map<std::string, EntryPtr> entries_;
  FairQueue queue_;
  std::size_t promised_ = 0;
  std::unordered_map<std::string, std::size_t> promised_in_;  ///< by lane
  std::uint64_t pack_bytes_ = 0;                              ///< of all entries
  std::size_t active_ = 0;                                    ///< jobs with a coroutine
  std::size_t slots_used_ = 0;  ///< those of them that need the sandbox; the others wait for a quote or the store
  bool draining_ = false;
  bool engine_away_ = false;
  bool stopping_ = false;  ///< the drain time is over
  TimingLog timings_;
  core::Event idle_;
  core::Event stopped_;
  core::TaskGroup pauses_;
};

}  // namespace skill_verifier::service
