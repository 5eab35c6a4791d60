#pragma once

/// Statements of the SQLite store for keys, verdicts and repeated outcomes. Tests look at their query plans.
namespace skill_verifier::store::sql {

inline constexpr const char* kInsertVerdict =
    "INSERT INTO verdicts (sequence, tree_digest, archive_sha256, original) VALUES (?, ?, ?, ?)";
inline constexpr const char* kFinishVerdict =
    "UPDATE verdicts SET verdict = ?, result_hash = ?, cache_key = ? WHERE sequence = ?";

inline constexpr const char* kDropExpiredIdempotencyKey =
    "DELETE FROM idempotency_keys WHERE owner = ? AND key = ? AND expires_at <= ?";
inline constexpr const char* kInsertIdempotencyKey =
    "INSERT INTO idempotency_keys (owner, key, request_sha256, sequence, expires_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (owner, key) DO NOTHING";
inline constexpr const char* kFindIdempotencyKey =
    "SELECT jobs.id, request_sha256 FROM idempotency_keys JOIN jobs USING (sequence)"
    " WHERE idempotency_keys.owner = ? AND key = ? AND expires_at > ?";
// In portions, as jobs are expired.
inline constexpr const char* kExpireIdempotencyKeys =
    "DELETE FROM idempotency_keys WHERE (owner, key) IN"
    " (SELECT owner, key FROM idempotency_keys WHERE expires_at <= ? LIMIT 256)";

// Order of the columns: read_verdict in client_life.cpp. Bound: the subject, whether everything is visible, to whom.
#define SKILL_VERIFIER_VISIBLE " AND (? OR is_private = 0 OR jobs.owner = ?)"
#define SKILL_VERIFIER_VERDICT_COLUMNS                                                       \
  "SELECT jobs.id, sequence, state, created_at, completed_at, skill_id, tree_digest, "       \
  "archive_sha256, original, verdict, result_hash FROM verdicts JOIN jobs USING (sequence) " \
  "WHERE "
inline constexpr const char* kVerdictOfJob = SKILL_VERIFIER_VERDICT_COLUMNS "jobs.id = ?" SKILL_VERIFIER_VISIBLE;
inline constexpr const char* kJudgedByTree = SKILL_VERIFIER_VERDICT_COLUMNS
    "tree_digest = ? AND verdict <> ''" SKILL_VERIFIER_VISIBLE " ORDER BY sequence DESC LIMIT 1";
inline constexpr const char* kJudgedByArchive = SKILL_VERIFIER_VERDICT_COLUMNS
    "archive_sha256 = ? AND archive_sha256 <> '' AND verdict <> ''" SKILL_VERIFIER_VISIBLE
    " ORDER BY sequence DESC LIMIT 1";
inline constexpr const char* kNewestByTree =
    SKILL_VERIFIER_VERDICT_COLUMNS "tree_digest = ?" SKILL_VERIFIER_VISIBLE " ORDER BY sequence DESC LIMIT 1";
inline constexpr const char* kNewestByArchive = SKILL_VERIFIER_VERDICT_COLUMNS
    "archive_sha256 = ? AND archive_sha256 <> ''" SKILL_VERIFIER_VISIBLE " ORDER BY sequence DESC LIMIT 1";
#undef SKILL_VERIFIER_VERDICT_COLUMNS
#undef SKILL_VERIFIER_VISIBLE

inline constexpr const char* kFindCached =
    "SELECT jobs.id FROM verdicts JOIN jobs USING (sequence)"
    " WHERE cache_key = ? AND cache_key <> '' AND completed_at >= ?"
    " AND (is_private = 0 OR jobs.owner = ?) ORDER BY sequence DESC LIMIT 1";

inline constexpr const char* kLogPiece =
    "SELECT substr(text, ?, ?), coalesce(length(text), 0), coalesce(journal, '') FROM jobs LEFT JOIN logs USING "
    "(sequence) WHERE id = ?";

}  // namespace skill_verifier::store::sql
