#pragma once

#include <optional>
#include <string>
#include <vector>

#include "skill_verifier/store/job_store.hpp"
#include "store/sqlite.hpp"

/// What the SQLite store keeps for clients beside the jobs: keys, verdicts, what may be repeated.
namespace skill_verifier::store {

/// With the row of the job, whose sequence is set. Errors: conflict `idempotency_key_used`.
Result<void> insert_client_rows(Database& database, const Job& job);
Result<void> finish_verdict(Database& database, std::int64_t sequence, const JobOutcome& outcome);
Result<std::optional<KeyedJob>> find_key(Database& database, const std::string& owner, const std::string& key,
                                         Time now);
/// At most one portion; gives how many went.
Result<std::int64_t> expire_keys(Database& database, Time now);
Result<std::vector<std::optional<VerdictRow>>> find_verdicts(Database& database,
                                                             const std::vector<std::string>& subjects,
                                                             const std::optional<std::string>& viewer);
Result<std::optional<std::string>> find_cached(Database& database, const std::string& cache_key, Time since,
                                               const std::string& owner);
Result<LogPiece> find_log_piece(Database& database, const std::string& id, std::uint64_t offset, std::uint64_t limit);

}  // namespace skill_verifier::store
