#include "store/client_life.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <span>

#include "store/client_statements.hpp"
#include "store/columns.hpp"
#include "store/errors.hpp"

namespace skill_verifier::store {
namespace {

Result<VerdictRow> read_verdict(const Query& row) {
  VerdictRow made;
  made.id = row.text(0);
  made.sequence = static_cast<std::uint64_t>(row.integer(1));
  SKILL_VERIFIER_TRY(made.state, parse_job_state(row.text(2)));
  made.created_at = to_time(row.integer(3));
  if (const auto completed = row.maybe_integer(4)) made.completed_at = to_time(*completed);
  made.skill_id = row.text(5);
  made.tree_digest = row.text(6);
  made.archive_sha256 = row.text(7);
  made.original = row.text(8);
  made.verdict = row.text(9);
  made.result_hash = row.text(10);
  return made;
}

Result<std::optional<VerdictRow>> find_verdict(Database& database, const std::string& subject,
                                               const std::optional<std::string>& viewer) {
  using Queries = std::span<const char* const>;
  static constexpr std::array kByDigest = {sql::kJudgedByTree, sql::kJudgedByArchive, sql::kNewestByTree,
                                           sql::kNewestByArchive};
  static constexpr std::array kAnyByDigest = {sql::kAnyJudgedByTree, sql::kAnyJudgedByArchive, sql::kAnyNewestByTree,
                                              sql::kAnyNewestByArchive};
  static constexpr std::array kById = {sql::kVerdictOfJob};
  static constexpr std::array kAnyById = {sql::kAnyVerdictOfJob};
  const bool digest = subject.size() == kDigestDigits;
  const Queries queries =
      viewer ? (digest ? Queries(kByDigest) : Queries(kById)) : (digest ? Queries(kAnyByDigest) : Queries(kAnyById));
  for (const char* text : queries) {
    Query query(database, text);
    query.bind(subject);
    if (viewer) query.bind(*viewer);
    SKILL_VERIFIER_TRY(const bool found, query.step());
    if (!found) continue;
    SKILL_VERIFIER_TRY(auto row, read_verdict(query));
    return std::optional(std::move(row));
  }
  return std::optional<VerdictRow>();
}

Result<void> insert_key(Database& database, const Job& job) {
  const auto& use = *job.idempotency;
  Query expired(database, sql::kDropExpiredIdempotencyKey);
  expired.bind(use.owner).bind(use.key).bind(to_column(job.created_at));
  if (auto done = expired.run(); !done) return done;
  Query row(database, sql::kInsertIdempotencyKey);
  row.bind(use.owner).bind(use.key).bind(use.request_sha256);
  row.bind(static_cast<std::int64_t>(job.sequence)).bind(to_column(use.expires_at));
  if (auto done = row.run(); !done) return done;
  return database.changes() == 0 ? Result<void>(key_used()) : Result<void>();
}

}  // namespace

Result<void> insert_client_rows(Database& database, const Job& job) {
  Query row(database, sql::kInsertVerdict);
  row.bind(static_cast<std::int64_t>(job.sequence)).bind(job.tree_digest).bind(job.archive_sha256).bind(job.original);
  row.bind(job.is_private ? job.owner : std::string_view());
  if (auto done = row.run(); !done) return done;
  return job.idempotency ? insert_key(database, job) : Result<void>();
}

Result<void> finish_verdict(Database& database, std::int64_t sequence, const JobOutcome& outcome) {
  Query row(database, sql::kFinishVerdict);
  return row.bind(outcome.verdict).bind(outcome.result_hash).bind(outcome.cache_key).bind(sequence).run();
}

Result<std::optional<KeyedJob>> find_key(Database& database, const std::string& owner, const std::string& key,
                                         Time now) {
  Query query(database, sql::kFindIdempotencyKey);
  query.bind(owner).bind(key).bind(to_column(now));
  SKILL_VERIFIER_TRY(const bool found, query.step());
  if (!found) return std::optional<KeyedJob>();
  return std::optional(KeyedJob{query.text(0), query.text(1)});
}

Result<std::int64_t> expire_keys(Database& database, Time now) {
  Query row(database, sql::kExpireIdempotencyKeys);
  if (auto done = row.bind(to_column(now)).run(); !done) return done.error();
  return database.changes();
}

Result<std::vector<std::optional<VerdictRow>>> find_verdicts(Database& database,
                                                             const std::vector<std::string>& subjects,
                                                             const std::optional<std::string>& viewer) {
  std::map<std::string, std::optional<VerdictRow>> found;
  std::vector<std::optional<VerdictRow>> rows;
  for (const auto& subject : subjects) {
    auto known = found.find(subject);
    if (known == found.end()) {
      SKILL_VERIFIER_TRY(auto row, find_verdict(database, subject, viewer));
      known = found.emplace(subject, std::move(row)).first;
    }
    rows.push_back(known->second);
  }
  return rows;
}

Result<std::optional<std::string>> find_cached(Database& database, const std::string& cache_key, Time since,
                                               const std::string& owner) {
  Query query(database, sql::kFindCached);
  query.bind(cache_key).bind(to_column(since)).bind(owner);
  SKILL_VERIFIER_TRY(const bool found, query.step());
  return found ? std::optional(query.text(0)) : std::nullopt;
}

Result<LogPiece> find_log_piece(Database& database, const std::string& id, std::uint64_t offset, std::uint64_t limit) {
  Query query(database, sql::kLogPiece);
  query.bind(id);
  SKILL_VERIFIER_TRY(const bool found, query.step());
  if (!found) return job_not_found(id);
  LogPiece piece{{}, static_cast<std::uint64_t>(query.integer(1)), query.text(2)};
  if (offset >= piece.size || limit == 0) return piece;
  SKILL_VERIFIER_TRY(
      piece.text, database.read_blob("logs", "text", query.integer(0), offset, std::min(limit, piece.size - offset)));
  return piece;
}

}  // namespace skill_verifier::store
