-- name: run
SELECT id, task, state, trigger, slot, created_at, available_at, started_at, ended_at, end_reason,
    priority, correlation_id, rerun_of, external_id, doc, checksum
FROM runs WHERE id = ?;

-- name: attempts
SELECT run_id, number, token, platform, opened_at, started_at, ended_at, doc, checksum
FROM attempts WHERE run_id = ? ORDER BY number;

-- name: history
SELECT at, before, state, reason, actor FROM history INDEXED BY history_by_run WHERE run_id = ? ORDER BY seq

-- name: newest
SELECT id, task, state, end_reason, created_at, started_at, ended_at, trigger, priority FROM runs
WHERE id < :before ORDER BY id DESC LIMIT :limit

-- name: last_runs
SELECT id, task, state, end_reason, created_at, started_at, ended_at, trigger, priority FROM runs
WHERE id IN (SELECT last_run FROM tasks WHERE last_run IS NOT NULL)

-- name: outcomes
SELECT asked.value, (
  SELECT json_group_array(json_array(last.id, last.state)) FROM (
    SELECT id, state FROM runs INDEXED BY runs_by_task
    WHERE task = asked.value AND ended_at IS NOT NULL ORDER BY id DESC LIMIT :limit
  ) AS last
) FROM json_each(:tasks) AS asked

-- name: ended_since
SELECT asked.value, (
  SELECT count(*) FROM runs INDEXED BY runs_by_end
  WHERE state = asked.value AND ended_at IS NOT NULL AND ended_at >= :since
) FROM json_each(:states) AS asked

-- name: not_ended
SELECT state, count(*) FROM runs INDEXED BY runs_open
WHERE ended_at IS NULL
GROUP BY state;
