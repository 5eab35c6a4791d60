#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <map>

#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/store/job_store.hpp"
#include "store/client_statements.hpp"
#include "store/migrations.hpp"
#include "store/statements.hpp"
#include "store/store_fixture.hpp"

namespace skill_verifier::store {
namespace {

using testing::HasSubstr;
using testing::Not;

/// One byte more than goes into the database.
constexpr std::size_t kLargePack = 64 * 1024 + 1;

class SqliteStoreTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }

  void reopen() {
    store_.reset();
    auto opened = open_sqlite_store(directory());
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  std::filesystem::path directory() const { return scratch_.path() / "store"; }

  Job insert(std::string_view pack = "pack bytes") {
    auto inserted = await(io_, store_->insert(make_job(), make_pack(*store_, pack)));
    EXPECT_TRUE(inserted);
    return inserted ? *inserted : Job{};
  }
  Job find(const std::string& id) {
    auto found = await(io_, store_->find(id));
    EXPECT_TRUE(found);
    return found ? *found : Job{};
  }

  /// Runs SQL behind the store's back; gives the rows' columns joined by spaces.
  std::string sql(const std::string& text) const {
    sqlite3* handle = nullptr;
    EXPECT_EQ(sqlite3_open((directory() / "jobs.db").c_str(), &handle), SQLITE_OK);
    std::string rows;
    auto collect = [](void* out, int columns, char** values, char**) {
      for (int i = 0; i < columns; ++i)
        *static_cast<std::string*>(out) += std::string(values[i] != nullptr ? values[i] : "NULL") + " ";
      return 0;
    };
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(handle, text.c_str(), collect, &rows, &message), SQLITE_OK) << message;
    sqlite3_free(message);
    sqlite3_close(handle);
    return rows;
  }

  ScratchDirectory scratch_;
  core::asio::io_context io_{1};
  std::unique_ptr<JobStore> store_;
};

TEST_F(SqliteStoreTest, KeepsEverythingAcrossAReopen) {
  const Job pending = insert(), running = insert(), done = insert();
  ASSERT_TRUE(await(io_, store_->begin(running.id, at(2'000))));
  ASSERT_TRUE(await(io_, store_->begin(done.id, at(2'000))));
  auto outcome = completed();
  outcome.log = "log text";
  ASSERT_TRUE(await(io_, store_->finish(done.id, outcome)));
  reopen();
  EXPECT_EQ(find(pending.id).state, JobState::pending);
  EXPECT_EQ(find(running.id).state, JobState::running);
  EXPECT_EQ(find(running.id).attempt, 1);
  EXPECT_EQ(find(done.id).result, R"({"verdict":"passed"})");
  EXPECT_EQ(find(done.id).statement, "statement bytes");
  EXPECT_EQ(*await(io_, store_->log(done.id)), "log text");
  EXPECT_EQ(read_all(store_->pack_path(pending.id)), "pack bytes");
  auto counts = await(io_, store_->counts());
  EXPECT_EQ((*counts)[JobState::pending], 1u);
  EXPECT_EQ((*counts)[JobState::running], 1u);
  EXPECT_EQ((*counts)[JobState::completed], 1u);
}

TEST_F(SqliteStoreTest, SequenceGoesOnAcrossAReopenEvenWhenTheLastJobWasRemoved) {
  const Job job = insert();
  ASSERT_TRUE(await(io_, store_->finish(job.id, ended(JobState::cancelled))));
  ASSERT_TRUE(await(io_, store_->remove(job.id)));
  reopen();
  EXPECT_GT(insert().sequence, job.sequence);
}

TEST_F(SqliteStoreTest, OpenEmptiesTheSpool) {
  write_all(store_->spool() / "half-an-upload", "bytes");
  std::filesystem::create_directories(store_->spool() / "folder" / "deep");
  reopen();
  EXPECT_TRUE(std::filesystem::is_empty(store_->spool()));
}

TEST_F(SqliteStoreTest, OpenDoesNotFollowALinkInTheSpool) {
  const auto outside = scratch_.path() / "outside";
  std::filesystem::create_directories(outside);
  write_all(outside / "precious", "kept");
  std::filesystem::create_directory_symlink(outside, store_->spool() / "link");
  reopen();
  EXPECT_TRUE(std::filesystem::is_empty(store_->spool()));
  EXPECT_EQ(read_all(outside / "precious"), "kept");
}

TEST_F(SqliteStoreTest, OpenRemovesPacksThatBelongToNoJob) {
  const Job job = insert(), done = insert();
  ASSERT_TRUE(await(io_, store_->finish(done.id, ended(JobState::cancelled))));
  write_all(store_->pack_path("orphan"), "bytes");
  write_all(store_->pack_path(done.id), "unlink did not happen");
  write_all(directory() / "packs" / "stranger.txt", "bytes");
  reopen();
  EXPECT_TRUE(std::filesystem::exists(store_->pack_path(job.id)));
  EXPECT_FALSE(std::filesystem::exists(store_->pack_path("orphan")));
  EXPECT_FALSE(std::filesystem::exists(store_->pack_path(done.id)));
  EXPECT_FALSE(std::filesystem::exists(directory() / "packs" / "stranger.txt"));
}

TEST_F(SqliteStoreTest, OpenFailsJobsWhosePackIsLost) {
  const std::string large(kLargePack, 'x');
  const Job pending = insert(large), running = insert(large), fine = insert(large);
  ASSERT_TRUE(await(io_, store_->begin(running.id, at(2'000))));
  std::filesystem::remove(store_->pack_path(pending.id));
  std::filesystem::remove(store_->pack_path(running.id));
  reopen();
  for (const auto& id : {pending.id, running.id}) {
    EXPECT_EQ(find(id).state, JobState::failed);
    EXPECT_THAT(find(id).error, HasSubstr(R"("code":"package_lost")"));
    EXPECT_TRUE(find(id).completed_at);
  }
  EXPECT_EQ(find(fine.id).state, JobState::pending);
}

TEST_F(SqliteStoreTest, OpenWritesSmallPacksAnewWhateverACrashLeftOfThem) {
  const Job removed = insert("one"), emptied = insert("two"), torn = insert(std::string(65'536, 'y')), done = insert();
  ASSERT_TRUE(await(io_, store_->begin(torn.id, at(2'000))));
  ASSERT_TRUE(await(io_, store_->finish(done.id, ended(JobState::cancelled))));
  std::filesystem::remove(store_->pack_path(removed.id));
  write_all(store_->pack_path(emptied.id), "");
  write_all(store_->pack_path(torn.id), "yy");
  reopen();
  EXPECT_EQ(read_all(store_->pack_path(removed.id)), "one");
  EXPECT_EQ(read_all(store_->pack_path(emptied.id)), "two");
  EXPECT_EQ(read_all(store_->pack_path(torn.id)), std::string(65'536, 'y'));
  EXPECT_FALSE(std::filesystem::exists(store_->pack_path(done.id)));
  EXPECT_TRUE(std::filesystem::is_empty(store_->spool()));
}

TEST_F(SqliteStoreTest, OnlySmallPacksLieInTheDatabaseAndOnlyAsLongAsTheirJobRuns) {
  const Job small = insert(std::string(kLargePack - 1, 'x')), large = insert(std::string(kLargePack, 'x'));
  EXPECT_EQ(sql("SELECT sequence, length(bytes) FROM packs"),
            std::to_string(small.sequence) + " " + std::to_string(kLargePack - 1) + " ");
  EXPECT_EQ(std::filesystem::file_size(store_->pack_path(large.id)), kLargePack);
  ASSERT_TRUE(await(io_, store_->finish(small.id, ended(JobState::cancelled))));
  EXPECT_EQ(sql("SELECT count(*) FROM packs"), "0 ");
}

TEST_F(SqliteStoreTest, TheLogDoesNotGrowWithoutEnd) {
  constexpr int kJobs = 1'600;
  const std::string pack(kLargePack - 1, 'x');
  core::TaskGroup group(io_.get_executor());
  int inserted = 0;
  auto add = [](JobStore& store, std::filesystem::path file, int& count) -> awaitable<void> {
    auto done = co_await store.insert(make_job(), std::move(file));
    if (done) ++count;
  };
  for (int i = 0; i < kJobs; ++i)
    group.spawn("insert", add(*store_, make_pack(*store_, pack), inserted));
  ASSERT_TRUE(await(io_, group.wait(std::chrono::seconds(120))));
  ASSERT_EQ(inserted, kJobs);
  const auto log = std::filesystem::file_size(directory() / "jobs.db-wal");
  EXPECT_LT(log, std::uintmax_t{kJobs} * kLargePack * 9 / 10) << "nothing was moved into jobs.db";
  EXPECT_LT(log, 80u << 20);
}

TEST_F(SqliteStoreTest, ASharedPackIsStoredOnceAndOutlivesAnythingButItsJobs) {
  const std::string bytes(20'000, 'p');
  std::vector<std::string> ids;
  {
    const PackFile pack = make_shared_pack(*store_, bytes);
    for (int i = 0; i < 3; ++i)
      ids.push_back(await(io_, store_->insert(make_job(), pack)).value().id);
  }
  const auto counts = [this] {
    return sql(
        "SELECT (SELECT count(*) FROM shared_packs), (SELECT count(*) FROM pack_shares),"
        " (SELECT count(*) FROM packs)");
  };
  EXPECT_EQ(counts(), "1 3 0 ");
  // As a power cut leaves it: the files were never synced.
  write_all(store_->pack_path(ids[0]), "");
  std::filesystem::remove(store_->pack_path(ids[1]));
  reopen();
  for (const auto& id : ids)
    EXPECT_EQ(read_all(store_->pack_path(id)), bytes);
  ASSERT_TRUE(await(io_, store_->finish(ids[0], ended(JobState::cancelled))));
  ASSERT_TRUE(await(io_, store_->finish(ids[1], ended(JobState::cancelled))));
  EXPECT_EQ(counts(), "1 1 0 ");
  ASSERT_TRUE(await(io_, store_->finish(ids[2], ended(JobState::cancelled))));
  EXPECT_EQ(counts(), "0 0 0 ");
}

TEST_F(SqliteStoreTest, ASharedPackThatIsLargeIsAFileAlone) {
  const std::string bytes(kLargePack, 'p');
  const PackFile pack = make_shared_pack(*store_, bytes);
  const Job job = await(io_, store_->insert(make_job(), pack)).value();
  EXPECT_EQ(sql("SELECT count(*) FROM shared_packs"), "0 ");
  reopen();
  EXPECT_EQ(read_all(store_->pack_path(job.id)), bytes);
}

TEST_F(SqliteStoreTest, ASecondOpenIsLockedOut) {
  const auto second = open_sqlite_store(directory());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().id, "store_locked");
  EXPECT_EQ(second.error().code, Errc::conflict);
  store_.reset();
  EXPECT_TRUE(open_sqlite_store(directory()));
}

TEST_F(SqliteStoreTest, IsReadableByItsOwnerOnly) {
  struct stat info{};
  ASSERT_EQ(::stat(directory().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  for (const char* name : {"jobs.db", "jobs.db-wal", "jobs.db-shm"}) {
    ASSERT_EQ(::stat((directory() / name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << name;
  }
}

TEST_F(SqliteStoreTest, ADatabaseOfALaterVersionIsRefused) {
  store_.reset();
  sql("PRAGMA user_version = 999");
  const auto opened = open_sqlite_store(directory());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().id, "store_newer");
  EXPECT_EQ(opened.error().code, Errc::unsupported);
  EXPECT_THAT(opened.error().message, HasSubstr("999"));
}

TEST_F(SqliteStoreTest, CollateralOfAnEarlierVersionsJobsIsKnown) {
  const std::string digest(64, 'c');
  store_.reset();
  std::filesystem::remove(directory() / "jobs.db");
  std::string earlier;
  for (const char* migration : migrations().first(2))
    earlier += migration;
  sql(earlier + "; PRAGMA application_id = " + std::to_string(0x53566A62) + "; PRAGMA user_version = 2");
  sql("INSERT INTO jobs VALUES (7, 'earlier', 'completed', 1, 1, 2, 3, 'demo@1.0.0', 0);"
      "INSERT INTO documents (sequence, request, result) VALUES (7, '{}', '{\"collateral\":{\"sha256\":\"" +
      digest + "\"}}')");
  reopen();
  EXPECT_EQ(*await(io_, store_->collaterals_in_use({digest, std::string(64, 'd')})), std::set{digest});
  const Job job = find("earlier");
  EXPECT_EQ(job.sequence, 7u);
  EXPECT_EQ(job.owner, "");
  EXPECT_FALSE(job.is_private);
}

TEST_F(SqliteStoreTest, ADatabaseOfAnotherProgramIsRefused) {
  store_.reset();
  std::filesystem::remove(directory() / "jobs.db");
  sql("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
  const auto opened = open_sqlite_store(directory());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().id, "store_failed");
  EXPECT_THAT(opened.error().message, HasSubstr("another program"));
  EXPECT_EQ(sql("SELECT count(*) FROM theirs"), "1 ");
}

TEST_F(SqliteStoreTest, AFileThatIsNoDatabaseIsRefusedAndLeftAlone) {
  store_.reset();
  const std::string text(8192, 'x');
  write_all(directory() / "jobs.db", text);
  const auto opened = open_sqlite_store(directory());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().id, "store_failed");
  EXPECT_EQ(opened.error().code, Errc::unavailable);
  EXPECT_THAT(opened.error().message, HasSubstr("damaged"));
  EXPECT_THAT(opened.error().message, Not(HasSubstr(directory().string())));
  EXPECT_EQ(read_all(directory() / "jobs.db"), text);
}

TEST_F(SqliteStoreTest, ADirectoryThatCannotBeMadeIsRefused) {
  write_all(scratch_.path() / "file", "x");
  const auto opened = open_sqlite_store(scratch_.path() / "file" / "store");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().id, "store_failed");
}

TEST_F(SqliteStoreTest, UsesAWriteAheadLogWithFullSynchronisation) {
  EXPECT_EQ(sql("PRAGMA journal_mode"), "wal ");
}

/// Writes past `bytes` of a file fail as on a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit now = before_;
    now.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &now);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(SqliteStoreTest, AFullDiskFailsTheCallAndChangesNothing) {
  const Job job = insert();
  ASSERT_TRUE(await(io_, store_->begin(job.id, at(2'000))));
  const auto pack = make_pack(*store_);
  const auto id = core::new_job_id();
  {
    const FullDisk full(4096);
    const auto inserted = await(io_, store_->insert(make_job(id), pack));
    ASSERT_FALSE(inserted);
    EXPECT_EQ(inserted.error().code, Errc::unavailable);
    EXPECT_EQ(inserted.error().id, "store_failed");
    EXPECT_THAT(inserted.error().message, Not(HasSubstr(directory().string())));
    EXPECT_EQ(await(io_, store_->finish(job.id, completed())).error().id, "store_failed");
    EXPECT_EQ(await(io_, store_->check()).error().id, "store_failed");
    EXPECT_EQ(find(job.id).state, JobState::running) << "reading goes on";
  }
  EXPECT_TRUE(std::filesystem::exists(pack)) << "the pack is given back";
  EXPECT_FALSE(std::filesystem::exists(store_->pack_path(id)));
  EXPECT_TRUE(std::filesystem::exists(store_->pack_path(job.id)));
  EXPECT_EQ(await(io_, store_->find(id)).error().code, Errc::not_found);
  EXPECT_TRUE(await(io_, store_->check())) << "and works again when there is room";
  EXPECT_TRUE(await(io_, store_->insert(make_job(id), pack)));
  EXPECT_TRUE(await(io_, store_->finish(job.id, completed())));
  EXPECT_EQ(await(io_, store_->counts()).value()[JobState::pending], 1u);
}

TEST_F(SqliteStoreTest, OneFailingChangeDoesNotFailItsCompany) {
  int succeeded = 0, failed = 0;
  auto begin = [](JobStore& store, std::string id, int& yes, int& no) -> awaitable<void> {
    auto begun = co_await store.begin(id, at(2'000));
    ++(begun ? yes : no);
  };
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i)
    ids.push_back(insert().id);
  core::TaskGroup group(io_.get_executor());
  for (const auto& id : ids) {
    group.spawn("begin", begin(*store_, id, succeeded, failed));
    group.spawn("begin", begin(*store_, "missing", succeeded, failed));
  }
  ASSERT_TRUE(await(io_, group.wait(std::chrono::seconds(60))));
  EXPECT_EQ(succeeded, 20);
  EXPECT_EQ(failed, 20);
  for (const auto& id : ids)
    EXPECT_EQ(find(id).state, JobState::running);
}

TEST_F(SqliteStoreTest, PacksOfChangesInBadCompanyAreWhereTheyBelong) {
  int succeeded = 0, failed = 0;
  const std::string small = "a pack of its own", large(kLargePack, 'l'), shared_bytes(20'000, 's');
  const PackFile shared = make_shared_pack(*store_, shared_bytes);
  auto add = [&](std::string id, PackFile pack) -> awaitable<void> {
    auto added = co_await store_->insert(make_job(id), pack);
    ++(added ? succeeded : failed);
  };
  Job keyed = make_job();
  keyed.idempotency = IdempotencyUse{"taken", "digest", at(100'000), ""};
  ASSERT_TRUE(await(io_, store_->insert(keyed, make_pack(*store_))));
  // Its row is written when the key turns out to be another's: the others are begun anew.
  auto add_refused = [&]() -> awaitable<void> {
    Job again = keyed;
    again.id = core::new_job_id();
    auto added = co_await store_->insert(again, make_pack(*store_));
    ++(added ? succeeded : failed);
  };
  std::map<std::string, std::string> wanted;
  core::TaskGroup group(io_.get_executor());
  for (int i = 0; i < 21; ++i) {
    const std::string id = core::new_job_id();
    const std::string& bytes = i % 3 == 0 ? small : i % 3 == 1 ? large : shared_bytes;
    wanted[id] = bytes;
    group.spawn("insert", add(id, i % 3 == 2 ? shared : PackFile{make_pack(*store_, bytes), std::nullopt}));
    group.spawn("refused", add_refused());
  }
  ASSERT_TRUE(await(io_, group.wait(std::chrono::seconds(60))));
  EXPECT_EQ(succeeded, 21);
  EXPECT_EQ(failed, 21);
  for (const auto& [id, bytes] : wanted)
    EXPECT_EQ(read_all(store_->pack_path(id)), bytes);
  EXPECT_EQ(std::filesystem::hard_link_count(shared.file), 8u);
}

TEST_F(SqliteStoreTest, ASharedPackTakesThePlaceOfWhatWasLeftThere) {
  const PackFile pack = make_shared_pack(*store_, "bytes");
  const Job first = await(io_, store_->insert(make_job(), pack)).value();
  const std::string id = core::new_job_id();
  std::filesystem::create_hard_link(store_->pack_path(first.id), store_->pack_path(id));
  const PackFile other = make_shared_pack(*store_, "others");
  ASSERT_TRUE(await(io_, store_->insert(make_job(id), other)));
  EXPECT_EQ(read_all(store_->pack_path(id)), "others");
  EXPECT_EQ(read_all(store_->pack_path(first.id)), "bytes");
}

TEST_F(SqliteStoreTest, ListsAndCountsNeverSortOrScanTheHeap) {
  const auto plan = [this](std::string statement) {
    for (auto at = statement.find('?'); at != std::string::npos; at = statement.find('?'))
      statement.replace(at, 1, "1");
    return sql("EXPLAIN QUERY PLAN " + statement);
  };
  EXPECT_THAT(plan(sql::kListAll), HasSubstr("SEARCH jobs USING INTEGER PRIMARY KEY"));
  EXPECT_THAT(plan(sql::kListState), HasSubstr("SEARCH jobs USING INDEX jobs_by_state"));
  EXPECT_THAT(plan(sql::kListPending), HasSubstr("SEARCH jobs USING INDEX jobs_by_state"));
  EXPECT_THAT(plan(sql::kPackOwners), HasSubstr("INDEX jobs_by_state"));
  EXPECT_THAT(plan(sql::kExpire), HasSubstr("jobs_by_completion"));
  EXPECT_THAT(plan(sql::kCollateralInUse), HasSubstr("INDEX collaterals_by_digest"));
  EXPECT_THAT(plan(sql::kJudgedByTree), HasSubstr("INDEX judged_by_tree"));
  EXPECT_THAT(plan(sql::kJudgedByArchive), HasSubstr("INDEX judged_by_archive"));
  EXPECT_THAT(plan(sql::kNewestByTree), HasSubstr("INDEX verdicts_by_tree"));
  EXPECT_THAT(plan(sql::kNewestByArchive), HasSubstr("INDEX verdicts_by_archive"));
  EXPECT_THAT(plan(sql::kFindCached), HasSubstr("INDEX verdicts_by_cache_key"));
  EXPECT_THAT(plan(sql::kFindIdempotencyKey), HasSubstr("SEARCH idempotency_keys USING PRIMARY KEY"));
  EXPECT_THAT(plan(sql::kExpireIdempotencyKeys), HasSubstr("INDEX idempotency_keys_by_expiry"));
  for (const char* statement :
       {sql::kJudgedByTree, sql::kJudgedByArchive, sql::kNewestByTree, sql::kNewestByArchive, sql::kFindCached})
    EXPECT_THAT(plan(statement), Not(HasSubstr("TEMP B-TREE"))) << statement;
  EXPECT_THAT(plan(sql::kFindSharedPack), HasSubstr("SEARCH shared_packs USING COVERING INDEX"));
  EXPECT_THAT(plan("SELECT 1 FROM pack_shares WHERE pack = ?"), HasSubstr("INDEX pack_shares_by_pack"));
  EXPECT_THAT(plan(sql::kFindJob), HasSubstr("SEARCH jobs USING INDEX sqlite_autoindex_jobs_1"));
  EXPECT_THAT(plan(sql::kAccess), HasSubstr("SEARCH jobs USING INDEX sqlite_autoindex_jobs_1"));
  EXPECT_THAT(plan(sql::kListVisible), HasSubstr("INDEX jobs_public (is_private=? AND rowid<?)"));
  EXPECT_THAT(plan(sql::kListVisible), HasSubstr("INDEX jobs_private (owner=? AND rowid<?)"));
  EXPECT_THAT(plan(sql::kListVisibleState), HasSubstr("INDEX jobs_public_by_state (state=? AND rowid<?)"));
  EXPECT_THAT(plan(sql::kListVisibleState), HasSubstr("INDEX jobs_private_by_state (owner=? AND state=? AND rowid<?)"));
  for (const char* statement : {sql::kListAll, sql::kListState, sql::kListPending, sql::kExpire, sql::kFindJob,
                                sql::kAccess, sql::kListVisible, sql::kListVisibleState}) {
    EXPECT_THAT(plan(statement), Not(HasSubstr("TEMP B-TREE"))) << statement;
    EXPECT_THAT(plan(statement), Not(HasSubstr("SCAN jobs"))) << statement;
  }
}

TEST_F(SqliteStoreTest, CountsStayTrueToTheRows) {
  for (int i = 0; i < 20; ++i) {
    const Job job = insert();
    if (i % 2 == 0) ASSERT_TRUE(await(io_, store_->begin(job.id, at(2'000))));
    if (i % 4 == 0) ASSERT_TRUE(await(io_, store_->finish(job.id, ended(JobState::failed))));
    if (i % 8 == 0) ASSERT_TRUE(await(io_, store_->remove(job.id)));
  }
  EXPECT_EQ(sql("SELECT count(*) FROM counts WHERE jobs <> (SELECT count(*) FROM jobs WHERE state = counts.state)"),
            "0 ");
  EXPECT_EQ(sql("SELECT count(*) FROM documents"), sql("SELECT count(*) FROM jobs"))
      << "removal takes everything along";
}

TEST_F(SqliteStoreTest, TrimKeepsTheDatabaseWithinItsSizeAndVacuumGivesTheSpaceBack) {
  const auto size = [this] { return std::filesystem::file_size(directory() / "jobs.db"); };
  std::vector<std::string> ids;
  for (int i = 0; i < 40; ++i) {
    const Job job = insert("pack");
    ids.push_back(job.id);
    ASSERT_TRUE(await(io_, store_->begin(job.id, at(2))));
    auto outcome = completed(at(1000 + i));
    outcome.log = std::string(200'000, 'l');
    ASSERT_TRUE(await(io_, store_->finish(job.id, std::move(outcome))));
  }
  reopen();  // everything is in the file now
  const auto before = size();
  ASSERT_GT(before, 8'000'000u);
  std::vector<std::string> removed;
  while (true) {
    const auto ids = await(io_, store_->trim(0, 4'000'000));
    ASSERT_TRUE(ids);
    if (ids->empty()) break;
    removed.insert(removed.end(), ids->begin(), ids->end());
  }
  EXPECT_GE(removed.size(), 16u);
  EXPECT_LT(removed.size(), 40u);
  EXPECT_FALSE(await(io_, store_->find(ids.front())));
  EXPECT_TRUE(await(io_, store_->find(ids.back()))) << "the young ones stay";
  ASSERT_TRUE(await(io_, store_->vacuum()));
  reopen();
  EXPECT_LT(size(), before / 2 + 2'000'000);
  EXPECT_EQ(sql("PRAGMA integrity_check"), "ok ");
}

}  // namespace
}  // namespace skill_verifier::store
