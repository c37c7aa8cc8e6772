-- What the write side of polysync.db says to it.

-- name: meta
SELECT key, value, checksum FROM meta WHERE key = ?;

-- name: found
INSERT OR IGNORE INTO meta (key, value, checksum) VALUES (?, ?, ?);

-- name: take_over
UPDATE meta SET value = ?2, checksum = ?3 WHERE key = ?1;

-- name: create_run
INSERT INTO runs (id, task, state, trigger, slot, created_at, available_at, started_at, ended_at, end_reason,
    priority, correlation_id, rerun_of, external_id, doc, checksum)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: change_run
UPDATE runs SET state = ?3, available_at = ?7, started_at = ?8, ended_at = ?9, end_reason = ?10, priority = ?11,
    external_id = ?14, doc = ?15, checksum = ?16
WHERE id = ?1 AND ended_at IS NULL;

-- name: move_run
UPDATE runs SET state = ?3, available_at = ?7, started_at = ?8, doc = ?15, checksum = ?16
WHERE id = ?1 AND ended_at IS NULL;

-- name: note_run
UPDATE runs SET doc = ?15, checksum = ?16 WHERE id = ?1;

-- name: run
SELECT id, task, state, trigger, slot, created_at, available_at, started_at, ended_at, end_reason,
    priority, correlation_id, rerun_of, external_id, doc, checksum
FROM runs WHERE id = ?;

-- name: run_exists
SELECT id FROM runs WHERE id = ?1 OR (task = ?2 AND slot = ?3);

-- name: tag_run
INSERT INTO run_tags (key, value, run_id) VALUES (?, ?, ?);

-- name: open_attempt
INSERT INTO attempts (run_id, number, token, platform, opened_at, started_at, ended_at, doc, checksum)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: change_attempt
UPDATE attempts SET started_at = ?6, ended_at = ?7, doc = ?8, checksum = ?9 WHERE run_id = ?1 AND number = ?2;

-- name: attempt
SELECT run_id, number, token, platform, opened_at, started_at, ended_at, doc, checksum
FROM attempts WHERE run_id = ? AND number = ?;

-- name: newest_attempt
SELECT max(number) FROM attempts WHERE run_id = ?;

-- name: add_history
INSERT INTO history (seq, run_id, at, before, state, reason, actor, link) VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: newest_history
SELECT seq, link FROM (
    SELECT * FROM (SELECT seq, link FROM history ORDER BY seq DESC LIMIT 1)
    UNION ALL SELECT * FROM (SELECT seq, link FROM anchors WHERE chain = 'history' ORDER BY seq DESC LIMIT 1)
) ORDER BY seq DESC LIMIT 1;

-- name: add_audit
INSERT INTO audit (seq, at, actor, role, channel, verb, subject, outcome, detail, link)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: newest_audit
SELECT seq, link FROM (
    SELECT * FROM (SELECT seq, link FROM audit ORDER BY seq DESC LIMIT 1)
    UNION ALL SELECT * FROM (SELECT seq, link FROM anchors WHERE chain = 'audit' ORDER BY seq DESC LIMIT 1)
) ORDER BY seq DESC LIMIT 1;

-- name: task
SELECT task, last_run, slot_run, doc, checksum FROM tasks WHERE task = ?;

-- name: note_task
INSERT INTO tasks (task, last_run, slot_run, doc, checksum) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (task) DO UPDATE SET last_run = excluded.last_run, slot_run = excluded.slot_run, doc = excluded.doc,
    checksum = excluded.checksum;

-- name: hold
INSERT INTO held (task, upstream, doc, checksum) VALUES (?, ?, ?, ?)
ON CONFLICT (task, upstream) DO UPDATE SET doc = excluded.doc, checksum = excluded.checksum;

-- name: consume
DELETE FROM held WHERE task = ? AND upstream = ?;

-- name: forget_held
DELETE FROM held WHERE task = ?;

-- name: take_rate
INSERT INTO rates (profile, platform, level, at, parts, checksum) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (profile, platform) DO UPDATE SET level = excluded.level, at = excluded.at, parts = excluded.parts,
    checksum = excluded.checksum;

-- name: keep_definition
INSERT OR IGNORE INTO definitions (digest, doc, checksum) VALUES (?, ?, ?);

-- name: live_on
UPDATE clock SET at = ?2, change = ?3, checksum = ?4 WHERE seq = ?1;

-- name: note_clock
INSERT INTO clock (seq, at, change, checksum) VALUES (?, ?, ?, ?);

-- name: open_runs
SELECT id, task, state, trigger, slot, created_at, available_at, started_at, ended_at, end_reason,
    priority, correlation_id, rerun_of, external_id, doc, checksum
FROM runs INDEXED BY runs_open
WHERE ended_at IS NULL
ORDER BY id;

-- name: ranges
SELECT id, runs.task, state, trigger, slot, created_at, available_at, started_at, ended_at, end_reason,
    priority, correlation_id, rerun_of, external_id, runs.doc, runs.checksum
FROM tasks CROSS JOIN runs ON runs.id = tasks.slot_run
WHERE runs.state = 'skipped';

-- name: newest_attempts
SELECT attempts.run_id, number, token, platform, opened_at, attempts.started_at, attempts.ended_at, attempts.doc,
    attempts.checksum
FROM runs INDEXED BY runs_open
CROSS JOIN attempts ON attempts.run_id = runs.id
    AND attempts.number = (SELECT max(number) FROM attempts AS other WHERE other.run_id = runs.id)
WHERE runs.ended_at IS NULL;

-- name: tasks
SELECT task, last_run, slot_run, doc, checksum FROM tasks;

-- name: held
SELECT task, upstream, doc, checksum FROM held;

-- name: rates
SELECT profile, platform, level, at, parts, checksum FROM rates;

-- name: definition
SELECT digest, doc, checksum FROM definitions WHERE digest = ?;

-- name: newest_run
SELECT max(coalesce((SELECT max(id) FROM runs), 0), coalesce((SELECT max(last_run) FROM tasks), 0));

-- name: last_seen
SELECT seq, at, change, checksum FROM clock ORDER BY seq DESC LIMIT 1;

-- name: taken_after
SELECT tasks.task, runs.slot
FROM tasks CROSS JOIN runs ON runs.task = tasks.task
    AND runs.slot > min(?1, coalesce(json_extract(tasks.doc, '$.anchor'), ?1))
WHERE runs.slot IS NOT NULL;
