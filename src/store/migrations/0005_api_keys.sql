-- The secrets themselves are nowhere: salt and SHA-256 over salt and secret, as hex.
CREATE TABLE api_keys (
  id             TEXT    PRIMARY KEY,
  name           TEXT    NOT NULL,
  scopes         TEXT    NOT NULL,
  rate           TEXT    NOT NULL,
  quota          TEXT    NOT NULL,
  concurrency    INTEGER CHECK (concurrency > 0),
  created_at     INTEGER NOT NULL,
  expires_at     INTEGER,
  revoked_at     INTEGER,
  salt           TEXT    NOT NULL CHECK (length(salt) = 32),
  hash           TEXT    NOT NULL CHECK (length(hash) = 64),
  previous_salt  TEXT,
  previous_hash  TEXT,
  previous_until INTEGER
) STRICT, WITHOUT ROWID;

-- A running service looks here for what other processes changed.
CREATE TABLE api_key_changes (
  only    INTEGER PRIMARY KEY CHECK (only = 1),
  changes INTEGER NOT NULL
) STRICT;
INSERT INTO api_key_changes VALUES (1, 0);
CREATE TRIGGER api_keys_insert AFTER INSERT ON api_keys BEGIN
  UPDATE api_key_changes SET changes = changes + 1;
END;
CREATE TRIGGER api_keys_update AFTER UPDATE ON api_keys BEGIN
  UPDATE api_key_changes SET changes = changes + 1;
END;
CREATE TRIGGER api_keys_delete AFTER DELETE ON api_keys BEGIN
  UPDATE api_key_changes SET changes = changes + 1;
END;
