#pragma once

#include <functional>

#include "skill_verifier/core/batch_line.hpp"
#include "store/checkpointer.hpp"
#include "store/sqlite.hpp"

namespace skill_verifier::store {

using core::awaitable;

/// One change of the store. The functions run on the writer's thread and own what they use.
struct Change {
  /// A failure undoes this change alone: what it did to rows is taken back. May be called again after `undo`, when
  /// another change of its company wrote something and failed.
  std::function<Result<void>(Database&)> apply;
  /// After the commit is on disk: what may only then be thrown away.
  std::function<void()> committed;
  /// Takes back what a successful `apply` did outside the database, when the change did not become durable.
  std::function<void()> undo;
  /// `apply` puts a file into the packs' directory, whose entry must be on disk before the row that speaks of it.
  bool adds_pack = false;
  /// False: enough when it survives the end of this process. It reaches the disk with the next change that must.
  bool durable = true;
};

/// The one writer. Changes that arrive while a commit is on its way to the disk share the next one: one fsync for all
/// of them. Without waiting for company: a lonely change is committed at once.
class GroupCommit {
 public:
  /// `sync_packs` makes the entries of the packs' directory durable. `checkpointer` is a connection of its own.
  GroupCommit(Database database, Database checkpointer, std::function<Result<void>()> sync_packs);
  ~GroupCommit();

  /// Resumes when the change is committed, and durable if it must be, or with why it is not.
  awaitable<Result<void>> run(Change change);

 private:
  struct Pending {
    Change change;
    Result<void> result;
    bool applied = false;
  };
  using Batch = core::BatchLine<Pending>::Batch;

  void commit(Batch batch);
  Result<void> write(Batch batch);
  Result<bool> write_together(Batch batch);
  bool is_refused(const Pending& pending) const;
  Result<void> write_apart(Batch batch);
  Result<void> finish(Transaction& transaction, Batch batch);
  Result<void> apply(Pending& pending);
  Result<void> apply_apart(Pending& pending);
  Result<void> set_durable(bool durable);

  Database database_;
  Checkpointer checkpointer_;
  bool durable_ = true;  ///< how the connection commits now
  std::function<Result<void>()> sync_packs_;
  core::WorkPool thread_{1};
  core::BatchLine<Pending> line_;
};

}  // namespace skill_verifier::store
