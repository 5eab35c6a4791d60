-- A package that is submitted again and again lies here once, for as long as a job that is not final has it.
CREATE TABLE shared_packs (
  number INTEGER PRIMARY KEY,
  sha256 BLOB NOT NULL UNIQUE,
  bytes  BLOB NOT NULL
) STRICT;
CREATE TABLE pack_shares (
  sequence INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
  pack     INTEGER NOT NULL REFERENCES shared_packs
) STRICT;
CREATE INDEX pack_shares_by_pack ON pack_shares (pack);
CREATE TRIGGER pack_shares_delete AFTER DELETE ON pack_shares
WHEN NOT EXISTS (SELECT 1 FROM pack_shares WHERE pack = OLD.pack) BEGIN
  DELETE FROM shared_packs WHERE number = OLD.pack;
END;
