#pragma once

#include <atomic>

#include "skill_verifier/core/async.hpp"
#include "store/sqlite.hpp"

namespace skill_verifier::store {

/// Moves what the write-ahead log holds into the database file, on a thread and a connection of its own: SQLite's
/// automatic checkpoint would make one commit in a few hundred wait for all of it.
class Checkpointer {
 public:
  explicit Checkpointer(Database database) : database_(std::move(database)) {}

  /// After a commit, on the writer's thread. Returns at once, unless the log grew so far that the writer has to wait.
  void after_commit(Database& writer);

 private:
  Database database_;  ///< belongs to the thread
  std::atomic<bool> busy_{false};
  core::WorkPool thread_{1};
};

}  // namespace skill_verifier::store
