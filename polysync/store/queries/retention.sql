-- What retention asks and does.  Each statement walks an index, however many runs there are.

-- name: tasks
SELECT task, last_run, json_extract(doc, '$.anchor') FROM tasks WHERE task > ?1 ORDER BY task LIMIT ?2;

-- name: newest
SELECT coalesce(max(id), 0) FROM runs;

-- name: beyond
SELECT id FROM runs INDEXED BY runs_by_task
WHERE task = ?1 AND ended_at IS NOT NULL AND state <> 'dead'
    AND EXISTS (SELECT 1 FROM attempts WHERE run_id = runs.id)
ORDER BY id DESC LIMIT 1 OFFSET ?2;

-- name: young
SELECT id FROM runs INDEXED BY runs_by_created WHERE created_at >= ?1 ORDER BY created_at LIMIT 1;

-- name: past
SELECT id, ended_at, EXISTS (SELECT 1 FROM attempts WHERE run_id = runs.id), state = 'dead', coalesce(slot > ?4, 0)
FROM runs INDEXED BY runs_by_task
WHERE task = ?1 AND id > ?2 AND id < ?3 AND ended_at IS NOT NULL
ORDER BY id LIMIT ?5;

-- name: needed
SELECT rerun_of FROM runs INDEXED BY runs_open WHERE ended_at IS NULL AND id > ?1 AND rerun_of IS NOT NULL
UNION ALL SELECT value FROM runs INDEXED BY runs_open CROSS JOIN json_each(runs.doc, '$.parents')
WHERE ended_at IS NULL AND runs.id > ?1;

-- name: remembered
SELECT json_extract(doc, '$.run_id') FROM held
UNION ALL SELECT runs.id FROM tasks CROSS JOIN runs ON runs.id = tasks.slot_run WHERE runs.state = 'skipped';

-- name: some_past
SELECT runs.id, runs.ended_at, 1, runs.state = 'dead',
    coalesce(runs.slot > min(?2, coalesce(json_extract(tasks.doc, '$.anchor'), ?2)), 0), runs.task
FROM json_each(?1) AS asked CROSS JOIN runs ON runs.id = asked.value LEFT JOIN tasks ON tasks.task = runs.task
WHERE runs.ended_at IS NOT NULL;

-- name: missing
SELECT asked.value FROM json_each(?1) AS asked WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = asked.value);

-- name: may_go
SELECT runs.id, runs.task, json_extract(runs.doc, '$.definition')
FROM json_each(?1) AS asked CROSS JOIN runs ON runs.id = asked.value LEFT JOIN tasks ON tasks.task = runs.task
WHERE runs.ended_at IS NOT NULL AND runs.state <> 'dead'
    AND coalesce(runs.slot <= min(?2, coalesce(json_extract(tasks.doc, '$.anchor'), ?2)), 1);

-- name: links
SELECT history.seq, history.link FROM json_each(?1) AS asked
CROSS JOIN history INDEXED BY history_by_run ON history.run_id = asked.value;

-- name: remove_run
DELETE FROM runs WHERE id = ?;

-- name: remove_history
DELETE FROM history WHERE seq BETWEEN ? AND ?;

-- name: anchor_before
SELECT first, seq, link FROM anchors WHERE chain = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT 1;

-- name: anchor_after
SELECT first, seq, link FROM anchors WHERE chain = ?1 AND seq > ?2 ORDER BY seq LIMIT 1;

-- name: remove_anchor
DELETE FROM anchors WHERE chain = ? AND seq = ?;

-- name: leave_anchor
INSERT INTO anchors (chain, first, link, seq, checksum) VALUES (?, ?, ?, ?, ?);

-- name: oldest_audit
SELECT seq, link, at FROM audit ORDER BY seq LIMIT ?;

-- name: remove_audit
DELETE FROM audit WHERE seq BETWEEN ? AND ?;

-- name: last_definition
SELECT json_extract(doc, '$.definition') FROM runs WHERE id = ?;

-- name: definition
SELECT digest, doc, checksum FROM definitions WHERE digest = ?;

-- name: is_used
SELECT 1 FROM runs INDEXED BY runs_by_task WHERE task = ?1 AND json_extract(doc, '$.definition') = ?2 ORDER BY id LIMIT 1;

-- name: remove_definition
DELETE FROM definitions WHERE digest = ?;

-- name: with_output
WITH RECURSIVE told (run_id) AS (
    SELECT (SELECT run_id FROM chunks INDEXED BY chunks_by_run WHERE run_id > ?1 ORDER BY run_id LIMIT 1)
    UNION ALL
    SELECT (SELECT run_id FROM chunks INDEXED BY chunks_by_run WHERE run_id > told.run_id ORDER BY run_id LIMIT 1)
    FROM told WHERE told.run_id IS NOT NULL LIMIT ?2
)
SELECT run_id FROM told WHERE run_id IS NOT NULL;

-- name: stored
SELECT asked.value, (
    SELECT coalesce(sum(length(data)), 0) FROM chunks INDEXED BY chunks_by_run WHERE run_id = asked.value
) FROM json_each(?1) AS asked;

-- name: some_chunks
SELECT chunks.id, chunks.run_id, length(data) FROM json_each(?1) AS asked
CROSS JOIN chunks INDEXED BY chunks_by_run ON chunks.run_id = asked.value
LIMIT ?2;

-- name: remove_chunk
DELETE FROM chunks WHERE id = ?;
