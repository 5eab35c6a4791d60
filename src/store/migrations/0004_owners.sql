-- Whose job it is (the id of an API key, empty: nobody's) and whether only that key may know of it.
ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN is_private INTEGER NOT NULL DEFAULT 0 CHECK (is_private IN (0, 1));

-- Lists for somebody: the public jobs and their own private ones, each in order of `sequence`, so that other people's
-- private jobs cost them nothing.
CREATE INDEX jobs_public ON jobs (is_private) WHERE is_private = 0;
CREATE INDEX jobs_public_by_state ON jobs (state) WHERE is_private = 0;
CREATE INDEX jobs_private ON jobs (owner) WHERE is_private = 1;
CREATE INDEX jobs_private_by_state ON jobs (owner, state) WHERE is_private = 1;

-- How many private jobs each owner has, kept by the triggers below.
CREATE TABLE private_counts (
  owner TEXT    PRIMARY KEY,
  jobs  INTEGER NOT NULL CHECK (jobs >= 0)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER jobs_private_insert AFTER INSERT ON jobs WHEN NEW.is_private = 1 BEGIN
  INSERT INTO private_counts VALUES (NEW.owner, 1) ON CONFLICT (owner) DO UPDATE SET jobs = jobs + 1;
END;
CREATE TRIGGER jobs_private_delete AFTER DELETE ON jobs WHEN OLD.is_private = 1 BEGIN
  UPDATE private_counts SET jobs = jobs - 1 WHERE owner = OLD.owner;
END;
