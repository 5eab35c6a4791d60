#include "store/group_commit.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace skill_verifier::store {
namespace {

/// Bounds the memory of one transaction: a change carries at most a few megabytes of output.
constexpr std::size_t kMostChanges = 64;

}  // namespace

GroupCommit::GroupCommit(Database database, Database checkpointer, std::function<Result<void>()> sync_packs)
    : database_(std::move(database)), checkpointer_(std::move(checkpointer)), sync_packs_(std::move(sync_packs)) {}

awaitable<Result<void>> GroupCommit::run(Change change) {
  auto pending = std::make_shared<Pending>();
  pending->change = std::move(change);
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(pending);
  }
  // Each caller posts one task; the first to get the thread serves everybody who waits by then, the others find theirs
  // done.
  co_await core::run_on(thread_, [this, pending] { work_until_done(*pending); });
  co_return std::move(pending->result);
}

void GroupCommit::work_until_done(Pending& pending) {
  while (!pending.done) {
    Batch batch;
    {
      const std::lock_guard lock(mutex_);
      const auto count = static_cast<Batch::difference_type>(std::min(waiting_.size(), kMostChanges));
      batch.assign(waiting_.begin(), waiting_.begin() + count);
      waiting_.erase(waiting_.begin(), waiting_.begin() + count);
    }
    commit(batch);
  }
}

void GroupCommit::commit(Batch& batch) {
  const Result<void> written = write(batch);
  for (const auto& pending : batch) {
    if (!written && pending->result) pending->result = written.error();
    const auto& follow_up = pending->result ? pending->change.committed : pending->change.undo;
    if (pending->applied && follow_up) follow_up();
    // What the functions captured is released on this thread, before the caller goes on.
    pending->change = {};
    pending->done = true;
  }
  checkpointer_.after_commit(database_);
}

Result<void> GroupCommit::set_durable(bool durable) {
  if (durable == durable_) return {};
  auto set = database_.exec(durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  if (set) durable_ = durable;
  return set;
}

Result<void> GroupCommit::write(Batch& batch) {
  const auto must_last = [](const std::shared_ptr<Pending>& pending) { return pending->change.durable; };
  if (auto set = set_durable(std::ranges::any_of(batch, must_last)); !set) return set;
  SKILL_VERIFIER_TRY(Transaction transaction, Transaction::begin(database_, "BEGIN IMMEDIATE"));
  bool adds_pack = false;
  for (const auto& pending : batch) {
    pending->result = apply(*pending);
    pending->applied = pending->result.has_value();
    // A full disk can make SQLite drop the whole transaction: nobody's change is in it any more.
    if (!database_.in_transaction()) return pending->result ? database_.failure() : pending->result.error();
    adds_pack = adds_pack || (pending->applied && pending->change.adds_pack);
  }
  if (adds_pack)
    if (auto synced = sync_packs_(); !synced) return synced;
  return transaction.commit();
}

Result<void> GroupCommit::apply(Pending& pending) {
  if (auto begun = database_.exec("SAVEPOINT change"); !begun) return begun;
  Result<void> applied;
  // The others of the batch wait for their answers whatever happens to this one.
  try {
    applied = pending.change.apply(database_);
  } catch (const std::exception& error) {
    applied = Error{Errc::internal, "internal", error.what()};
  }
  if (!applied && database_.in_transaction()) {
    if (auto back = database_.exec("ROLLBACK TO change"); !back) return back;
  }
  if (database_.in_transaction())
    if (auto released = database_.exec("RELEASE change"); !released) return released;
  return applied;
}

}  // namespace skill_verifier::store
