#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/log.hpp"
#include "skill_verifier/store/job_store.hpp"
#include "store/client_life.hpp"
#include "store/columns.hpp"
#include "store/errors.hpp"
#include "store/files.hpp"
#include "store/group_commit.hpp"
#include "store/job_rows.hpp"
#include "store/migrations.hpp"
#include "store/sqlite.hpp"
#include "store/sqlite_outbox.hpp"
#include "store/statements.hpp"
#include "store/store_metrics.hpp"

namespace skill_verifier::store {
namespace {

namespace fs = std::filesystem;

/// The row of a job that may become `to`.
Result<std::int64_t> row_that_may_become(Database& database, const std::string& id, JobState to) {
  Query query(database, sql::kStateOf);
  query.bind(id);
  SKILL_VERIFIER_TRY(const bool found, query.step());
  if (!found) return job_not_found(id);
  SKILL_VERIFIER_TRY(const JobState from, parse_job_state(query.text(1)));
  if (auto allowed = check_transition(id, from, to); !allowed) return allowed.error();
  return query.integer(0);
}

Result<void> insert_job(Database& database, Job& job) {
  Query row(database, sql::kInsertJob);
  row.bind(job.id).bind(to_column(job.created_at)).bind(job.skill_id).bind(job.owner);
  row.bind(std::int64_t{job.is_private});
  if (auto done = row.run(); !done) return done;
  if (database.changes() == 0) return job_exists(job.id);
  const std::int64_t sequence = database.last_row();
  job.sequence = static_cast<std::uint64_t>(sequence);
  if (job.webhook)
    if (auto kept = insert_webhook(database, sequence, *job.webhook); !kept) return kept;
  Query documents(database, sql::kInsertDocuments);
  if (auto done = documents.bind(sequence).bind(job.request).run(); !done) return done;
  return insert_client_rows(database, job);
}

/// Most skills. A batch of such changes still is a few megabytes of memory.
constexpr std::uintmax_t kMostBytesInRow = std::uintmax_t{64} * 1024;

/// Of a pack small enough to go with the row.
Result<std::string> read_pack(const fs::path& pack) {
  std::ifstream file(pack, std::ios::binary);
  // One byte more than may be there: a file that grew since is not what was measured.
  std::string bytes(kMostBytesInRow + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.is_open() || file.bad() || !file.eof())
    return Error{Errc::unavailable, "store_failed", "cannot read the package", "check the storage directory's disk"};
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

/// The row of the bytes that jobs share; written for the first of them.
Result<std::int64_t> shared_pack(Database& database, const PackFile& pack) {
  const auto digest = core::as_text(pack.shared->sha256);
  Query known(database, sql::kFindSharedPack);
  SKILL_VERIFIER_TRY(const bool found, known.bind_blob(digest).step());
  if (found) return known.integer(0);
  SKILL_VERIFIER_TRY(const std::string bytes, read_pack(pack.file));
  Query row(database, sql::kInsertSharedPack);
  if (auto done = row.bind_blob(digest).bind_blob(bytes).run(); !done) return done.error();
  return database.last_row();
}

Result<void> insert_pack(Database& database, std::uint64_t sequence, const PackFile& pack) {
  const auto job = static_cast<std::int64_t>(sequence);
  if (pack.shared) {
    SKILL_VERIFIER_TRY(const std::int64_t shared, shared_pack(database, pack));
    Query row(database, sql::kSharePack);
    return row.bind(job).bind(shared).run();
  }
  SKILL_VERIFIER_TRY(const std::string bytes, read_pack(pack.file));
  Query row(database, sql::kInsertPack);
  return row.bind(job).bind_blob(bytes).run();
}

/// Everything that an outcome is, apart from whether it may be one.
Result<void> write_outcome(Database& database, const OutboxRules& rules, const std::string& id, std::int64_t sequence,
                           const JobOutcome& outcome) {
  Query row(database, sql::kFinishJob);
  row.bind(to_string(outcome.state)).bind(to_column(outcome.completed_at)).bind(sequence);
  if (auto done = row.run(); !done) return done;
  for (const char* kept : {sql::kDropPack, sql::kDropShare}) {
    Query pack(database, kept);
    if (auto done = pack.bind(sequence).run(); !done) return done;
  }
  Query documents(database, sql::kFinishDocuments);
  documents.bind(outcome.result).bind(outcome.statement).bind(outcome.error).bind(sequence);
  if (auto done = documents.run(); !done) return done;
  if (!outcome.collateral.empty()) {
    Query collateral(database, sql::kInsertCollateral);
    if (auto done = collateral.bind(sequence).bind(outcome.collateral).run(); !done) return done;
  }
  if (auto done = finish_verdict(database, sequence, outcome); !done) return done;
  if (!outcome.log.empty() || !outcome.journal.empty()) {
    Query log(database, sql::kInsertLog);
    if (auto done = log.bind(sequence).bind_blob(outcome.log).bind(outcome.journal).run(); !done) return done;
  }
  if (!rules.payload) return {};
  SKILL_VERIFIER_TRY(const Job job, find_job(database, id));
  return add_messages(database, rules, event_of(outcome.state), job, outcome.completed_at);
}

Result<void> finish_job(Database& database, const OutboxRules& rules, const std::string& id,
                        const JobOutcome& outcome) {
  SKILL_VERIFIER_TRY(const std::int64_t sequence, row_that_may_become(database, id, outcome.state));
  return write_outcome(database, rules, id, sequence, outcome);
}

Result<void> remove_job(Database& database, const std::string& id) {
  Query query(database, sql::kStateOf);
  query.bind(id);
  SKILL_VERIFIER_TRY(const bool found, query.step());
  if (!found) return job_not_found(id);
  SKILL_VERIFIER_TRY(const JobState state, parse_job_state(query.text(1)));
  if (!is_final(state)) return job_not_final(id, state);
  Query row(database, sql::kRemove);
  return row.bind(query.integer(0)).run();
}

/// Files that were never synced may have any content after a crash.
Result<void> restore_packs(Database& database, const StoreFiles& files) {
  Query query(database, sql::kKeptPacks);
  while (true) {
    SKILL_VERIFIER_TRY(const bool row, query.step());
    if (!row) return {};
    if (auto restored = files.restore(query.text(0), query.text(1)); !restored) return restored;
  }
}

/// Once for each database: from then on space comes back in portions. One that cannot be rewritten now works as before.
void make_shrinkable(Database& database) {
  constexpr std::int64_t kIncremental = 2;
  const auto mode = read_number(database, "PRAGMA auto_vacuum");
  if (!mode || *mode == kIncremental) return;
  if (auto done = database.exec("PRAGMA auto_vacuum = INCREMENTAL; VACUUM"); !done)
    log::warn("store cannot give space back", {{"code", done.error().id}, {"message", done.error().message}});
}

/// What a crash between the two halves of a change left behind: packs without a job are removed, jobs without a pack
/// cannot be run.
Result<void> reconcile(Database& database, const StoreFiles& files, const OutboxRules& rules) {
  if (auto restored = restore_packs(database, files); !restored) return restored;
  SKILL_VERIFIER_TRY(auto packs, files.packs());
  std::vector<std::string> lost;
  {
    Query query(database, sql::kPackOwners);
    while (true) {
      SKILL_VERIFIER_TRY(const bool row, query.step());
      if (!row) break;
      auto id = query.text(0);
      if (packs.erase(id) == 0) lost.push_back(std::move(id));
    }
  }
  for (const auto& id : packs)
    files.discard(id);
  if (lost.empty()) return {};
  SKILL_VERIFIER_TRY(Transaction transaction, Transaction::begin(database, "BEGIN IMMEDIATE"));
  for (const auto& id : lost) {
    log::error("package lost", {{"job", id}});
    if (auto done = finish_job(database, rules, id, package_lost()); !done) return done;
  }
  return transaction.commit();
}

/// Pages that stay in the file for the next jobs: 1 MiB.
constexpr std::int64_t kFreePagesKept = 256;

using Ids = std::vector<std::string>;

Result<Ids> expire_jobs(Database& database, Time time) {
  Query rows(database, sql::kExpire);
  rows.bind(to_column(time));
  return read_texts(rows);
}

/// One portion. Sizes are those of whole pages, so that the last job that has to go may be a few too many.
Result<Ids> trim_jobs(Database& database, std::uint64_t jobs, std::uint64_t bytes) {
  constexpr std::int64_t kPortion = 256, kPortionBySize = 16;
  SKILL_VERIFIER_TRY(const auto final_jobs, read_number(database, sql::kFinalJobs));
  SKILL_VERIFIER_TRY(const auto used, read_number(database, sql::kUsedBytes));
  std::int64_t portion = 0;
  if (jobs != 0) portion = std::clamp<std::int64_t>(final_jobs - to_column(std::optional(jobs)), 0, kPortion);
  if (portion == 0 && bytes != 0 && used > to_column(std::optional(bytes))) portion = kPortionBySize;
  if (portion == 0) return Ids();
  Query rows(database, sql::kTrim);
  rows.bind(portion);
  return read_texts(rows);
}

class SqliteStore final : public JobStore {
 public:
  SqliteStore(Descriptor lock, StoreFiles files, OutboxRules rules, Database writer, Database reader,
              Database checkpointer)
      : lock_(std::move(lock)),
        files_(std::move(files)),
        rules_(std::move(rules)),
        reader_(std::move(reader)),
        writer_(std::move(writer), std::move(checkpointer), [this] { return files_.sync_packs(); }) {}

  fs::path spool() const override { return files_.spool(); }
  fs::path pack_path(const std::string& id) const override { return files_.pack(id); }

  awaitable<Result<Job>> insert(Job job, PackFile pack) override {
    if (auto valid = check_job_id(job.id); !valid) co_return valid.error();
    std::error_code unknown;
    const auto size = fs::file_size(pack.file, unknown);
    const bool small = !unknown && size <= kMostBytesInRow;
    if (!small) {
      auto synced = co_await core::run_on(syncing_, [file = pack.file] { return StoreFiles::sync(file); });
      if (!synced) co_return synced.error();
    }
    auto added = std::make_shared<Job>(as_inserted(std::move(job)));
    auto file = std::make_shared<const PackFile>(std::move(pack));
    Change change;
    // The row first: it finds out whether the id is taken before a file is moved to that id's place.
    change.apply = [this, added, file, small](Database& database) -> Result<void> {
      if (auto done = insert_job(database, *added); !done) return done;
      if (small)
        if (auto kept = insert_pack(database, added->sequence, *file); !kept) return kept;
      return file->shared ? files_.share(file->file, added->id) : files_.adopt(file->file, added->id);
    };
    change.undo = [this, added, file] {
      file->shared ? files_.discard(added->id) : files_.give_back(file->file, added->id);
    };
    change.adds_pack = !small;
    auto done = co_await write(std::move(change));
    if (!done) co_return done.error();
    added->webhook.reset();
    co_return std::move(*added);
  }

  awaitable<Result<Job>> insert_final(Job job, JobOutcome outcome) override {
    if (auto valid = check_job_id(job.id); !valid) co_return valid.error();
    auto added = std::make_shared<Job>(as_inserted(std::move(job), outcome));
    Change change;
    change.apply = [this, added, outcome = std::move(outcome)](Database& database) -> Result<void> {
      if (auto done = insert_job(database, *added); !done) return done;
      return write_outcome(database, rules_, added->id, static_cast<std::int64_t>(added->sequence), outcome);
    };
    auto done = co_await write(std::move(change));
    if (!done) co_return done.error();
    added->webhook.reset();
    co_return std::move(*added);
  }

  awaitable<Result<std::optional<KeyedJob>>> find_key(std::string owner, std::string key, Time now) override {
    auto query = [this, owner, key, now] { return store::find_key(reader_, owner, key, now); };
    co_return co_await core::run_on(reading_, std::move(query));
  }

  awaitable<Result<void>> expire_keys(Time now) override {
    while (true) {
      auto removed = std::make_shared<std::int64_t>(0);
      Change change;
      change.apply = [now, removed](Database& database) -> Result<void> {
        SKILL_VERIFIER_TRY(*removed, store::expire_keys(database, now));
        return {};
      };
      auto done = co_await writer_.run(std::move(change));
      if (!done || *removed == 0) co_return done;
    }
  }

  awaitable<Result<std::vector<std::optional<VerdictRow>>>> verdicts(std::vector<std::string> subjects,
                                                                     std::optional<std::string> viewer) override {
    auto query = [this, subjects = std::move(subjects), viewer] { return find_verdicts(reader_, subjects, viewer); };
    co_return co_await core::run_on(reading_, std::move(query));
  }

  awaitable<Result<std::optional<Job>>> find_cached(std::string cache_key, Time since, std::string owner) override {
    auto query = [this, cache_key = std::move(cache_key), since, owner]() -> Result<std::optional<Job>> {
      SKILL_VERIFIER_TRY(const auto id, store::find_cached(reader_, cache_key, since, owner));
      if (!id) return std::optional<Job>();
      SKILL_VERIFIER_TRY(auto job, find_job(reader_, *id));
      return std::optional(std::move(job));
    };
    co_return co_await core::run_on(reading_, std::move(query));
  }

  awaitable<Result<LogPiece>> log_piece(std::string id, std::uint64_t offset, std::uint64_t limit) override {
    auto query = [this, id = std::move(id), offset, limit] { return find_log_piece(reader_, id, offset, limit); };
    co_return co_await core::run_on(reading_, std::move(query));
  }

  awaitable<Result<Job>> find(std::string id) override {
    auto query = [this, id = std::move(id)] { return find_job(reader_, id); };
    co_return co_await read(std::move(query));
  }

  awaitable<Result<JobAccess>> access(std::string id) override {
    auto query = [this, id = std::move(id)] { return find_access(reader_, id); };
    co_return co_await core::run_on(reading_, std::move(query));
  }

  awaitable<Result<std::vector<JobSummary>>> list(JobFilter filter) override {
    auto query = [this, filter] { return list_jobs(reader_, filter); };
    co_return co_await read(std::move(query));
  }

  awaitable<Result<JobCounts>> counts() override {
    auto query = [this] { return count_jobs(reader_); };
    co_return co_await read(std::move(query));
  }

  awaitable<Result<std::uint64_t>> count_hidden(std::string viewer) override {
    auto query = [this, viewer = std::move(viewer)]() -> Result<std::uint64_t> {
      Query count(reader_, sql::kCountHidden);
      count.bind(viewer);
      SKILL_VERIFIER_TRY(const bool row, count.step());
      return row ? static_cast<std::uint64_t>(count.integer(0)) : 0;
    };
    co_return co_await core::run_on(reading_, std::move(query));
  }

  awaitable<Result<Job>> begin(std::string id, Time now) override {
    auto begun = std::make_shared<Job>();
    Change change;
    change.apply = [this, id = std::move(id), now, begun](Database& database) -> Result<void> {
      SKILL_VERIFIER_TRY(const auto sequence, row_that_may_become(database, id, JobState::running));
      Query row(database, sql::kBegin);
      if (auto done = row.bind(to_column(now)).bind(sequence).run(); !done) return done;
      SKILL_VERIFIER_TRY(*begun, find_job(database, id));
      return add_messages(database, rules_, kStarted, *begun, now);
    };
    // After a power cut the job is pending again, which is what it is made to be at every start.
    change.durable = false;
    auto done = co_await write(std::move(change));
    if (!done) co_return done.error();
    co_return std::move(*begun);
  }

  awaitable<Result<void>> requeue(std::string id, AttemptCounts counts) override {
    Change change;
    change.apply = [id = std::move(id), counts](Database& database) -> Result<void> {
      SKILL_VERIFIER_TRY(const auto sequence, row_that_may_become(database, id, JobState::pending));
      Query row(database, sql::kRequeue);
      return row.bind(std::int64_t{counts == AttemptCounts::no}).bind(sequence).run();
    };
    co_return co_await write(std::move(change));
  }

  awaitable<Result<void>> finish(std::string id, JobOutcome outcome) override {
    Change change;
    change.apply = [this, id, outcome = std::move(outcome)](Database& database) {
      return finish_job(database, rules_, id, outcome);
    };
    change.committed = [this, id] { files_.discard(id); };
    co_return co_await write(std::move(change));
  }

  awaitable<Result<void>> remove(std::string id) override {
    Change change;
    change.apply = [id = std::move(id)](Database& database) { return remove_job(database, id); };
    co_return co_await write(std::move(change));
  }

  awaitable<Result<std::vector<JobSummary>>> recover() override {
    auto jobs = std::make_shared<std::vector<JobSummary>>();
    Change change;
    change.apply = [jobs](Database& database) -> Result<void> {
      Query requeue(database, sql::kRequeueAll);
      if (auto done = requeue.run(); !done) return done;
      Query query(database, sql::kListPending);
      SKILL_VERIFIER_TRY(*jobs, read_summaries(query));
      return {};
    };
    auto done = co_await write(std::move(change));
    if (!done) co_return done.error();
    co_return std::move(*jobs);
  }

  awaitable<Result<Ids>> expire(Time time) override {
    auto change = [time](Database& database) { return expire_jobs(database, time); };
    co_return co_await remove_portion(std::move(change));
  }

  awaitable<Result<Ids>> trim(std::uint64_t jobs, std::uint64_t bytes) override {
    auto change = [jobs, bytes](Database& database) { return trim_jobs(database, jobs, bytes); };
    co_return co_await remove_portion(std::move(change));
  }

  awaitable<Result<void>> vacuum() override {
    while (true) {
      auto left = std::make_shared<std::int64_t>(0);
      Change change;
      change.apply = [left](Database& database) -> Result<void> {
        SKILL_VERIFIER_TRY(const auto before, read_number(database, sql::kFreePages));
        if (before <= kFreePagesKept) return {};
        if (auto done = database.exec("PRAGMA incremental_vacuum(512)"); !done) return done;
        SKILL_VERIFIER_TRY(const auto after, read_number(database, sql::kFreePages));
        // A database without the pointer map stays as it is.
        *left = after < before ? after : 0;
        return {};
      };
      change.durable = false;
      auto done = co_await write(std::move(change));
      if (!done) co_return done.error();
      if (*left <= kFreePagesKept) co_return Result<void>{};
    }
  }

  awaitable<Result<std::set<std::string>>> collaterals_in_use(std::vector<std::string> digests) override {
    auto query = [this, digests = std::move(digests)] { return find_collaterals(reader_, digests); };
    co_return co_await read(std::move(query));
  }

  awaitable<Result<std::string>> log(std::string id) override {
    auto query = [this, id = std::move(id)]() -> Result<std::string> {
      Query row(reader_, sql::kLog);
      row.bind(id);
      SKILL_VERIFIER_TRY(const bool found, row.step());
      if (!found) return job_not_found(id);
      return row.text(0);
    };
    co_return co_await read(std::move(query));
  }

  awaitable<Result<void>> check() override {
    Change change;
    change.apply = [](Database& database) {
      Query beat(database, sql::kBeat);
      return beat.run();
    };
    auto written = co_await write(std::move(change));
    if (!written) co_return written;
    auto query = [this]() -> Result<void> {
      Query beat(reader_, sql::kReadBeat);
      return beat.run();
    };
    co_return co_await read(std::move(query));
  }

  Outbox& outbox() override { return outbox_; }
  void write_metrics(core::MetricsText& out) const override { metrics_.write(out); }

 private:
  awaitable<Result<Ids>> remove_portion(std::function<Result<Ids>(Database&)> remove) {
    auto removed = std::make_shared<Ids>();
    Change change;
    change.apply = [remove = std::move(remove), removed](Database& database) -> Result<void> {
      SKILL_VERIFIER_TRY(*removed, remove(database));
      return {};
    };
    auto done = co_await write(std::move(change));
    if (!done) co_return done.error();
    co_return std::move(*removed);
  }
  awaitable<Result<void>> write(Change change) {
    const auto begun = std::chrono::steady_clock::now();
    auto written = co_await writer_.run(std::move(change));
    metrics_.writes.observe(std::chrono::steady_clock::now() - begun);
    if (!written && written.error().code == Errc::unavailable) ++metrics_.failed_writes;
    co_return written;
  }
  template <class F>
  awaitable<std::invoke_result_t<F&>> read(F query) {
    const auto begun = std::chrono::steady_clock::now();
    auto rows = co_await core::run_on(reading_, std::move(query));
    metrics_.reads.observe(std::chrono::steady_clock::now() - begun);
    co_return rows;
  }

  StoreMetrics metrics_;
  Descriptor lock_;
  StoreFiles files_;
  OutboxRules rules_;
  Database reader_;
  GroupCommit writer_;
  core::WorkPool reading_{1};
  core::WorkPool syncing_{2};
  SqliteOutbox outbox_{writer_, reader_, reading_};
};

}  // namespace

Result<std::unique_ptr<JobStore>> open_sqlite_store(fs::path directory, OutboxRules rules) {
  SKILL_VERIFIER_TRY(Descriptor lock, lock_directory(directory));
  StoreFiles files(directory);
  if (auto opened = files.open(); !opened) return opened.error();
  const fs::path file = directory / "jobs.db";
  SKILL_VERIFIER_TRY(Database writer, Database::open_writer(file));
  if (auto migrated = migrate(writer); !migrated) return migrated.error();
  make_shrinkable(writer);
  if (auto reconciled = reconcile(writer, files, rules); !reconciled) return reconciled.error();
  SKILL_VERIFIER_TRY(Database reader, Database::open_reader(file));
  SKILL_VERIFIER_TRY(Database checkpointer, Database::open_checkpointer(file));
  return std::unique_ptr<JobStore>(std::make_unique<SqliteStore>(std::move(lock), std::move(files), std::move(rules),
                                                                 std::move(writer), std::move(reader),
                                                                 std::move(checkpointer)));
}

}  // namespace skill_verifier::store
