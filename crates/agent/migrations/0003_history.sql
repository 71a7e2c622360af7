-- Which records of changes are about which file: the history of each. Files have ids of their server, so the connection tells them apart.
CREATE TABLE history (
    connection TEXT NOT NULL,
    file TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (connection, file, seq)
) WITHOUT ROWID;

-- Of records that are there already, as far as they name what they touched.
INSERT OR IGNORE INTO history (connection, file, seq)
SELECT json_extract(audit.record, '$.connection'), substr(json_extract(entry.value, '$[0]'), 6), audit.seq
FROM audit, json_each(audit.record, '$.before') AS entry
WHERE json_extract(audit.record, '$.effect') IN ('write', 'destructive')
  AND json_extract(audit.record, '$.connection') IS NOT NULL
  AND json_extract(audit.record, '$.dryRun') IS NULL
  AND json_extract(entry.value, '$[0]') LIKE 'file %'
  AND json_extract(entry.value, '$[0]') NOT LIKE 'file /%';
