#include "service/scheduler.hpp"

#include <algorithm>
#include <utility>

#include "service/job_request.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::service {
namespace {

using store::AttemptCounts;
using store::JobState;

/// Before the owner's or the address's name in that of a lane.
constexpr std::string_view kOwner = "owner ", kAddress = "address ";
constexpr core::Duration kLongestPause = std::chrono::seconds(30);
constexpr core::Duration kShortestEnginePause = std::chrono::milliseconds(20);
constexpr core::Duration kLongestEnginePause = std::chrono::seconds(5);
/// What interrupted jobs get to remove their containers and to write down that they run again.
constexpr core::Duration kInterruptLimit = std::chrono::seconds(60);

/// Faults of what we depend on, after which nothing is left behind: the same job may well succeed next time.
bool is_passing(const Error& fault) {
  return fault.code == Errc::unavailable || fault.code == Errc::timed_out || fault.code == Errc::overloaded;
}

}  // namespace

Scheduler::Scheduler(core::asio::any_io_executor executor, const core::Clock& clock, store::JobStore& store,
                     JobRunner& runner, ServiceMetrics& metrics, const ServiceOptions& options,
                     std::function<void()> changed)
    : executor_(executor),
      clock_(clock),
      store_(store),
      runner_(runner),
      metrics_(metrics),
      options_(options),
      changed_(std::move(changed)),
      idle_(executor),
      stopped_(executor),
      pauses_(executor) {}

std::string Scheduler::lane_of(const std::string& owner, const std::string& client) {
  if (!owner.empty()) return std::string(kOwner) + owner;
  return client.empty() ? std::string() : std::string(kAddress) + client;
}

bool Scheduler::has_room_in(const std::string& lane) const {
  if (lane.empty() || options_.queue_per_client == 0) return true;
  const auto promised = promised_in_.find(lane);
  return queue_.size(lane) + (promised == promised_in_.end() ? 0 : promised->second) < options_.queue_per_client;
}

std::size_t Scheduler::cap_of(const std::string& lane) const {
  if (lane.starts_with(kAddress)) return options_.anonymous_concurrency;
  if (!lane.starts_with(kOwner) || !options_.owner_concurrency) return 0;
  return options_.owner_concurrency(lane.substr(kOwner.size()));
}

void Scheduler::add(const std::string& id, const std::string& lane, const std::string& request_id,
                    const std::string& trace_id, std::uint64_t pack_bytes, const Stopwatch& watch) {
  auto entry = std::make_shared<Entry>(executor_, id);
  entry->lane = lane;
  entry->watch = watch;
  entry->request_id = request_id;
  entry->traced = core::TraceBinding(request_id, trace_id);
  enqueue(std::move(entry), pack_bytes);
}

void Scheduler::recover(const std::string& id, const std::string& lane, std::uint64_t pack_bytes) {
  auto entry = std::make_shared<Entry>(executor_, id);
  entry->lane = lane;
  entry->recovered = true;
  enqueue(std::move(entry), pack_bytes);
}

void Scheduler::enqueue(EntryPtr entry, std::uint64_t pack_bytes) {
  entry->pack_bytes = pack_bytes;
  pack_bytes_ += pack_bytes;
  entries_[entry->id] = entry;
  entry->log.mark(JobState::pending, 0, clock_.now());
  queue_.push(std::move(entry));
  pump();
}

EntryPtr Scheduler::find(const std::string& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : found->second;
}

void Scheduler::pump() {
  while (!draining_ && !engine_away_ && !queue_.empty() && slots_used_ < options_.workers &&
         active_ - slots_used_ < options_.quote_backlog) {
    const EntryPtr entry = queue_.pop([this](const std::string& lane) { return cap_of(lane); });
    if (!entry) return;
    entry->holds_slot = true;
    ++slots_used_;
    activate(entry);
    entry->task.spawn("job " + entry->id, work(entry));
  }
}

void Scheduler::activate(const EntryPtr& entry) {
  entry->where = Entry::Where::active;
  ++active_;
}

void Scheduler::release_slot(const EntryPtr& entry) {
  if (!std::exchange(entry->holds_slot, false)) return;
  --slots_used_;
  queue_.release(entry->lane);
  pump();
}

void Scheduler::forget(const EntryPtr& entry) {
  entry->where = Entry::Where::done;
  entry->log.close();
  if (entries_.erase(entry->id) != 0) pack_bytes_ -= entry->pack_bytes;
  entry->done.notify_all();
}

core::awaitable<void> Scheduler::work(EntryPtr entry) {
  Attempt attempt = co_await guarded_attempt(entry);
  co_await core::shield_from_cancellation();
  co_await settle(entry, std::move(attempt));
  --active_;
  idle_.notify_all();
  release_slot(entry);
  pump();
}

core::awaitable<void> Scheduler::discard(EntryPtr entry) {
  co_await core::shield_from_cancellation();
  co_await conclude(entry, outcome(JobState::cancelled, {}));
  --active_;
  idle_.notify_all();
  pump();
}

core::awaitable<Attempt> Scheduler::guarded_attempt(EntryPtr entry) {
  try {
    Attempt attempt = co_await this->attempt(entry);
    co_return attempt;
  } catch (const std::exception& exception) {
    log::error("job ended by an exception",
               {{"job", entry->id}, {"request", entry->request_id}, {"what", exception.what()}});
  }
  Attempt broken;
  broken.fault = Error{Errc::internal, "internal", "the verifier made a mistake with this job",
                       "report it with the job's id; the service's log says more"};
  co_return broken;
}

core::awaitable<Attempt> Scheduler::attempt(EntryPtr entry) {
  entry->watch.lap(&JobTiming::queued);
  auto job = co_await store_.begin(entry->id, clock_.now());
  entry->watch.lap(&JobTiming::begun);
  Attempt none;
  if (!job) {
    none.fault = job.error();
    co_return none;
  }
  entry->begun = true;
  entry->attempt = job->attempt;
  entry->log.mark(JobState::running, job->attempt, job->started_at.value_or(clock_.now()));
  changed_();
  if (entry->request_id.empty()) {
    entry->request_id = request_id_of(job->request);
    entry->traced = trace_of(job->request);
  }
  log::info("job started",
            {{"job", entry->id}, {"request", entry->request_id}, {"attempt", job->attempt}, {"skill", job->skill_id}});
  auto tested = [this, entry] { release_slot(entry); };
  co_return co_await runner_.run(entry, std::move(*job), std::move(tested));
}

bool Scheduler::may_try_again(const EntryPtr& entry, const Error& fault) const {
  if (!is_passing(fault)) return false;
  // A job that the store would not let us begin has not had its chance: it waits for the store.
  return !entry->begun || ++entry->faults < options_.attempts;
}

/// Asked once a job met a fault that a missing engine explains. From then on somebody looks whether it is back.
core::awaitable<bool> Scheduler::engine_is_away(const Error& fault) {
  if (fault.code != Errc::unavailable || fault.id == "store_failed" || draining_) co_return false;
  const auto answers = co_await runner_.check_engine();
  if (answers || draining_) co_return false;
  if (std::exchange(engine_away_, true)) co_return true;
  log::error("engine does not answer", {{"code", answers.error().id}, {"message", answers.error().message}});
  pauses_.spawn("engine watch", watch_engine());
  co_return true;
}

core::awaitable<void> Scheduler::watch_engine() {
  for (int looks = 1;; ++looks) {
    const bool time_is_up =
        co_await core::sleep_for(std::clamp(pause_after(looks), kShortestEnginePause, kLongestEnginePause));
    if (!time_is_up || draining_) co_return;
    const auto answers = co_await runner_.check_engine();
    if (draining_) co_return;
    if (answers) break;
  }
  engine_away_ = false;
  log::info("engine answers again", {{"waiting", queue_.size()}});
  pump();
}

/// The job had no chance: it keeps its place, and this was none of its attempts.
core::awaitable<void> Scheduler::hold(EntryPtr entry) {
  log::warn("job waits for the engine", {{"job", entry->id}, {"request", entry->request_id}});
  entry->log.heading("the engine does not answer; waiting for it");
  co_await give_back(entry, AttemptCounts::no);
  if (entry->removing) {
    co_await conclude(entry, outcome(JobState::cancelled, {}));
  } else if (draining_) {
    forget(entry);
  } else {
    entry->where = Entry::Where::queued;
    queue_.put_back(entry);
  }
}

core::awaitable<void> Scheduler::settle(EntryPtr entry, Attempt attempt) {
  bool away = false;
  if (!attempt.outcome && !entry->removing && !entry->interrupted) away = co_await engine_is_away(attempt.fault);
  if (attempt.outcome) {
    co_await conclude(entry, std::move(*attempt.outcome));
  } else if (entry->removing) {
    co_await conclude(entry, outcome(JobState::cancelled, {}));
  } else if (entry->interrupted) {
    co_await give_back(entry, AttemptCounts::no);
    forget(entry);
  } else if (away && attempt.fault.id == "engine_unreachable") {
    metrics_.spoilt(attempt.fault);
    co_await hold(entry);
  } else if (metrics_.spoilt(attempt.fault); may_try_again(entry, attempt.fault)) {
    log::warn("job to be tried again", {{"job", entry->id},
                                        {"request", entry->request_id},
                                        {"code", attempt.fault.id},
                                        {"message", attempt.fault.message}});
    entry->log.heading("fault: " + attempt.fault.message + "; to be tried again");
    co_await give_back(entry, AttemptCounts::yes);
    if (entry->removing) {
      co_await conclude(entry, outcome(JobState::cancelled, {}));
    } else if (draining_) {
      forget(entry);
    } else {
      entry->where = Entry::Where::delayed;
      pauses_.spawn("pause", try_again_later(entry, pause_after(entry->faults)));
    }
  } else {
    entry->log.heading("failed: " + attempt.fault.message);
    co_await conclude(entry, outcome(JobState::failed, error_json(attempt.fault)));
  }
}

core::awaitable<void> Scheduler::conclude(EntryPtr entry, store::JobOutcome outcome) {
  release_slot(entry);
  entry->log.start_line();
  outcome.log = entry->log.text();
  Journal journal = entry->log.journal();
  journal.add(outcome.state, entry->attempt, outcome.completed_at, outcome.log.size());
  outcome.journal = journal.to_json();
  entry->watch.skip();
  auto finish = [this, entry, outcome] { return store_.finish(entry->id, outcome); };
  const bool finished = co_await persist(entry, std::move(finish));
  entry->watch.lap(&JobTiming::finished);
  entry->watch.stop();
  timings_.keep(entry->id, entry->watch.timing);
  if (finished) {
    entry->log.mark(outcome.state, entry->attempt, outcome.completed_at);
    changed_();
    metrics_.ended(outcome.state, entry->watch.timing);
    log::info("job ended", {{"job", entry->id},
                            {"request", entry->request_id},
                            {"state", store::to_string(outcome.state)},
                            {"error", outcome.error}});
  }
  forget(entry);
}

core::awaitable<void> Scheduler::give_back(EntryPtr entry, AttemptCounts counts) {
  // A job that could not even be begun is still pending.
  if (!std::exchange(entry->begun, false)) co_return;
  auto requeue = [this, entry, counts] { return store_.requeue(entry->id, counts); };
  co_await persist(entry, std::move(requeue));
  entry->log.mark(JobState::pending, entry->attempt, clock_.now());
}

core::awaitable<void> Scheduler::try_again_later(EntryPtr entry, core::Duration pause) {
  co_await core::sleep_for(pause);
  if (draining_ || entry->where != Entry::Where::delayed) co_return;
  entry->where = Entry::Where::queued;
  queue_.push(entry);
  pump();
}

core::awaitable<bool> Scheduler::persist(EntryPtr entry, std::function<core::awaitable<Result<void>>()> change) {
  for (int failures = 1;; ++failures) {
    auto writing = change();
    const auto written = co_await std::move(writing);
    if (written) co_return true;
    const Error& error = written.error();
    log::error("job not stored",
               {{"job", entry->id}, {"request", entry->request_id}, {"code", error.id}, {"message", error.message}});
    // Unwritten, the job stays as the store last saw it, and the next life takes it up from there.
    if (error.code != Errc::unavailable || stopping_) co_return false;
    co_await stopped_.wait(pause_after(failures));
  }
}

store::JobOutcome Scheduler::outcome(JobState state, std::string error) const {
  store::JobOutcome made;
  made.state = state;
  made.completed_at = clock_.now();
  made.error = std::move(error);
  return made;
}

core::Duration Scheduler::pause_after(int faults) const {
  core::Duration pause = std::min(options_.retry_backoff, kLongestPause);
  for (int i = 1; i < faults && pause < kLongestPause; ++i)
    pause *= 2;
  return std::min(pause, kLongestPause);
}

core::awaitable<bool> Scheduler::cancel(std::string id, core::Duration limit) {
  const EntryPtr entry = find(id);
  if (entry == nullptr) co_return true;
  entry->removing = true;
  if (entry->where == Entry::Where::active) {
    entry->task.cancel();
  } else {
    queue_.erase(entry);
    activate(entry);
    entry->task.spawn("discard " + id, discard(entry));
  }
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (entry->where != Entry::Where::done) {
    const auto left = deadline - std::chrono::steady_clock::now();
    const bool woken = co_await entry->done.wait(left);
    if (!woken) co_return entry->where == Entry::Where::done;
  }
  co_return true;
}

core::awaitable<void> Scheduler::stop() {
  draining_ = true;
  pauses_.cancel();
  co_await wait_until_idle(options_.drain);
  stopping_ = true;
  stopped_.notify_all();
  // Ending a job takes it out of the map.
  auto left = entries_;
  for (const auto& [id, entry] : left) {
    if (entry->where != Entry::Where::active) continue;
    entry->interrupted = true;
    entry->task.cancel();
  }
  co_await wait_until_idle(kInterruptLimit);
  left = entries_;
  for (const auto& [id, entry] : left)
    if (entry->where != Entry::Where::active) forget(entry);
  queue_.clear();
  co_await pauses_.wait(kInterruptLimit);
  if (active_ > 0) log::error("jobs did not stop", {{"jobs", active_}});
}

core::awaitable<void> Scheduler::wait_until_idle(core::Duration limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (active_ > 0) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= core::Duration::zero()) co_return;
    co_await idle_.wait(left);
  }
}

}  // namespace skill_verifier::service
