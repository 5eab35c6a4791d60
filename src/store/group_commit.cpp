#include "store/group_commit.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <utility>

namespace skill_verifier::store {
namespace {

/// Bounds the memory of one transaction: a change carries at most a few megabytes of output.
constexpr std::size_t kMostChanges = 64;

}  // namespace

GroupCommit::GroupCommit(Database database, Database checkpointer, std::function<Result<void>()> sync_packs)
    : database_(std::move(database)),
      checkpointer_(std::move(checkpointer)),
      sync_packs_(std::move(sync_packs)),
      line_(thread_, kMostChanges, [this](Batch batch) { commit(batch); }) {}

GroupCommit::~GroupCommit() {
  thread_.join();
}

awaitable<Result<void>> GroupCommit::run(Change change) {
  auto pending = std::make_shared<Pending>();
  pending->change = std::move(change);
  co_await line_.pass(pending);
  co_return std::move(pending->result);
}

void GroupCommit::commit(Batch batch) {
  const Result<void> written = write(batch);
  for (const auto& pending : batch) {
    if (!written && pending->result) pending->result = written.error();
    const auto& follow_up = pending->result ? pending->change.committed : pending->change.undo;
    if (pending->applied && follow_up) follow_up();
    // What the functions captured is released on this thread, before the caller goes on.
    pending->change = {};
  }
  checkpointer_.after_commit(database_);
}

Result<void> GroupCommit::set_durable(bool durable) {
  if (durable == durable_) return {};
  auto set = database_.exec(durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  if (set) durable_ = durable;
  return set;
}

Result<void> GroupCommit::write(Batch batch) {
  const auto must_last = [](const std::shared_ptr<Pending>& pending) { return pending->change.durable; };
  if (auto set = set_durable(std::ranges::any_of(batch, must_last)); !set) return set;
  SKILL_VERIFIER_TRY(const bool together, write_together(batch));
  if (together) return {};
  return write_apart(batch);
}

/// As if they were one change: a savepoint for each would copy every page that it touches. A change that is refused
/// before it wrote anything leaves nothing to undo. False when another one of several failed, and all is as it was.
Result<bool> GroupCommit::write_together(Batch batch) {
  SKILL_VERIFIER_TRY(Transaction transaction, Transaction::begin(database_, "BEGIN IMMEDIATE"));
  for (const auto& pending : batch) {
    const std::int64_t written = database_.total_changes();
    pending->result = apply(*pending);
    pending->applied = pending->result.has_value();
    if (pending->applied || (is_refused(*pending) && database_.total_changes() == written)) continue;
    if (batch.size() == 1) return true;
    for (const auto& applied : batch)
      if (std::exchange(applied->applied, false) && applied->change.undo) applied->change.undo();
    return false;
  }
  if (auto done = finish(transaction, batch); !done) return done.error();
  return true;
}

/// By us, not by SQLite, whose failures are an end of the transaction: a full disk can make it drop the whole of it.
bool GroupCommit::is_refused(const Pending& pending) const {
  return pending.result.error().code != Errc::unavailable && database_.in_transaction();
}

/// The others of the batch do not suffer from those that fail.
Result<void> GroupCommit::write_apart(Batch batch) {
  SKILL_VERIFIER_TRY(Transaction transaction, Transaction::begin(database_, "BEGIN IMMEDIATE"));
  for (const auto& pending : batch) {
    pending->result = apply_apart(*pending);
    pending->applied = pending->result.has_value();
    // Dropped as a whole: nobody's change is in it any more.
    if (!database_.in_transaction()) return pending->result ? database_.failure() : pending->result.error();
  }
  return finish(transaction, batch);
}

Result<void> GroupCommit::finish(Transaction& transaction, Batch batch) {
  const auto adds_pack = [](const auto& pending) { return pending->applied && pending->change.adds_pack; };
  if (std::ranges::any_of(batch, adds_pack))
    if (auto synced = sync_packs_(); !synced) return synced;
  return transaction.commit();
}

Result<void> GroupCommit::apply(Pending& pending) {
  // The others of the batch wait for their answers whatever happens to this one.
  try {
    return pending.change.apply(database_);
  } catch (const std::exception& error) {
    return Error{Errc::internal, "internal", error.what()};
  }
}

Result<void> GroupCommit::apply_apart(Pending& pending) {
  if (auto begun = database_.exec("SAVEPOINT change"); !begun) return begun;
  Result<void> applied = apply(pending);
  if (!applied && database_.in_transaction()) {
    if (auto back = database_.exec("ROLLBACK TO change"); !back) return back;
  }
  if (database_.in_transaction())
    if (auto released = database_.exec("RELEASE change"); !released) return released;
  return applied;
}

}  // namespace skill_verifier::store
