-- name: attempts
WITH RECURSIVE found(attempt) AS (
  SELECT min(attempt) FROM chunks INDEXED BY chunks_by_place WHERE run_id = ?1
  UNION ALL
  SELECT (SELECT min(attempt) FROM chunks INDEXED BY chunks_by_place WHERE run_id = ?1 AND attempt > found.attempt)
  FROM found WHERE found.attempt IS NOT NULL
)
SELECT attempt FROM found WHERE attempt IS NOT NULL

-- name: end
SELECT offset + length FROM chunks INDEXED BY chunks_by_place
WHERE run_id = ? AND attempt = ? AND stream = ?
ORDER BY offset DESC LIMIT 1

-- name: back
SELECT id, offset, length, lines, at, codec FROM chunks INDEXED BY chunks_by_place
WHERE run_id = ? AND attempt = ? AND stream = ? AND offset < ?
ORDER BY offset DESC LIMIT ?

-- name: line
SELECT offset, before FROM (
  SELECT offset, before + lines AS upto, before FROM (
    SELECT offset, CASE codec WHEN 3 THEN 0 ELSE lines END AS lines,
      coalesce(sum(CASE codec WHEN 3 THEN 0 ELSE lines END) OVER (
        ORDER BY offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ), 0) AS before
    FROM chunks INDEXED BY chunks_by_place
    WHERE run_id = ? AND attempt = ? AND stream = ?
  )
) WHERE upto >= ? LIMIT 1

-- name: lines_before
SELECT coalesce(sum(lines), 0) FROM chunks INDEXED BY chunks_by_place
WHERE run_id = ? AND attempt = ? AND stream = ? AND offset < ? AND codec <> 3

-- name: one
SELECT id, run_id, attempt, stream, offset, length, lines, at, codec, digest, checksum, data FROM chunks
WHERE id = ?

-- name: pieces
SELECT id, run_id, attempt, stream, offset, length, lines, at, codec, digest, checksum, data
FROM chunks INDEXED BY chunks_by_run
WHERE run_id = ? AND id > ?
ORDER BY id LIMIT ?

-- name: stretch
SELECT id, run_id, attempt, stream, offset, length, lines, at, codec, digest, checksum, data
FROM chunks INDEXED BY chunks_by_place
WHERE run_id = ?1 AND attempt = ?2 AND stream = ?3 AND offset >= coalesce(
  (SELECT max(offset) FROM chunks INDEXED BY chunks_by_place
   WHERE run_id = ?1 AND attempt = ?2 AND stream = ?3 AND offset <= ?4), ?4)
ORDER BY offset LIMIT ?5

-- name: run_below
SELECT max(run_id) FROM chunks INDEXED BY chunks_by_run WHERE run_id < ?

-- name: newest
SELECT max(id) FROM chunks

-- name: newest_of_run
SELECT coalesce(max(id), 0) FROM chunks INDEXED BY chunks_by_run WHERE run_id = ?

-- name: at_or_after
SELECT id, at FROM chunks WHERE id >= ? ORDER BY id LIMIT 1

-- name: task
SELECT task FROM runs WHERE id = ?

-- name: runs_of_task
SELECT id FROM runs INDEXED BY runs_by_task WHERE task = ? AND id < ? ORDER BY id DESC LIMIT 1
