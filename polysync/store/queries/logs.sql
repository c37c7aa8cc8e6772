-- name: insert
INSERT INTO chunks (id, run_id, attempt, stream, offset, length, lines, at, codec, digest, checksum, data)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: newest
SELECT coalesce(max(id), 0) FROM chunks

-- name: end
SELECT id, run_id, attempt, stream, offset, length, lines, at, codec, digest, checksum FROM chunks INDEXED BY chunks_by_place
WHERE run_id = ? AND attempt = ? AND stream = ?
ORDER BY offset DESC LIMIT 1

-- name: ends
SELECT id, run_id, chunks.attempt, chunks.stream, chunks.offset, length, lines, at, codec, digest, checksum
FROM (
  SELECT attempt, stream, max(offset) AS offset FROM chunks INDEXED BY chunks_by_place
  WHERE run_id = ?1 GROUP BY attempt, stream
) AS last
JOIN chunks INDEXED BY chunks_by_place
  ON chunks.run_id = ?1 AND chunks.attempt = last.attempt
  AND chunks.stream = last.stream AND chunks.offset = last.offset

-- name: read
SELECT id, run_id, attempt, stream, offset, length, lines, at, codec, digest, checksum, data FROM chunks INDEXED BY chunks_by_place
WHERE run_id = ?1 AND attempt = ?2 AND stream = ?3 AND offset < ?5 AND offset >= coalesce(
  (SELECT max(offset) FROM chunks INDEXED BY chunks_by_place
   WHERE run_id = ?1 AND attempt = ?2 AND stream = ?3 AND offset <= ?4), ?4)
ORDER BY offset

-- name: pieces
SELECT id, run_id, attempt, stream, offset, length, lines, at, codec, digest, checksum, data FROM chunks INDEXED BY chunks_by_run
WHERE run_id = ? AND id > ?
ORDER BY id LIMIT ?

-- name: sizes
SELECT attempt, sum(CASE codec WHEN 3 THEN 0 ELSE length END), sum(CASE codec WHEN 3 THEN length ELSE 0 END)
FROM chunks INDEXED BY chunks_by_place WHERE run_id = ? GROUP BY attempt

-- name: neighbours
SELECT id, offset, length, lines, at, codec FROM chunks INDEXED BY chunks_by_place
WHERE run_id = ?1 AND attempt = ?2 AND stream = ?3 AND offset IN (?5, (
  SELECT max(offset) FROM chunks INDEXED BY chunks_by_place
  WHERE run_id = ?1 AND attempt = ?2 AND stream = ?3 AND offset < ?4))

-- name: oldest
SELECT id, attempt, stream, offset, length, at FROM chunks INDEXED BY chunks_by_run
WHERE run_id = ? AND codec <> 3 ORDER BY id LIMIT ?

-- name: lines_within
SELECT sum(lines) FROM chunks INDEXED BY chunks_by_place
WHERE run_id = ?1 AND attempt = ?2 AND stream = ?3 AND offset >= ?4 AND offset < ?5

-- name: remove_within
DELETE FROM chunks WHERE run_id = ?1 AND attempt = ?2 AND stream = ?3 AND offset >= ?4 AND offset < ?5

-- name: remove
DELETE FROM chunks WHERE id = ?
