-- Small packages lie in the row's own transaction: one flush makes both durable. The file in packs/ is then only a copy
-- for those who read it, written anew from here after a crash. Larger packages are files alone.
CREATE TABLE packs (
  sequence INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
  bytes    BLOB NOT NULL
) STRICT;
