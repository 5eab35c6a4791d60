#pragma once

/// Every statement of the SQLite store. Tests look at their query plans.
namespace skill_verifier::store::sql {

// Order of the columns: read_job in job_rows.cpp.
inline constexpr const char* kFindJob =
    "SELECT jobs.id, sequence, state, attempt, created_at, started_at, completed_at, skill_id, has_pack, request, "
    "result,"
    " statement, error, owner, is_private, tree_digest, archive_sha256, original"
    " FROM jobs JOIN documents USING (sequence) LEFT JOIN verdicts USING (sequence) WHERE jobs.id = ?";
inline constexpr const char* kAccess = "SELECT owner, is_private FROM jobs WHERE id = ?";
inline constexpr const char* kStateOf = "SELECT sequence, state FROM jobs WHERE id = ?";

// Order of the columns: read_summaries in job_rows.cpp.
inline constexpr const char* kListAll =
    "SELECT id, sequence, state, attempt, created_at, completed_at, skill_id, owner, is_private FROM jobs WHERE "
    "sequence < ?"
    " ORDER BY sequence DESC LIMIT ?";
inline constexpr const char* kListState =
    "SELECT id, sequence, state, attempt, created_at, completed_at, skill_id, owner, is_private FROM jobs WHERE state "
    "= ? AND sequence < ?"
    " ORDER BY sequence DESC LIMIT ?";
// For somebody: what is public, and what is theirs.
inline constexpr const char* kListVisible =
    "SELECT id, sequence, state, attempt, created_at, completed_at, skill_id, owner, is_private FROM jobs"
    " WHERE is_private = 0 AND sequence < ?"
    " UNION ALL SELECT id, sequence, state, attempt, created_at, completed_at, skill_id, owner, is_private FROM jobs"
    " WHERE is_private = 1 AND owner = ? AND sequence < ?"
    " ORDER BY sequence DESC LIMIT ?";
inline constexpr const char* kListVisibleState =
    "SELECT id, sequence, state, attempt, created_at, completed_at, skill_id, owner, is_private FROM jobs"
    " WHERE is_private = 0 AND state = ? AND sequence < ?"
    " UNION ALL SELECT id, sequence, state, attempt, created_at, completed_at, skill_id, owner, is_private FROM jobs"
    " WHERE is_private = 1 AND owner = ? AND state = ? AND sequence < ?"
    " ORDER BY sequence DESC LIMIT ?";
inline constexpr const char* kListPending =
    "SELECT id, sequence, state, attempt, created_at, completed_at, skill_id, owner, is_private FROM jobs WHERE state "
    "= 'pending'"
    " ORDER BY sequence";
inline constexpr const char* kCounts = "SELECT state, jobs FROM counts";

inline constexpr const char* kCountHidden = "SELECT coalesce(sum(jobs), 0) FROM private_counts WHERE owner <> ?";

inline constexpr const char* kInsertJob =
    "INSERT INTO jobs (id, state, attempt, created_at, skill_id, owner, is_private, has_pack)"
    " VALUES (?, 'pending', 0, ?, ?, ?, ?, 1)"
    " ON CONFLICT (id) DO NOTHING";
inline constexpr const char* kInsertDocuments = "INSERT INTO documents (sequence, request) VALUES (?, ?)";
inline constexpr const char* kInsertPack = "INSERT INTO packs (sequence, bytes) VALUES (?, ?)";
inline constexpr const char* kDropPack = "DELETE FROM packs WHERE sequence = ?";
inline constexpr const char* kFindSharedPack = "SELECT number FROM shared_packs WHERE sha256 = ?";
inline constexpr const char* kInsertSharedPack = "INSERT INTO shared_packs (sha256, bytes) VALUES (?, ?)";
inline constexpr const char* kSharePack = "INSERT INTO pack_shares (sequence, pack) VALUES (?, ?)";
inline constexpr const char* kDropShare = "DELETE FROM pack_shares WHERE sequence = ?";
inline constexpr const char* kKeptPacks =
    "SELECT jobs.id, bytes FROM packs JOIN jobs USING (sequence)"
    " UNION ALL SELECT jobs.id, bytes FROM pack_shares JOIN shared_packs ON number = pack JOIN jobs USING (sequence)";
inline constexpr const char* kBegin =
    "UPDATE jobs SET state = 'running', attempt = attempt + 1, started_at = ? WHERE sequence = ?";
inline constexpr const char* kRequeue =
    "UPDATE jobs SET state = 'pending', started_at = NULL, attempt = attempt - ? WHERE sequence = ?";
inline constexpr const char* kRequeueAll =
    "UPDATE jobs SET state = 'pending', started_at = NULL WHERE state = 'running'";
inline constexpr const char* kFinishJob =
    "UPDATE jobs SET state = ?, completed_at = ?, has_pack = 0 WHERE sequence = ?";
inline constexpr const char* kFinishDocuments =
    "UPDATE documents SET result = ?, statement = ?, error = ? WHERE sequence = ?";
inline constexpr const char* kRemove = "DELETE FROM jobs WHERE sequence = ?";
// In portions, so that a long-forgotten heap of jobs does not hold up everybody else's commits.
inline constexpr const char* kExpire =
    "DELETE FROM jobs WHERE sequence IN (SELECT sequence FROM jobs WHERE completed_at < ? LIMIT 256) RETURNING id";

inline constexpr const char* kFinalJobs =
    "SELECT sum(jobs) FROM counts WHERE state IN ('completed', 'failed', 'cancelled')";
inline constexpr const char* kTrim =
    "DELETE FROM jobs WHERE sequence IN (SELECT sequence FROM jobs WHERE completed_at IS NOT NULL"
    " ORDER BY completed_at, sequence LIMIT ?) RETURNING id";
inline constexpr const char* kUsedBytes =
    "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
inline constexpr const char* kFreePages = "SELECT freelist_count FROM pragma_freelist_count";

inline constexpr const char* kInsertCollateral = "INSERT INTO collaterals (sequence, sha256) VALUES (?, ?)";
inline constexpr const char* kCollateralInUse = "SELECT 1 FROM collaterals WHERE sha256 = ? LIMIT 1";
inline constexpr const char* kInsertLog = "INSERT INTO logs (sequence, text, journal) VALUES (?, ?, ?)";
inline constexpr const char* kLog = "SELECT text FROM jobs LEFT JOIN logs USING (sequence) WHERE id = ?";
inline constexpr const char* kBeat = "UPDATE heartbeat SET beats = beats + 1";
inline constexpr const char* kReadBeat = "SELECT beats FROM heartbeat";
// Two plain lookups in the index by state; jobs that wait or run are few.
inline constexpr const char* kPackOwners = "SELECT id FROM jobs WHERE state IN ('pending', 'running')";

// Order of the columns: read_key in key_store.cpp.
inline constexpr const char* kListKeys =
    "SELECT id, name, scopes, rate, quota, concurrency, created_at, expires_at, revoked_at, salt, hash,"
    " previous_salt, previous_hash, previous_until FROM api_keys ORDER BY created_at, id";
inline constexpr const char* kFindKey =
    "SELECT id, name, scopes, rate, quota, concurrency, created_at, expires_at, revoked_at, salt, hash,"
    " previous_salt, previous_hash, previous_until FROM api_keys WHERE id = ?";
inline constexpr const char* kInsertKey =
    "INSERT INTO api_keys (id, name, scopes, rate, quota, concurrency, created_at, expires_at, salt, hash)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING";
inline constexpr const char* kRevokeKey = "UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL";
inline constexpr const char* kRotateKey =
    "UPDATE api_keys SET previous_salt = salt, previous_hash = hash, previous_until = ?, salt = ?, hash = ?"
    " WHERE id = ? AND revoked_at IS NULL";
inline constexpr const char* kKeyChanges = "SELECT changes FROM api_key_changes";

}  // namespace skill_verifier::store::sql
