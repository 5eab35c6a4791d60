-- Small columns, read by lists, apart from the large ones. `sequence` is the order of acknowledgement and is never used
-- twice, so that a cursor over it stays valid when jobs are removed.
CREATE TABLE jobs (
  sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
  id           TEXT    NOT NULL UNIQUE,
  state        TEXT    NOT NULL CHECK (state IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
  attempt      INTEGER NOT NULL CHECK (attempt >= 0),
  created_at   INTEGER NOT NULL,
  started_at   INTEGER,
  completed_at INTEGER,
  skill_id     TEXT    NOT NULL,
  has_pack     INTEGER NOT NULL CHECK (has_pack IN (0, 1)),
  CHECK ((completed_at IS NULL) = (state IN ('pending', 'running')))
) STRICT;

-- An index entry ends with the rowid, which is `sequence`: lists of one state come out of it in order.
CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX jobs_by_completion ON jobs (completed_at) WHERE completed_at IS NOT NULL;

CREATE TABLE documents (
  sequence  INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
  request   TEXT NOT NULL,
  result    TEXT NOT NULL DEFAULT '',
  statement TEXT NOT NULL DEFAULT '',
  error     TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE logs (
  sequence INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
  text     BLOB NOT NULL
) STRICT;

-- How many jobs are in each state, kept by the triggers below in the same transaction as the change itself.
CREATE TABLE counts (
  state TEXT    PRIMARY KEY,
  jobs  INTEGER NOT NULL CHECK (jobs >= 0)
) STRICT, WITHOUT ROWID;
INSERT INTO counts VALUES ('pending', 0), ('running', 0), ('completed', 0), ('failed', 0), ('cancelled', 0);

CREATE TRIGGER jobs_count_insert AFTER INSERT ON jobs BEGIN
  UPDATE counts SET jobs = jobs + 1 WHERE state = NEW.state;
END;
CREATE TRIGGER jobs_count_delete AFTER DELETE ON jobs BEGIN
  UPDATE counts SET jobs = jobs - 1 WHERE state = OLD.state;
END;
CREATE TRIGGER jobs_count_update AFTER UPDATE OF state ON jobs WHEN NEW.state <> OLD.state BEGIN
  UPDATE counts SET jobs = jobs - 1 WHERE state = OLD.state;
  UPDATE counts SET jobs = jobs + 1 WHERE state = NEW.state;
END;

-- Written by the self-check.
CREATE TABLE heartbeat (
  only  INTEGER PRIMARY KEY CHECK (only = 1),
  beats INTEGER NOT NULL
) STRICT;
INSERT INTO heartbeat VALUES (1, 0);
