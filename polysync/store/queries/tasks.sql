-- What is told of single tasks: their newest runs, how they ended lately, and what became of their slots.

-- name: last_of
SELECT id, task, state, end_reason, created_at, started_at, ended_at, trigger, priority FROM runs
WHERE id IN (SELECT last_run FROM tasks WHERE task IN (SELECT value FROM json_each(:tasks)) AND last_run IS NOT NULL)

-- name: endings
SELECT state, started_at, ended_at, iif(state = 'skipped', coalesce(json_extract(doc, '$.slots'), 1), 1)
FROM runs INDEXED BY runs_by_task
WHERE task = :task AND +created_at >= :since AND id >= (
  SELECT edge.id FROM runs AS edge INDEXED BY runs_by_created
  WHERE edge.created_at >= :since - :slack ORDER BY edge.created_at LIMIT 1
)
ORDER BY id DESC LIMIT :limit

-- name: slot_rows
SELECT id, task, state, trigger, slot, created_at, available_at, started_at, ended_at, end_reason,
    priority, correlation_id, rerun_of, external_id, doc, checksum
FROM runs INDEXED BY runs_slot
WHERE task = :task AND slot IS NOT NULL AND slot <= :until ORDER BY slot DESC LIMIT :limit
