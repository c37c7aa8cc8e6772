-- What a check reads.

-- name: runs
SELECT id, task, state, trigger, slot, created_at, available_at, started_at, ended_at, end_reason,
    priority, correlation_id, rerun_of, external_id, doc, checksum
FROM runs ORDER BY id;

-- name: open_runs
SELECT id, task, state, trigger, slot, created_at, available_at, started_at, ended_at, end_reason,
    priority, correlation_id, rerun_of, external_id, doc, checksum
FROM runs INDEXED BY runs_open
WHERE ended_at IS NULL
ORDER BY id;

-- name: attempts
SELECT run_id, number, token, platform, opened_at, started_at, ended_at, doc, checksum FROM attempts;

-- name: tags
SELECT id FROM runs
WHERE (
    SELECT json_group_object(key, value) FROM (SELECT key, value FROM run_tags WHERE run_id = runs.id ORDER BY key)
) <> coalesce((
    SELECT json_group_object(key, value) FROM (
        SELECT key, value FROM json_each(runs.doc, '$.tags') ORDER BY key)
), '{}');

-- name: tasks
SELECT task, last_run, slot_run, doc, checksum FROM tasks;

-- name: held
SELECT task, upstream, doc, checksum FROM held;

-- name: rates
SELECT profile, platform, level, at, parts, checksum FROM rates;

-- name: definitions
SELECT digest, doc, checksum FROM definitions;

-- name: clock
SELECT seq, at, change, checksum FROM clock;

-- name: meta
SELECT key, value, checksum FROM meta;

-- name: anchors
SELECT chain, first, link, seq, checksum FROM anchors;

-- name: pruned
SELECT first, seq, link FROM anchors WHERE chain = ?;

-- name: last_runs
SELECT task, last_run, (SELECT max(id) FROM runs INDEXED BY runs_by_task WHERE runs.task = tasks.task) AS newest
FROM tasks WHERE newest > coalesce(last_run, 0);

-- name: history
SELECT seq, run_id, at, before, state, reason, actor, link FROM history WHERE seq > ? ORDER BY seq;

-- name: history_start
SELECT seq, link FROM history ORDER BY seq DESC LIMIT 1 OFFSET ?;

-- name: audit
SELECT seq, at, actor, role, channel, verb, subject, outcome, detail, link FROM audit WHERE seq > ? ORDER BY seq;

-- name: audit_start
SELECT seq, link FROM audit ORDER BY seq DESC LIMIT 1 OFFSET ?;

-- name: chunks
SELECT id, run_id, attempt, stream, offset, length, lines, at, codec, digest, checksum, data
FROM chunks INDEXED BY chunks_by_place ORDER BY run_id, attempt, stream, offset;
