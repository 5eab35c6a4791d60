-- Which kept collateral a job's result refers to: its file stays for as long as there is such a job.
CREATE TABLE collaterals (
  sequence INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
  sha256   TEXT NOT NULL
) STRICT;
CREATE INDEX collaterals_by_digest ON collaterals (sha256);
INSERT INTO collaterals
  SELECT sequence, json_extract(result, '$.collateral.sha256') FROM documents
  WHERE CASE WHEN json_valid(result) THEN json_type(result, '$.collateral.sha256') = 'text' ELSE 0 END;
