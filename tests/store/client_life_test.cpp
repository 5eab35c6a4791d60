#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "skill_verifier/store/job_store.hpp"
#include "store/store_fixture.hpp"

namespace skill_verifier::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

enum class Kind { memory, sqlite };

const std::string kTree(64, 'a');
const std::string kArchive(64, 'b');

/// What every store keeps for clients beside the jobs.
class ClientLife : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { open(); }

  void open() {
    store_.reset();
    if (GetParam() == Kind::memory) {
      store_ = open_memory_store(directory_.path());
      return;
    }
    auto opened = open_sqlite_store(directory_.path() / "store");
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }

  static Job packaged() {
    Job job = make_job();
    job.tree_digest = kTree;
    job.archive_sha256 = kArchive;
    return job;
  }
  static Job keyed(const std::string& key, const std::string& digest = "d1") {
    Job job = packaged();
    job.idempotency = IdempotencyUse{key, digest, at(100'000), job.owner};
    return job;
  }
  Result<Job> try_insert(Job job) { return await(io_, store_->insert(std::move(job), make_pack(*store_))); }
  Job insert(Job job) {
    auto inserted = try_insert(std::move(job));
    EXPECT_TRUE(inserted) << inserted.error().message;
    return inserted ? *inserted : Job{};
  }
  static JobOutcome judged(const std::string& verdict, const std::string& cache_key = {}) {
    JobOutcome outcome = completed();
    outcome.verdict = verdict;
    outcome.result_hash = std::string(64, 'f');
    outcome.cache_key = cache_key;
    outcome.log = "== log\nof the job\n";
    outcome.journal = "[1]";
    return outcome;
  }
  Job judge(const Job& job, const JobOutcome& outcome) {
    EXPECT_TRUE(await(io_, store_->begin(job.id, at(2'000))));
    EXPECT_TRUE(await(io_, store_->finish(job.id, outcome)));
    return job;
  }
  std::optional<KeyedJob> find_key(const std::string& key, std::int64_t now = 2'000, const std::string& owner = {}) {
    auto found = await(io_, store_->find_key(owner, key, at(now)));
    EXPECT_TRUE(found);
    return *found;
  }
  std::optional<VerdictRow> verdict_of(const std::string& subject, std::optional<std::string> viewer = {}) {
    const std::vector<std::string> subjects{subject};
    auto rows = await(io_, store_->verdicts(subjects, std::move(viewer)));
    EXPECT_TRUE(rows);
    return rows->at(0);
  }
  std::string cached(const std::string& key, std::int64_t since = 0, const std::string& owner = {}) {
    auto job = await(io_, store_->find_cached(key, at(since), owner));
    EXPECT_TRUE(job);
    return *job ? (*job)->id : "";
  }

  ScratchDirectory directory_;
  core::asio::io_context io_{1};
  std::unique_ptr<JobStore> store_;
};

INSTANTIATE_TEST_SUITE_P(Stores, ClientLife, testing::Values(Kind::memory, Kind::sqlite),
                         [](const auto& info) { return info.param == Kind::memory ? "Memory" : "Sqlite"; });

TEST_P(ClientLife, AKeyStandsForTheJobItCameWith) {
  EXPECT_FALSE(find_key("k"));
  const Job job = insert(keyed("k"));
  ASSERT_TRUE(find_key("k"));
  EXPECT_EQ(find_key("k")->id, job.id);
  EXPECT_EQ(find_key("k")->request_sha256, "d1");
  EXPECT_FALSE(find_key("k", 2'000, "somebody")) << "keys belong to their owner";
  EXPECT_FALSE(find_key("other"));
}

TEST_P(ClientLife, AKeyInUseRefusesTheJobAndLeavesThePack) {
  insert(keyed("k"));
  const auto pack = make_pack(*store_);
  const auto again = await(io_, store_->insert(keyed("k", "d2"), pack));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().id, "idempotency_key_used");
  EXPECT_TRUE(std::filesystem::exists(pack));
  EXPECT_EQ((*await(io_, store_->counts()))[JobState::pending], 1u);
  EXPECT_EQ(find_key("k")->request_sha256, "d1");
}

TEST_P(ClientLife, AnExpiredKeyIsFree) {
  insert(keyed("k"));
  EXPECT_TRUE(find_key("k", 99'999));
  EXPECT_FALSE(find_key("k", 100'000));
  Job later = keyed("k", "d2");
  later.created_at = at(100'000);
  later.idempotency->expires_at = at(200'000);
  const Job job = insert(later);
  EXPECT_EQ(find_key("k", 100'000)->id, job.id);
  ASSERT_TRUE(await(io_, store_->expire_keys(at(200'000))));
  EXPECT_FALSE(find_key("k", 100'000));
}

TEST_P(ClientLife, AKeyGoesWithItsJob) {
  const Job job = judge(insert(keyed("k")), judged("passed"));
  ASSERT_TRUE(await(io_, store_->remove(job.id)));
  EXPECT_FALSE(find_key("k"));
  EXPECT_TRUE(try_insert(keyed("k")));
}

TEST_P(ClientLife, AJobIsFoundByItsDigests) {
  EXPECT_FALSE(verdict_of(kTree));
  const Job job = insert(packaged());
  for (const auto& subject : {job.id, kTree, kArchive}) {
    const auto row = verdict_of(subject);
    ASSERT_TRUE(row) << subject;
    EXPECT_EQ(row->id, job.id);
    EXPECT_EQ(row->state, JobState::pending);
    EXPECT_EQ(row->verdict, "");
  }
  judge(job, judged("passed"));
  const auto row = verdict_of(kArchive);
  EXPECT_EQ(row->state, JobState::completed);
  EXPECT_EQ(row->verdict, "passed");
  EXPECT_EQ(row->result_hash, std::string(64, 'f'));
  EXPECT_EQ(row->tree_digest, kTree);
  EXPECT_EQ(row->archive_sha256, kArchive);
  EXPECT_EQ(row->completed_at, at(3'000));
  EXPECT_EQ(find_key("k"), std::nullopt);
}

TEST_P(ClientLife, WhatWasJudgedCountsBeforeWhatIsNewer) {
  const Job first = judge(insert(packaged()), judged("failed"));
  const Job second = judge(insert(packaged()), judged("passed"));
  const Job third = judge(insert(packaged()), ended(JobState::failed));
  const Job fourth = insert(packaged());
  EXPECT_EQ(verdict_of(kTree)->id, second.id);
  EXPECT_EQ(verdict_of(fourth.id)->state, JobState::pending);
  EXPECT_EQ(verdict_of(third.id)->verdict, "");
  EXPECT_EQ(verdict_of(first.id)->verdict, "failed");
}

TEST_P(ClientLife, AFolderHasNoArchive) {
  Job folder = packaged();
  folder.archive_sha256.clear();
  insert(folder);
  EXPECT_FALSE(verdict_of(""));
  EXPECT_TRUE(verdict_of(kTree));
}

TEST_P(ClientLife, OnlyOutcomesWithACacheKeyAreRepeatedAndNotForEver) {
  judge(insert(packaged()), judged("passed"));
  EXPECT_EQ(cached(""), "");
  const Job job = judge(insert(packaged()), judged("passed", "c1"));
  EXPECT_EQ(cached("c1"), job.id);
  EXPECT_EQ(cached("c1", 3'000), job.id);
  EXPECT_EQ(cached("c1", 3'001), "");
  EXPECT_EQ(cached("c2"), "");
  ASSERT_TRUE(await(io_, store_->remove(job.id)));
  EXPECT_EQ(cached("c1"), "");
}

TEST_P(ClientLife, PrivateJobsAreTheirOwnersAlone) {
  Job hidden = keyed("k");
  hidden.owner = hidden.idempotency->owner = "alice";
  hidden.is_private = true;
  hidden = judge(insert(hidden), judged("passed", "c1"));
  for (const auto& subject : {hidden.id, kTree, kArchive}) {
    EXPECT_TRUE(verdict_of(subject)) << "for administrators";
    EXPECT_TRUE(verdict_of(subject, "alice"));
    EXPECT_FALSE(verdict_of(subject, "bob"));
    EXPECT_FALSE(verdict_of(subject, ""));
  }
  EXPECT_EQ(cached("c1", 0, "alice"), hidden.id);
  EXPECT_EQ(cached("c1", 0, "bob"), "");
  EXPECT_EQ(cached("c1"), "");
  EXPECT_TRUE(find_key("k", 2'000, "alice"));
  EXPECT_FALSE(find_key("k", 2'000, "bob"));
  const Job open = judge(insert(packaged()), judged("failed"));
  EXPECT_EQ(verdict_of(kTree, "bob")->id, open.id);
}

TEST_P(ClientLife, AJobCanBeBornFinal) {
  Job job = keyed("k");
  job.original = "original";
  auto outcome = judged("passed");
  outcome.collateral = std::string(64, 'e');
  const auto inserted = await(io_, store_->insert_final(job, outcome));
  ASSERT_TRUE(inserted) << inserted.error().message;
  EXPECT_GT(inserted->sequence, 0u);
  const auto found = await(io_, store_->find(job.id));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, JobState::completed);
  EXPECT_EQ(found->completed_at, at(3'000));
  EXPECT_FALSE(found->started_at);
  EXPECT_FALSE(found->has_pack);
  EXPECT_EQ(found->result, outcome.result);
  EXPECT_EQ(found->statement, outcome.statement);
  EXPECT_EQ(found->original, "original");
  EXPECT_EQ(*await(io_, store_->log(job.id)), outcome.log);
  EXPECT_EQ(find_key("k")->id, job.id);
  EXPECT_EQ(verdict_of(kTree)->original, "original");
  EXPECT_EQ((*await(io_, store_->counts()))[JobState::completed], 1u);
  EXPECT_EQ(await(io_, store_->collaterals_in_use({outcome.collateral}))->size(), 1u);
  EXPECT_THAT(*await(io_, store_->recover()), IsEmpty());
  EXPECT_EQ(await(io_, store_->insert_final(keyed("k"), outcome)).error().id, "idempotency_key_used");
  EXPECT_EQ(await(io_, store_->insert_final(job, outcome)).error().id, "job_exists");
}

TEST_P(ClientLife, ALogIsReadInPieces) {
  const Job job = insert(packaged());
  auto piece = await(io_, store_->log_piece(job.id, 0, 10));
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->text, "");
  EXPECT_EQ(piece->size, 0u);
  auto outcome = judged("passed");
  outcome.log = std::string("\xff\0abc", 5) + "\n0123456789";
  judge(job, outcome);
  piece = await(io_, store_->log_piece(job.id, 0, 3));
  EXPECT_EQ(piece->text, outcome.log.substr(0, 3));
  EXPECT_EQ(piece->size, 16u);
  EXPECT_EQ(piece->journal, "[1]");
  EXPECT_EQ(await(io_, store_->log_piece(job.id, 3, 100))->text, outcome.log.substr(3));
  EXPECT_EQ(await(io_, store_->log_piece(job.id, 16, 100))->text, "");
  EXPECT_EQ(await(io_, store_->log_piece(job.id, 99, 100))->text, "");
  EXPECT_EQ(await(io_, store_->log_piece("nobody", 0, 1)).error().id, "job_not_found");
}

TEST_P(ClientLife, OneCommitTakesManyKeysApart) {
  core::TaskGroup group(io_.get_executor());
  int inserted = 0, refused = 0;
  const auto work = [this, &inserted, &refused](Job job) -> core::awaitable<void> {
    const auto made = co_await store_->insert(std::move(job), make_pack(*store_));
    made ? ++inserted : ++refused;
  };
  for (int i = 0; i < 30; ++i)
    group.spawn("insert", work(keyed("k" + std::to_string(i % 3))));
  EXPECT_TRUE(await(io_, group.wait(std::chrono::seconds(60))));
  EXPECT_EQ(inserted, 3);
  EXPECT_EQ(refused, 27);
}

TEST_P(ClientLife, EverythingOutlivesTheProcess) {
  if (GetParam() == Kind::memory) GTEST_SKIP() << "memory does not";
  const Job job = judge(insert(keyed("k")), judged("passed", "c1"));
  open();
  EXPECT_EQ(find_key("k")->id, job.id);
  EXPECT_EQ(verdict_of(kArchive)->verdict, "passed");
  EXPECT_EQ(cached("c1"), job.id);
}

}  // namespace
}  // namespace skill_verifier::store
