-- Where a job's events go, as its submission said. Apart from the job's documents: nothing that shows a job reads it.
CREATE TABLE webhooks (
  sequence INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
  url      TEXT NOT NULL,
  host     TEXT NOT NULL,
  secrets  TEXT NOT NULL
) STRICT;

-- The outbox. Rows outlive their job: whoever is to be told of its end is told also after it was removed.
CREATE TABLE deliveries (
  number          INTEGER PRIMARY KEY AUTOINCREMENT,
  id              TEXT    NOT NULL UNIQUE,
  job             TEXT    NOT NULL,
  event           TEXT    NOT NULL,
  url             TEXT    NOT NULL,
  host            TEXT    NOT NULL,
  secrets         TEXT    NOT NULL,
  payload         TEXT    NOT NULL,
  state           TEXT    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
  attempts        INTEGER NOT NULL DEFAULT 0,
  created_at      INTEGER NOT NULL,
  next_attempt_at INTEGER NOT NULL,
  ended_at        INTEGER,
  last_status     INTEGER NOT NULL DEFAULT 0,
  last_error      TEXT    NOT NULL DEFAULT '',
  CHECK ((ended_at IS NULL) = (state = 'pending'))
) STRICT;

CREATE INDEX deliveries_due ON deliveries (host, next_attempt_at) WHERE state = 'pending';
CREATE INDEX deliveries_waiting ON deliveries (next_attempt_at) WHERE state = 'pending';
CREATE INDEX deliveries_in_order ON deliveries (job, url, number) WHERE state = 'pending';
CREATE INDEX deliveries_by_state ON deliveries (state, number);
CREATE INDEX deliveries_by_job ON deliveries (job, number);
CREATE INDEX deliveries_by_end ON deliveries (ended_at) WHERE ended_at IS NOT NULL;
