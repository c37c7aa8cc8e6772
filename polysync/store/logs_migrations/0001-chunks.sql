-- Output in pieces.  `offset` and `length` count the bytes of the stream, not those that are stored; the blob stands
-- last, so that everything else of a row is read without it.
CREATE TABLE chunks (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  stream INTEGER NOT NULL CHECK (stream IN (0, 1)), -- 0 out, 1 err
  offset INTEGER NOT NULL CHECK (offset >= 0),
  length INTEGER NOT NULL CHECK (length > 0),
  lines INTEGER NOT NULL CHECK (lines >= 0), -- line ends in it
  at INTEGER NOT NULL, -- µs UTC: when it was read
  codec INTEGER NOT NULL CHECK (codec IN (0, 1, 2, 3)), -- 0 raw, 1 zlib, 2 zstd, 3 put out and not kept: no data
  digest INTEGER NOT NULL, -- CRC-32 of data
  checksum INTEGER NOT NULL, -- over everything before it
  data BLOB NOT NULL
) STRICT;

-- Holds all that is asked of a log before its bytes: pages and sums never read the rows.
CREATE INDEX chunks_by_place ON chunks (run_id, attempt, stream, offset, length, lines, at, codec);

CREATE INDEX chunks_by_run ON chunks (run_id);
