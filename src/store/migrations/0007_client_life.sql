-- What a job is about and what it became, small enough for lists of verdicts, and findable by digest.
CREATE TABLE verdicts (
  sequence       INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
  tree_digest    TEXT NOT NULL,
  archive_sha256 TEXT NOT NULL DEFAULT '',
  original       TEXT NOT NULL DEFAULT '',
  verdict        TEXT NOT NULL DEFAULT '',
  result_hash    TEXT NOT NULL DEFAULT '',
  cache_key      TEXT NOT NULL DEFAULT '',
  keeper         TEXT NOT NULL DEFAULT ''  -- whose private job it is; empty: it is public
) STRICT;
INSERT INTO verdicts (sequence, tree_digest, archive_sha256, verdict, result_hash, keeper)
  SELECT sequence, coalesce(json_extract(request, '$.treeDigest'), ''),
         coalesce(json_extract(request, '$.archiveSha256'), ''),
         CASE WHEN json_valid(result) THEN coalesce(json_extract(result, '$.verdict'), '') ELSE '' END,
         CASE WHEN json_valid(result) THEN coalesce(json_extract(result, '$.attestation.resultHash'), '') ELSE '' END,
         CASE WHEN is_private THEN owner ELSE '' END
  FROM documents JOIN jobs USING (sequence) WHERE json_valid(request);

-- Entries end with the rowid, which is `sequence`: the newest job of a digest that somebody may see is the last of the
-- public ones or of their own, and nobody walks past the private jobs of others.
CREATE INDEX verdicts_by_tree ON verdicts (tree_digest, keeper);
CREATE INDEX verdicts_by_archive ON verdicts (archive_sha256, keeper) WHERE archive_sha256 <> '';
CREATE INDEX judged_by_tree ON verdicts (tree_digest, keeper) WHERE verdict <> '';
CREATE INDEX judged_by_archive ON verdicts (archive_sha256, keeper) WHERE archive_sha256 <> '' AND verdict <> '';
CREATE INDEX verdicts_by_cache_key ON verdicts (cache_key, keeper) WHERE cache_key <> '';

-- Which job a client's Idempotency-Key stands for. Goes with the job.
CREATE TABLE idempotency_keys (
  owner          TEXT    NOT NULL,
  key            TEXT    NOT NULL,
  request_sha256 TEXT    NOT NULL,
  sequence       INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
  expires_at     INTEGER NOT NULL,
  PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_job ON idempotency_keys (sequence);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);

-- The job's changes of state and where in its log they stand, as JSON.
ALTER TABLE logs ADD COLUMN journal TEXT NOT NULL DEFAULT '';
