#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/core/metrics.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/store/job_state.hpp"
#include "skill_verifier/store/outbox.hpp"

namespace skill_verifier::store {

using core::awaitable;
using core::Time;

/// A client's Idempotency-Key, kept with the job that it stands for.
struct IdempotencyUse {
  std::string key;
  std::string request_sha256;  ///< of what was asked for: the same key with another digest is another request
  Time expires_at{};
  std::string owner;  ///< whose key it is: two clients may have chosen the same
};

/// One row. What a job is asked to do never changes after insert; what became of it is written once, with its final
/// state.
struct Job {
  std::string id;              ///< 32 hex
  std::uint64_t sequence = 0;  ///< order of acknowledgement, given by the store
  JobState state = JobState::pending;
  int attempt = 0;  ///< runs begun so far
  Time created_at{};
  std::optional<Time> started_at;
  std::optional<Time> completed_at;
  std::string skill_id;
  std::string owner;        ///< id of the API key that submitted it; empty: nobody's
  bool is_private = false;  ///< only the owner and administrators may know of it; has an owner then
  std::string request;      ///< JSON text: everything the runner needs besides the pack (service/job_request.hpp)
  bool has_pack = false;    ///< the package blob is still kept
  std::string result;       ///< JSON text of the predecessor's `result` object, when completed
  std::string statement;    ///< canonical bytes, when completed
  std::string error;        ///< JSON text {code, message, hint}, when failed
  std::optional<Webhook> webhook;  ///< for insert alone: it holds a secret, and nothing that reads a job gives it

  std::string tree_digest;     ///< dirHash1 of the package
  std::string archive_sha256;  ///< empty for a folder
  std::string original;        ///< id of the job whose verdict this one repeats; empty: it was judged itself
  std::optional<IdempotencyUse> idempotency;  ///< for `insert` alone
  bool replayed = false;                      ///< from Service::submit alone: its idempotency key stood for it already
};

/// Whether the run that ends without a verdict is one of the job's attempts: a passing fault is, a shutdown is not.
enum class AttemptCounts { yes, no };

/// A job without its large columns, for lists.
struct JobSummary {
  std::string id;
  std::uint64_t sequence = 0;
  JobState state = JobState::pending;
  int attempt = 0;
  Time created_at{};
  std::optional<Time> completed_at;
  std::string skill_id;
  std::string owner;
  bool is_private = false;
};

/// What decides who may see a job.
struct JobAccess {
  std::string owner;
  bool is_private = false;
};

/// Newest first.
struct JobFilter {
  std::optional<JobState> state;
  std::size_t limit = 50;
  std::optional<std::uint64_t> before;  ///< only jobs with a smaller sequence
  std::optional<std::string> viewer;    ///< set: without the private jobs of other owners
};

using JobCounts = std::map<JobState, std::uint64_t>;

/// What a job became.
struct JobOutcome {
  JobState state = JobState::completed;  ///< a final one
  Time completed_at{};
  std::string result, statement, error;
  std::string collateral;  ///< SHA-256 of the kept file that the result refers to; empty: none
  std::string log;         ///< what its commands wrote, as text with headings; any bytes
  std::string journal;     ///< JSON text: changes of state with their places in the log (service/journal.hpp)
  std::string verdict;     ///< `passed`, `failed` or `untested`, when completed
  std::string result_hash;
  std::string cache_key;  ///< under which later jobs may repeat the outcome; empty: never
};

/// What is known of a job or of a package, without anything large.
struct VerdictRow {
  std::string id;
  std::uint64_t sequence = 0;
  JobState state = JobState::pending;
  Time created_at{};
  std::optional<Time> completed_at;
  std::string skill_id;
  std::string tree_digest, archive_sha256, original;
  std::string verdict, result_hash;  ///< empty unless completed
};

/// What an Idempotency-Key stands for.
struct KeyedJob {
  std::string id;
  std::string request_sha256;
};

/// A part of a final job's log.
struct LogPiece {
  std::string text;
  std::uint64_t size = 0;  ///< of the whole log
  std::string journal;
};

/// A package as the store gets it: a file on the file system of the spool, whole and never written again.
struct PackFile {
  /// What the file of many jobs has beside its bytes. It stays where it is for as long as somebody holds the keeper,
  /// each job gets another name for it, and what has the same SHA-256 is stored once.
  struct Shared {
    std::shared_ptr<const void> keeper;
    core::Digest256 sha256{};
  };

  std::filesystem::path file;
  std::optional<Shared> shared;  ///< absent: it becomes one job's own
};

/// Durable record of jobs, their packages and their logs. Every call that changes something returns after the change
/// would survive kill -9 and a power cut (the in-memory store excepted), and a call that fails has changed nothing.
/// Called from the I/O thread; blocking work happens elsewhere. Calls may overlap. Destroyed before the io_context that
/// awaits it. Errors: not_found `job_not_found`, conflict `job_state_conflict` (job_state.hpp forbids it), unavailable
/// `store_failed`.
class JobStore {
 public:
  virtual ~JobStore() = default;

  /// Directory for uploads in flight; on the same file system as the blobs. Emptied by `open`.
  virtual std::filesystem::path spool() const = 0;

  /// Adds the job in state pending and makes `pack` the job's blob, durably: a file that is not shared is moved. Sets
  /// `sequence`, which is never used twice. `id` is opaque: 1 to 64 letters, digits, `-` and `_` (invalid_argument
  /// `job_id_invalid`); one that exists is conflict `job_exists`. An idempotency key that stands for
  /// another job and has not expired by `created_at` is conflict `idempotency_key_used`. When this fails, `pack` is
  /// where it was.
  virtual awaitable<Result<Job>> insert(Job job, PackFile pack) = 0;
  /// The same with a pack that becomes this job's own.
  awaitable<Result<Job>> insert(Job job, std::filesystem::path pack) {
    return insert(std::move(job), PackFile{std::move(pack), std::nullopt});
  }
  /// Adds a job that has its outcome from the start and never had a pack. Otherwise as `insert`.
  virtual awaitable<Result<Job>> insert_final(Job job, JobOutcome outcome) = 0;
  virtual awaitable<Result<Job>> find(std::string id) = 0;
  /// The cost does not depend on the job, nor on whether there is one.
  virtual awaitable<Result<JobAccess>> access(std::string id) = 0;
  /// The job that the key stands for at `now`.
  virtual awaitable<Result<std::optional<KeyedJob>>> find_key(std::string owner, std::string key, Time now) = 0;
  /// Removes the keys that have expired by `now`.
  virtual awaitable<Result<void>> expire_keys(Time now) = 0;
  /// One row for each subject, a job's id or a lower-case SHA-256 (of a tree or an archive): for a digest the newest
  /// job that was judged, else the newest. A few lookups each. For a `viewer` without the private jobs of others.
  virtual awaitable<Result<std::vector<std::optional<VerdictRow>>>> verdicts(std::vector<std::string> subjects,
                                                                             std::optional<std::string> viewer) = 0;
  /// The newest job with that cache key that ended at `since` or later, and that `owner` may know of.
  virtual awaitable<Result<std::optional<Job>>> find_cached(std::string cache_key, Time since, std::string owner) = 0;
  virtual awaitable<Result<std::vector<JobSummary>>> list(JobFilter filter) = 0;
  /// Has an entry for every state. Cost does not depend on the number of jobs.
  virtual awaitable<Result<JobCounts>> counts() = 0;
  /// Number of the jobs that a list for `viewer` leaves out. Costs a row for each owner of private jobs.
  virtual awaitable<Result<std::uint64_t>> count_hidden(std::string viewer) = 0;
  /// pending → running, attempt + 1. conflict when it is not pending. Survives kill -9; a power cut may undo it until
  /// the next change, and the job is pending again as every start makes it.
  virtual awaitable<Result<Job>> begin(std::string id, Time now) = 0;
  /// running → pending: to be run again.
  virtual awaitable<Result<void>> requeue(std::string id, AttemptCounts counts) = 0;
  /// pending or running → a final state, once; removes the package blob.
  virtual awaitable<Result<void>> finish(std::string id, JobOutcome outcome) = 0;
  /// Removes a job that is final, with its log.
  virtual awaitable<Result<void>> remove(std::string id) = 0;
  /// All jobs to run, oldest first; jobs that an earlier life left running become pending first (their attempt counts).
  virtual awaitable<Result<std::vector<JobSummary>>> recover() = 0;
  /// Removes final jobs that ended before `time`, at most 256 in one call; gives their ids, none when none is left.
  virtual awaitable<Result<std::vector<std::string>>> expire(Time time) = 0;
  /// Removes the final jobs that ended first when there are more than `jobs` of them or all jobs together take more
  /// than `bytes` in the store; 0 = no limit. At most 256 in one call; gives their ids, none when that is enough.
  virtual awaitable<Result<std::vector<std::string>>> trim(std::uint64_t jobs, std::uint64_t bytes) = 0;
  /// Gives space that removed jobs have left back to the disk, a little at a time between other changes.
  virtual awaitable<Result<void>> vacuum() { co_return Result<void>{}; }

  /// Those of the digests that a job's outcome named as its collateral. Costs one lookup each.
  virtual awaitable<Result<std::set<std::string>>> collaterals_in_use(std::vector<std::string> digests) = 0;

  /// Where the pack of a pending or running job is.
  virtual std::filesystem::path pack_path(const std::string& id) const = 0;
  /// JobOutcome::log; empty for a job that is not final.
  virtual awaitable<Result<std::string>> log(std::string id) = 0;
  /// At most `limit` bytes of it from `offset` on.
  virtual awaitable<Result<LogPiece>> log_piece(std::string id, std::uint64_t offset, std::uint64_t limit) = 0;
  /// Whether it still works: a write and a read.
  virtual awaitable<Result<void>> check() = 0;
  /// Messages about jobs: `job.started` is written by `begin`; `job.completed`, `job.failed` or `job.cancelled` with
  /// the final state. Lives as long as the store.
  virtual Outbox& outbox() = 0;
  /// How long its calls took; nothing from a store without a disk.
  virtual void write_metrics(core::MetricsText&) const {}
};

/// Makes the directory of a store, for this user only; one that exists keeps the permissions that its owner chose.
/// Errors: unavailable `store_failed`.
Result<void> make_storage_directory(const std::filesystem::path& directory);

/// Everything in memory, packs in a temporary directory below `directory`, which goes with the store: for tests and for
/// `storage: memory`. Throws std::filesystem::filesystem_error when that directory cannot be made.
std::unique_ptr<JobStore> open_memory_store(std::filesystem::path directory, OutboxRules rules = {});

/// SQLite (WAL, synchronous=FULL, one writer thread, group commit: concurrent changes share a transaction) in
/// `directory`/jobs.db, packs beside it. Makes the directory as make_storage_directory does and the database for this
/// user only, runs migrations, empties the spool, removes packs that belong to no job and fails jobs whose pack is gone
/// (`package_lost`). Blocking. Errors: unavailable `store_failed`
/// (also for a file that is damaged or no database of ours), conflict `store_locked` when another process has it open,
/// unsupported `store_newer` for a database of a later version.
Result<std::unique_ptr<JobStore>> open_sqlite_store(std::filesystem::path directory, OutboxRules rules = {});

}  // namespace skill_verifier::store
