#include "skill_verifier/store/backup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "skill_verifier/store/job_store.hpp"
#include "store/store_fixture.hpp"

namespace skill_verifier::store {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

/// Goes into a file of its own.
const std::string kLarge(70'000, 'p');

class BackupTest : public testing::Test {
 protected:
  BackupTest() { open(); }

  void open() {
    auto opened = open_sqlite_store(data_);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  Job insert(std::string_view pack) {
    auto inserted = await(io_, store_->insert(make_job(), make_pack(*store_, pack)));
    EXPECT_TRUE(inserted);
    return inserted ? *inserted : Job{};
  }
  Job insert_final() {
    Job job = insert("small");
    EXPECT_TRUE(await(io_, store_->begin(job.id, at(2))));
    EXPECT_TRUE(await(io_, store_->finish(job.id, completed())));
    return job;
  }
  Error refused(Result<BackupSummary> result) {
    EXPECT_FALSE(result);
    return result ? Error{Errc::internal, "accepted"} : result.error();
  }

  boost::asio::io_context io_;
  ScratchDirectory scratch_;
  const fs::path data_ = scratch_.path() / "data", backup_ = scratch_.path() / "backup",
                 restored_ = scratch_.path() / "restored";
  std::unique_ptr<JobStore> store_;
};

TEST_F(BackupTest, HasEverythingOfAStoreInUse) {
  const Job done = insert_final(), small = insert("small pack"), large = insert(kLarge);
  write_all(data_ / "instance", "abc\n");
  fs::create_directories(data_ / "collateral");
  write_all(data_ / "collateral" / "x.json", "{}");
  const auto made = back_up(data_, backup_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->jobs, 3u);
  EXPECT_EQ(made->unfinished, 2u);
  EXPECT_FALSE(fs::exists(backup_ / "lock"));
  EXPECT_FALSE(fs::exists(backup_ / "spool"));
  EXPECT_EQ(fs::status(backup_ / "jobs.db").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  // What happens after it is not in it.
  insert("later");
  const auto back = restore(backup_, restored_, Occupied::refuse);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->files, made->files);
  auto copy = open_sqlite_store(restored_);
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_EQ(await(io_, (*copy)->find(done.id))->statement, "statement bytes");
  EXPECT_EQ(read_all((*copy)->pack_path(small.id)), "small pack");
  EXPECT_EQ(read_all((*copy)->pack_path(large.id)), kLarge);
  EXPECT_EQ(await(io_, (*copy)->recover())->size(), 2u);
  EXPECT_EQ(read_all(restored_ / "instance"), "abc\n");
  EXPECT_EQ(read_all(restored_ / "collateral" / "x.json"), "{}");
}

TEST_F(BackupTest, ItsSumsAreThoseOfCoreutils) {
  insert(kLarge);
  ASSERT_TRUE(back_up(data_, backup_));
  EXPECT_EQ(std::system(("cd '" + backup_.string() + "' && sha256sum --quiet --strict -c SHA256SUMS").c_str()), 0);
}

TEST_F(BackupTest, FitsTogetherWhileJobsComeAndGo) {
  std::atomic<bool> stop = false;
  boost::asio::io_context io;
  // The store belongs to one thread: everything that changes it happens there.
  std::thread busy([&] {
    while (!stop) {
      auto job = await(io, store_->insert(make_job(), make_pack(*store_, kLarge)));
      if (!job || !await(io, store_->begin(job->id, at(2))) || !await(io, store_->finish(job->id, completed()))) return;
    }
  });
  for (int i = 0; i < 5; ++i) {
    const fs::path backup = scratch_.path() / ("backup" + std::to_string(i));
    const auto made = back_up(data_, backup);
    EXPECT_TRUE(made) << made.error().message;
    const auto back = restore(backup, scratch_.path() / ("restored" + std::to_string(i)), Occupied::refuse);
    EXPECT_TRUE(back) << back.error().message;
  }
  stop = true;
  busy.join();
  store_.reset();
}

TEST_F(BackupTest, RefusesWhatWouldBeOverwritten) {
  EXPECT_EQ(refused(back_up(scratch_.path() / "nothing", backup_)).id, "backup_source_missing");
  EXPECT_EQ(refused(back_up(data_, data_ / "backup")).id, "backup_exists");
  fs::create_directories(backup_);
  write_all(backup_ / "mine", "precious");
  EXPECT_EQ(refused(back_up(data_, backup_)).id, "backup_exists");
  EXPECT_EQ(read_all(backup_ / "mine"), "precious");
}

TEST_F(BackupTest, RestoreRefusesADirectoryInUseAndPutsAnOldOneAside) {
  const Job job = insert("small");
  ASSERT_TRUE(back_up(data_, backup_));
  EXPECT_EQ(refused(restore(backup_, data_, Occupied::refuse)).id, "data_dir_not_empty");
  EXPECT_EQ(refused(restore(backup_, data_, Occupied::put_aside)).id, "store_locked");
  EXPECT_TRUE(await(io_, store_->find(job.id)));
  store_.reset();
  write_all(data_ / "mine", "precious");
  const auto back = restore(backup_, data_, Occupied::put_aside);
  ASSERT_TRUE(back) << back.error().message;
  bool kept = false;
  for (const auto& entry : fs::directory_iterator(scratch_.path()))
    kept = kept || (entry.path().filename().string().starts_with("data.before-restore-") &&
                    read_all(entry.path() / "mine") == "precious");
  EXPECT_TRUE(kept);
  open();
  EXPECT_TRUE(await(io_, store_->find(job.id)));
}

TEST_F(BackupTest, RestoreRefusesWhatIsDamagedNamingIt) {
  const Job large = insert(kLarge);
  ASSERT_TRUE(back_up(data_, backup_));
  const auto damaged = [&] {
    const Error error = refused(restore(backup_, restored_, Occupied::refuse));
    EXPECT_EQ(error.id, "backup_damaged");
    EXPECT_FALSE(fs::exists(restored_)) << "nothing is written before everything is checked";
    return error.message;
  };
  const std::string pack = "packs/" + large.id + ".pack", sums = read_all(backup_ / "SHA256SUMS");
  write_all(backup_ / pack, "other bytes");
  EXPECT_THAT(damaged(), HasSubstr(pack));
  fs::remove(backup_ / pack);
  EXPECT_THAT(damaged(), HasSubstr(pack));
  write_all(backup_ / pack, kLarge);
  // Without its line the sums are right, but the job has no package.
  const auto line = sums.find(pack) - 66;
  write_all(backup_ / "SHA256SUMS", sums.substr(0, line) + sums.substr(sums.find('\n', line) + 1));
  EXPECT_THAT(damaged(), HasSubstr("package of job " + large.id));
  write_all(backup_ / "SHA256SUMS", std::string(64, '0') + "  ../../etc/passwd\n" + sums);
  damaged();
  write_all(backup_ / "SHA256SUMS", "what is this\n");
  damaged();
  write_all(backup_ / "SHA256SUMS", "");
  damaged();
  fs::remove(backup_ / "SHA256SUMS");
  EXPECT_EQ(refused(restore(backup_, restored_, Occupied::refuse)).id, "backup_missing");
}

TEST_F(BackupTest, RestoreRefusesADatabaseThatIsNoneWhateverItsSum) {
  insert("small");
  ASSERT_TRUE(back_up(data_, backup_));
  std::string database = read_all(backup_ / "jobs.db");
  // A page in the middle, and the sum that fits it.
  database.replace(4096, 4096, std::string(4096, 'x'));
  write_all(backup_ / "jobs.db", database);
  ASSERT_EQ(
      std::system(
          ("cd '" + backup_.string() + "' && sha256sum $(cut -c67- SHA256SUMS) > sums && mv sums SHA256SUMS").c_str()),
      0);
  const Error error = refused(restore(backup_, restored_, Occupied::refuse));
  EXPECT_EQ(error.id, "backup_damaged");
  EXPECT_THAT(error.message, HasSubstr("jobs.db"));
}

}  // namespace
}  // namespace skill_verifier::store
