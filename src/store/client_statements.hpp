#pragma once

/// Statements of the SQLite store for keys, verdicts and repeated outcomes. Tests look at their query plans.
namespace skill_verifier::store::sql {

inline constexpr const char* kInsertVerdict =
    "INSERT INTO verdicts (sequence, tree_digest, archive_sha256, original, keeper) VALUES (?, ?, ?, ?, ?)";
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

// Order of the columns: read_verdict in client_life.cpp. Bound: the subject, and for whom.
#define SKILL_VERIFIER_VERDICT_COLUMNS                                                       \
  "SELECT jobs.id, sequence, state, created_at, completed_at, skill_id, tree_digest, "       \
  "archive_sha256, original, verdict, result_hash FROM verdicts JOIN jobs USING (sequence) " \
  "WHERE "
// The newest of what is public and of what is theirs, each found by one step into an index.
#define SKILL_VERIFIER_NEWEST(condition)                                                               \
  SKILL_VERIFIER_VERDICT_COLUMNS                                                                       \
  "sequence = (SELECT max(newest) FROM (SELECT max(sequence) AS newest FROM verdicts WHERE " condition \
  " AND keeper = '' UNION ALL SELECT max(sequence) FROM verdicts WHERE " condition " AND keeper = ?2))"
#define SKILL_VERIFIER_NEWEST_OF_ALL(condition) \
  SKILL_VERIFIER_VERDICT_COLUMNS condition " ORDER BY sequence DESC LIMIT 1"
#define SKILL_VERIFIER_JUDGED_TREE "tree_digest = ?1 AND verdict <> ''"
#define SKILL_VERIFIER_JUDGED_ARCHIVE "archive_sha256 = ?1 AND archive_sha256 <> '' AND verdict <> ''"
#define SKILL_VERIFIER_TREE "tree_digest = ?1"
#define SKILL_VERIFIER_ARCHIVE "archive_sha256 = ?1 AND archive_sha256 <> ''"
inline constexpr const char* kVerdictOfJob = SKILL_VERIFIER_VERDICT_COLUMNS "jobs.id = ?1 AND keeper IN ('', ?2)";
inline constexpr const char* kJudgedByTree = SKILL_VERIFIER_NEWEST(SKILL_VERIFIER_JUDGED_TREE);
inline constexpr const char* kJudgedByArchive = SKILL_VERIFIER_NEWEST(SKILL_VERIFIER_JUDGED_ARCHIVE);
inline constexpr const char* kNewestByTree = SKILL_VERIFIER_NEWEST(SKILL_VERIFIER_TREE);
inline constexpr const char* kNewestByArchive = SKILL_VERIFIER_NEWEST(SKILL_VERIFIER_ARCHIVE);
// For administrators, who see everything.
inline constexpr const char* kAnyVerdictOfJob = SKILL_VERIFIER_VERDICT_COLUMNS "jobs.id = ?1";
inline constexpr const char* kAnyJudgedByTree = SKILL_VERIFIER_NEWEST_OF_ALL(SKILL_VERIFIER_JUDGED_TREE);
inline constexpr const char* kAnyJudgedByArchive = SKILL_VERIFIER_NEWEST_OF_ALL(SKILL_VERIFIER_JUDGED_ARCHIVE);
inline constexpr const char* kAnyNewestByTree = SKILL_VERIFIER_NEWEST_OF_ALL(SKILL_VERIFIER_TREE);
inline constexpr const char* kAnyNewestByArchive = SKILL_VERIFIER_NEWEST_OF_ALL(SKILL_VERIFIER_ARCHIVE);
#undef SKILL_VERIFIER_ARCHIVE
#undef SKILL_VERIFIER_TREE
#undef SKILL_VERIFIER_JUDGED_ARCHIVE
#undef SKILL_VERIFIER_JUDGED_TREE
#undef SKILL_VERIFIER_NEWEST_OF_ALL
#undef SKILL_VERIFIER_NEWEST
#undef SKILL_VERIFIER_VERDICT_COLUMNS

inline constexpr const char* kFindCached =
    "SELECT jobs.id FROM verdicts JOIN jobs USING (sequence) WHERE completed_at >= ?2 AND sequence ="
    " (SELECT max(newest) FROM (SELECT max(sequence) AS newest FROM verdicts"
    " WHERE cache_key = ?1 AND cache_key <> '' AND keeper = '' UNION ALL SELECT max(sequence) FROM verdicts"
    " WHERE cache_key = ?1 AND cache_key <> '' AND keeper = ?3))";

// Without the text, which is read from its place.
inline constexpr const char* kLogPiece =
    "SELECT sequence, coalesce(length(text), 0), coalesce(journal, '') FROM jobs LEFT JOIN logs USING (sequence)"
    " WHERE id = ?";

}  // namespace skill_verifier::store::sql
