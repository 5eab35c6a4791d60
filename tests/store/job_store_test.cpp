#include "skill_verifier/store/job_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "skill_verifier/core/sha2.hpp"
#include "store/store_fixture.hpp"

namespace skill_verifier::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

enum class Kind { memory, sqlite };

/// What every store promises, whatever it is made of.
class JobStoreContract : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::memory) {
      store_ = open_memory_store(directory_.path());
      return;
    }
    auto opened = open_sqlite_store(directory_.path() / "store");
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }

  Job insert(Job job = make_job()) {
    auto inserted = await(io_, store_->insert(std::move(job), make_pack(*store_)));
    EXPECT_TRUE(inserted) << inserted.error().message;
    return inserted ? *inserted : Job{};
  }
  Job insert_running() {
    const Job job = insert();
    auto begun = await(io_, store_->begin(job.id, at(2'000)));
    EXPECT_TRUE(begun);
    return begun ? *begun : Job{};
  }
  Job insert_final(core::Time time) {
    const Job job = insert_running();
    EXPECT_TRUE(await(io_, store_->finish(job.id, completed(time))));
    return job;
  }
  Job find(const std::string& id) {
    auto found = await(io_, store_->find(id));
    EXPECT_TRUE(found) << found.error().message;
    return found ? *found : Job{};
  }
  std::vector<std::string> list(JobFilter filter) {
    std::vector<std::string> ids;
    auto jobs = await(io_, store_->list(filter));
    EXPECT_TRUE(jobs);
    for (const auto& job : *jobs)
      ids.push_back(job.id);
    return ids;
  }
  JobCounts counts() { return *await(io_, store_->counts()); }

  ScratchDirectory directory_;
  core::asio::io_context io_{1};
  std::unique_ptr<JobStore> store_;
};

INSTANTIATE_TEST_SUITE_P(Stores, JobStoreContract, testing::Values(Kind::memory, Kind::sqlite),
                         [](const auto& info) { return info.param == Kind::memory ? "Memory" : "Sqlite"; });

TEST_P(JobStoreContract, GivesBackWhatWasInserted) {
  const Job job = insert();
  const Job found = find(job.id);
  EXPECT_EQ(found.state, JobState::pending);
  EXPECT_EQ(found.sequence, job.sequence);
  EXPECT_EQ(found.attempt, 0);
  EXPECT_EQ(found.created_at, at(1'000));
  EXPECT_FALSE(found.started_at);
  EXPECT_FALSE(found.completed_at);
  EXPECT_EQ(found.skill_id, "demo@1.0.0");
  EXPECT_EQ(found.request, R"({"version":1})");
  EXPECT_TRUE(found.has_pack);
}

TEST_P(JobStoreContract, InsertMovesThePackOutOfTheSpool) {
  const auto pack = make_pack(*store_, "the very bytes");
  const auto job = await(io_, store_->insert(make_job(), pack));
  ASSERT_TRUE(job);
  EXPECT_FALSE(std::filesystem::exists(pack));
  EXPECT_EQ(read_all(store_->pack_path(job->id)), "the very bytes");
}

TEST_P(JobStoreContract, JobsShareAPackThatHasAKeeper) {
  const auto keeper = std::make_shared<int>();
  const auto pack = make_shared_pack(*store_, "the very bytes", keeper);
  const auto first = await(io_, store_->insert(make_job(), pack)),
             second = await(io_, store_->insert(make_job(), pack));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(read_all(pack.file), "the very bytes") << "it stays its keeper's";
  EXPECT_EQ(std::filesystem::hard_link_count(pack.file), 3u);
  ASSERT_TRUE(await(io_, store_->finish(first->id, ended(JobState::cancelled))));
  EXPECT_FALSE(std::filesystem::exists(store_->pack_path(first->id)));
  EXPECT_EQ(read_all(store_->pack_path(second->id)), "the very bytes");
  EXPECT_EQ(keeper.use_count(), 2) << "nothing but the pack itself holds it any more";
}

TEST_P(JobStoreContract, ARefusedJobLeavesASharedPackAlone) {
  const auto pack = make_shared_pack(*store_, "bytes");
  const Job job = insert();
  const auto refused = await(io_, store_->insert(make_job(job.id), pack));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "job_exists");
  EXPECT_EQ(read_all(store_->pack_path(job.id)), "pack bytes");
  EXPECT_EQ(read_all(pack.file), "bytes");
}

TEST_P(JobStoreContract, InsertIgnoresStateThatTheCallerMadeUp) {
  Job job = make_job();
  job.state = JobState::completed;
  job.attempt = 7;
  job.result = "forged";
  const Job found = find(insert(job).id);
  EXPECT_EQ(found.state, JobState::pending);
  EXPECT_EQ(found.attempt, 0);
  EXPECT_EQ(found.result, "");
}

TEST_P(JobStoreContract, SequenceGrowsWithEveryInsert) {
  const auto first = insert().sequence, second = insert().sequence;
  EXPECT_GT(first, 0u);
  EXPECT_GT(second, first);
}

TEST_P(JobStoreContract, SequenceIsNotUsedAgainAfterRemoval) {
  const Job job = insert_final(at(3'000));
  ASSERT_TRUE(await(io_, store_->remove(job.id)));
  EXPECT_GT(insert().sequence, job.sequence);
}

TEST_P(JobStoreContract, InsertOfAnExistingIdFailsAndLeavesBothPacks) {
  const Job job = insert();
  const auto second = make_pack(*store_, "second");
  const auto refused = await(io_, store_->insert(make_job(job.id), second));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "job_exists");
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_EQ(read_all(store_->pack_path(job.id)), "pack bytes");
  EXPECT_EQ(read_all(second), "second");
  EXPECT_EQ(counts()[JobState::pending], 1u);
}

TEST_P(JobStoreContract, InsertWithoutAPackFailsAndLeavesNoRow) {
  const auto refused = await(io_, store_->insert(make_job("lonely"), store_->spool() / "absent"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "store_failed");
  EXPECT_EQ(await(io_, store_->find("lonely")).error().code, Errc::not_found);
  EXPECT_EQ(counts()[JobState::pending], 0u);
}

TEST_P(JobStoreContract, RefusesIdsThatAreNoFileName) {
  for (const std::string& id : {std::string(), std::string("../escape"), std::string("a/b"), std::string("a.b"),
                                std::string("a\0b", 3), std::string(65, 'a')}) {
    const auto refused = await(io_, store_->insert(make_job(id), make_pack(*store_)));
    ASSERT_FALSE(refused) << id;
    EXPECT_EQ(refused.error().id, "job_id_invalid");
  }
}

TEST_P(JobStoreContract, FindOfAnUnknownIdIsNotFound) {
  for (const char* id : {"", "0123456789abcdef0123456789abcdef", "' OR 1=1 --"}) {
    const auto found = await(io_, store_->find(id));
    ASSERT_FALSE(found) << id;
    EXPECT_EQ(found.error().code, Errc::not_found);
    EXPECT_EQ(found.error().id, "job_not_found");
  }
}

TEST_P(JobStoreContract, BeginCountsAttemptsAndRemembersTheStart) {
  const Job job = insert();
  const auto begun = await(io_, store_->begin(job.id, at(2'000)));
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->state, JobState::running);
  EXPECT_EQ(begun->attempt, 1);
  EXPECT_EQ(begun->started_at, at(2'000));
  EXPECT_EQ(begun->request, job.request);
  EXPECT_EQ(find(job.id).state, JobState::running);
}

TEST_P(JobStoreContract, BeginOfARunningJobIsAConflict) {
  const Job job = insert_running();
  const auto again = await(io_, store_->begin(job.id, at(2'500)));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::conflict);
  EXPECT_EQ(find(job.id).attempt, 1);
  EXPECT_EQ(find(job.id).started_at, at(2'000));
}

TEST_P(JobStoreContract, RequeueAfterAFaultKeepsTheAttempt) {
  const Job job = insert_running();
  ASSERT_TRUE(await(io_, store_->requeue(job.id, AttemptCounts::yes)));
  EXPECT_EQ(find(job.id).state, JobState::pending);
  EXPECT_EQ(find(job.id).attempt, 1);
  EXPECT_FALSE(find(job.id).started_at);
  EXPECT_EQ(await(io_, store_->begin(job.id, at(4'000)))->attempt, 2);
}

TEST_P(JobStoreContract, RequeueAtShutdownGivesTheAttemptBack) {
  const Job job = insert_running();
  ASSERT_TRUE(await(io_, store_->requeue(job.id, AttemptCounts::no)));
  EXPECT_EQ(find(job.id).attempt, 0);
  EXPECT_TRUE(std::filesystem::exists(store_->pack_path(job.id)));
}

TEST_P(JobStoreContract, RequeueOfAJobThatDoesNotRunIsAConflict) {
  const Job job = insert();
  EXPECT_EQ(await(io_, store_->requeue(job.id, AttemptCounts::yes)).error().code, Errc::conflict);
  EXPECT_EQ(await(io_, store_->requeue("none", AttemptCounts::yes)).error().code, Errc::not_found);
}

TEST_P(JobStoreContract, FinishRecordsTheOutcomeAndRemovesThePack) {
  const Job job = insert_running();
  ASSERT_TRUE(await(io_, store_->finish(job.id, completed())));
  const Job found = find(job.id);
  EXPECT_EQ(found.state, JobState::completed);
  EXPECT_EQ(found.completed_at, at(3'000));
  EXPECT_EQ(found.result, R"({"verdict":"passed"})");
  EXPECT_EQ(found.statement, "statement bytes");
  EXPECT_FALSE(found.has_pack);
  EXPECT_FALSE(std::filesystem::exists(store_->pack_path(job.id)));
}

TEST_P(JobStoreContract, FinishIsRefusedForAFinalJob) {
  const Job job = insert_final(at(3'000));
  for (const JobState state : {JobState::completed, JobState::failed, JobState::cancelled}) {
    const auto again = await(io_, store_->finish(job.id, ended(state)));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::conflict);
  }
  EXPECT_EQ(find(job.id).state, JobState::completed);
  EXPECT_EQ(find(job.id).result, R"({"verdict":"passed"})");
}

TEST_P(JobStoreContract, AJobThatNeverRanCannotBeCompleted) {
  const Job job = insert();
  EXPECT_EQ(await(io_, store_->finish(job.id, completed())).error().code, Errc::conflict);
  EXPECT_TRUE(std::filesystem::exists(store_->pack_path(job.id)));
  EXPECT_TRUE(await(io_, store_->finish(job.id, ended(JobState::cancelled))));
}

TEST_P(JobStoreContract, FinishWithAStateThatIsNotFinalIsRefused) {
  const Job job = insert();
  EXPECT_FALSE(await(io_, store_->finish(job.id, ended(JobState::pending))));
  EXPECT_EQ(find(job.id).state, JobState::pending);
}

TEST_P(JobStoreContract, RemovesOnlyFinalJobs) {
  const Job pending = insert(), running = insert_running(), done = insert_final(at(3'000));
  EXPECT_EQ(await(io_, store_->remove(pending.id)).error().code, Errc::conflict);
  EXPECT_EQ(await(io_, store_->remove(running.id)).error().code, Errc::conflict);
  EXPECT_TRUE(await(io_, store_->remove(done.id)));
  EXPECT_EQ(await(io_, store_->find(done.id)).error().code, Errc::not_found);
  EXPECT_EQ(await(io_, store_->remove(done.id)).error().code, Errc::not_found);
}

TEST_P(JobStoreContract, KeepsLogsOfAnyBytesUntilTheJobIsRemoved) {
  const Job job = insert_running();
  EXPECT_EQ(*await(io_, store_->log(job.id)), "");
  auto outcome = completed();
  outcome.log = std::string("one\0two\xff\n", 9);
  ASSERT_TRUE(await(io_, store_->finish(job.id, outcome)));
  EXPECT_EQ(*await(io_, store_->log(job.id)), outcome.log);
  ASSERT_TRUE(await(io_, store_->remove(job.id)));
  EXPECT_EQ(await(io_, store_->log(job.id)).error().code, Errc::not_found);
}

TEST_P(JobStoreContract, KeepsALargeLog) {
  const Job job = insert_running();
  auto outcome = completed();
  outcome.log = std::string(5u << 20, 'x');
  ASSERT_TRUE(await(io_, store_->finish(job.id, outcome)));
  EXPECT_EQ(await(io_, store_->log(job.id))->size(), 5u << 20);
}

TEST_P(JobStoreContract, ListsNewestFirst) {
  const auto a = insert().id, b = insert().id, c = insert().id;
  EXPECT_THAT(list({}), ElementsAre(c, b, a));
}

TEST_P(JobStoreContract, ListsInPages) {
  std::vector<Job> jobs;
  for (int i = 0; i < 5; ++i)
    jobs.push_back(insert());
  JobFilter page;
  page.limit = 2;
  EXPECT_THAT(list(page), ElementsAre(jobs[4].id, jobs[3].id));
  page.before = jobs[3].sequence;
  EXPECT_THAT(list(page), ElementsAre(jobs[2].id, jobs[1].id));
  page.before = jobs[1].sequence;
  EXPECT_THAT(list(page), ElementsAre(jobs[0].id));
  page.before = jobs[0].sequence;
  EXPECT_THAT(list(page), ElementsAre());
}

TEST_P(JobStoreContract, ListsWithExtremeBounds) {
  const auto id = insert().id;
  JobFilter filter;
  filter.before = std::numeric_limits<std::uint64_t>::max();
  filter.limit = std::numeric_limits<std::size_t>::max();
  EXPECT_THAT(list(filter), ElementsAre(id));
  filter.limit = 0;
  EXPECT_THAT(list(filter), ElementsAre());
  filter.limit = 10;
  filter.before = 0;
  EXPECT_THAT(list(filter), ElementsAre());
}

TEST_P(JobStoreContract, ListsOneState) {
  const auto pending = insert().id;
  const auto running = insert_running().id;
  const auto done = insert_final(at(3'000)).id;
  const auto later = insert().id;
  JobFilter filter;
  filter.state = JobState::pending;
  EXPECT_THAT(list(filter), ElementsAre(later, pending));
  filter.state = JobState::running;
  EXPECT_THAT(list(filter), ElementsAre(running));
  filter.state = JobState::completed;
  EXPECT_THAT(list(filter), ElementsAre(done));
  filter.state = JobState::failed;
  EXPECT_THAT(list(filter), ElementsAre());
}

TEST_P(JobStoreContract, ListShowsWhatASummaryHolds) {
  const Job job = insert_final(at(3'000));
  const auto jobs = await(io_, store_->list({}));
  ASSERT_EQ(jobs->size(), 1u);
  EXPECT_EQ((*jobs)[0].state, JobState::completed);
  EXPECT_EQ((*jobs)[0].attempt, 1);
  EXPECT_EQ((*jobs)[0].sequence, job.sequence);
  EXPECT_EQ((*jobs)[0].created_at, at(1'000));
  EXPECT_EQ((*jobs)[0].completed_at, at(3'000));
  EXPECT_EQ((*jobs)[0].skill_id, "demo@1.0.0");
}

TEST_P(JobStoreContract, CountsEveryStateThroughEveryTransition) {
  EXPECT_EQ(counts(), (JobCounts{{JobState::pending, 0},
                                 {JobState::running, 0},
                                 {JobState::completed, 0},
                                 {JobState::failed, 0},
                                 {JobState::cancelled, 0}}));
  insert();
  const Job running = insert_running(), requeued = insert_running();
  const Job failed = insert_running(), cancelled = insert(), removed = insert_final(at(3'000));
  insert_final(at(3'000));
  ASSERT_TRUE(await(io_, store_->requeue(requeued.id, AttemptCounts::yes)));
  ASSERT_TRUE(await(io_, store_->finish(failed.id, ended(JobState::failed))));
  ASSERT_TRUE(await(io_, store_->finish(cancelled.id, ended(JobState::cancelled))));
  ASSERT_TRUE(await(io_, store_->remove(removed.id)));
  EXPECT_EQ(counts(), (JobCounts{{JobState::pending, 2},
                                 {JobState::running, 1},
                                 {JobState::completed, 1},
                                 {JobState::failed, 1},
                                 {JobState::cancelled, 1}}));
}

TEST_P(JobStoreContract, RecoverGivesUnfinishedJobsOldestFirst) {
  const Job a = insert_running(), b = insert(), c = insert_final(at(3'000)), d = insert_running();
  const auto jobs = await(io_, store_->recover());
  ASSERT_TRUE(jobs);
  ASSERT_EQ(jobs->size(), 3u);
  EXPECT_EQ((*jobs)[0].id, a.id);
  EXPECT_EQ((*jobs)[1].id, b.id);
  EXPECT_EQ((*jobs)[2].id, d.id);
  for (const auto& job : *jobs)
    EXPECT_EQ(job.state, JobState::pending);
  EXPECT_EQ((*jobs)[0].attempt, 1) << "the run that an earlier life began counts";
  EXPECT_EQ(find(a.id).state, JobState::pending);
  EXPECT_EQ(find(c.id).state, JobState::completed);
}

TEST_P(JobStoreContract, ExpireRemovesFinalJobsThatAreOlder) {
  const Job old = insert_final(at(10)), edge = insert_final(at(20)), young = insert_final(at(30));
  const Job pending = insert(), running = insert_running();
  EXPECT_THAT(*await(io_, store_->expire(at(20))), ElementsAre(old.id));
  EXPECT_FALSE(await(io_, store_->find(old.id)));
  EXPECT_THAT(list({}), ElementsAre(running.id, pending.id, young.id, edge.id));
  EXPECT_EQ(counts()[JobState::completed], 2u);
  EXPECT_THAT(*await(io_, store_->expire(at(20))), IsEmpty());
}

TEST_P(JobStoreContract, TrimRemovesTheFinalJobsThatEndedFirst) {
  const Job second = insert_final(at(20)), first = insert_final(at(10)), third = insert_final(at(30));
  const Job pending = insert();
  EXPECT_THAT(*await(io_, store_->trim(0, 0)), IsEmpty());
  EXPECT_THAT(*await(io_, store_->trim(3, 0)), IsEmpty());
  EXPECT_THAT(*await(io_, store_->trim(1, 0)), UnorderedElementsAre(first.id, second.id));
  EXPECT_THAT(list({}), ElementsAre(pending.id, third.id));
  EXPECT_FALSE(await(io_, store_->find(first.id)));
  EXPECT_FALSE(await(io_, store_->find(second.id)));
}

TEST_P(JobStoreContract, ExpireRemovesALargeHeapInPortions) {
  auto cancel_one = [](JobStore& store) -> awaitable<void> {
    const auto pack = make_pack(store);
    const auto job = co_await store.insert(make_job(), pack);
    if (!job) co_return;
    [[maybe_unused]] const auto done = co_await store.finish(job->id, ended(JobState::cancelled, at(10)));
  };
  core::TaskGroup group(io_.get_executor());
  for (int i = 0; i < 600; ++i)
    group.spawn("cancel", cancel_one(*store_));
  ASSERT_TRUE(await(io_, group.wait(std::chrono::seconds(60))));
  std::set<std::string> removed;
  for (const std::size_t portion : {256u, 256u, 88u, 0u}) {
    const auto ids = await(io_, store_->expire(at(20)));
    ASSERT_TRUE(ids);
    EXPECT_EQ(ids->size(), portion);
    removed.insert(ids->begin(), ids->end());
  }
  EXPECT_EQ(removed.size(), 600u);
  EXPECT_EQ(counts()[JobState::cancelled], 0u);
}

TEST_P(JobStoreContract, CollateralIsInUseForAsLongAsAJobThatNamesIt) {
  const std::string digest(64, 'c'), other(64, 'd');
  const auto in_use = [&] { return *await(io_, store_->collaterals_in_use({digest, other})); };
  auto outcome = completed();
  outcome.collateral = digest;
  const Job first = insert_running(), second = insert_running();
  EXPECT_TRUE(in_use().empty());
  ASSERT_TRUE(await(io_, store_->finish(first.id, outcome)));
  ASSERT_TRUE(await(io_, store_->finish(second.id, outcome)));
  EXPECT_EQ(in_use(), std::set{digest});
  ASSERT_TRUE(await(io_, store_->remove(first.id)));
  EXPECT_EQ(in_use(), std::set{digest});
  ASSERT_TRUE(await(io_, store_->expire(at(1'000'000))));
  EXPECT_TRUE(in_use().empty());
}

TEST_P(JobStoreContract, CheckSucceedsOnAWorkingStore) {
  EXPECT_TRUE(await(io_, store_->check()));
  EXPECT_TRUE(await(io_, store_->check()));
}

TEST_P(JobStoreContract, OverlappingCallsAllSucceed) {
  constexpr int kJobs = 200;
  std::set<std::uint64_t> sequences;
  int finished = 0;
  auto one = [](JobStore& store, std::set<std::uint64_t>& seen, int& done) -> awaitable<void> {
    const auto pack = make_pack(store);
    auto job = co_await store.insert(make_job(), pack);
    if (!job) co_return;
    seen.insert(job->sequence);
    auto begun = co_await store.begin(job->id, at(2'000));
    if (!begun) co_return;
    auto ended = co_await store.finish(job->id, completed());
    if (ended) ++done;
  };
  core::TaskGroup group(io_.get_executor());
  for (int i = 0; i < kJobs; ++i)
    group.spawn("one", one(*store_, sequences, finished));
  EXPECT_TRUE(await(io_, group.wait(std::chrono::seconds(60))));
  EXPECT_EQ(finished, kJobs);
  EXPECT_EQ(sequences.size(), static_cast<std::size_t>(kJobs));
  EXPECT_EQ(counts()[JobState::completed], static_cast<std::uint64_t>(kJobs));
}

TEST_P(JobStoreContract, OfManyOverlappingClaimsExactlyOneWins) {
  const Job job = insert();
  int won = 0, lost = 0;
  auto claim = [](JobStore& store, std::string id, int& winners, int& losers) -> awaitable<void> {
    auto begun = co_await store.begin(id, at(2'000));
    ++(begun ? winners : losers);
  };
  core::TaskGroup group(io_.get_executor());
  for (int i = 0; i < 20; ++i)
    group.spawn("claim", claim(*store_, job.id, won, lost));
  EXPECT_TRUE(await(io_, group.wait(std::chrono::seconds(60))));
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, 19);
  EXPECT_EQ(find(job.id).attempt, 1);
}

TEST_P(JobStoreContract, PrivateJobsAreInNobodyElsesList) {
  const auto add = [this](const std::string& owner, bool is_private) {
    Job job = make_job();
    job.owner = owner;
    job.is_private = is_private;
    return insert(std::move(job)).id;
  };
  const auto anonymous = add("", false), mine = add("mine", false), my_secret = add("mine", true),
             their_secret = add("theirs", true), theirs = add("theirs", false);
  JobFilter filter;
  EXPECT_THAT(list(filter), ElementsAre(theirs, their_secret, my_secret, mine, anonymous));
  filter.viewer = "mine";
  EXPECT_THAT(list(filter), ElementsAre(theirs, my_secret, mine, anonymous));
  filter.viewer = "";
  EXPECT_THAT(list(filter), ElementsAre(theirs, mine, anonymous));
  filter.state = JobState::pending;
  EXPECT_THAT(list(filter), ElementsAre(theirs, mine, anonymous));
  filter.viewer = "theirs";
  filter.limit = 2;
  EXPECT_THAT(list(filter), ElementsAre(theirs, their_secret));
  filter.state.reset();
  filter.before = find(their_secret).sequence;
  EXPECT_THAT(list(filter), ElementsAre(mine, anonymous));

  EXPECT_EQ(await(io_, store_->count_hidden("")).value(), 2u);
  EXPECT_EQ(await(io_, store_->count_hidden("mine")).value(), 1u);
  ASSERT_TRUE(await(io_, store_->finish(their_secret, ended(JobState::cancelled))));
  ASSERT_TRUE(await(io_, store_->remove(their_secret)));
  EXPECT_EQ(await(io_, store_->count_hidden("mine")).value(), 0u);
}

TEST_P(JobStoreContract, KnowsWhoseAJobIs) {
  Job job = make_job();
  job.owner = "somebody";
  job.is_private = true;
  const Job inserted = insert(job);
  const auto access = await(io_, store_->access(inserted.id));
  ASSERT_TRUE(access);
  EXPECT_EQ(access->owner, "somebody");
  EXPECT_TRUE(access->is_private);
  EXPECT_EQ(find(inserted.id).owner, "somebody");
  EXPECT_TRUE(find(inserted.id).is_private);
  const auto begun = await(io_, store_->begin(inserted.id, at(2'000)));
  EXPECT_EQ(begun->owner, "somebody");
  ASSERT_TRUE(await(io_, store_->requeue(inserted.id, AttemptCounts::yes)));
  const auto recovered = await(io_, store_->recover());
  EXPECT_EQ(recovered->front().owner, "somebody");
  EXPECT_TRUE(recovered->front().is_private);
  EXPECT_EQ(await(io_, store_->access(core::new_job_id())).error().id, "job_not_found");
}

}  // namespace
}  // namespace skill_verifier::store
