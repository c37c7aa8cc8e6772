-- What reading the audit says to polysync.db.

-- name: page
SELECT seq, at, actor, role, channel, verb, subject, outcome, detail FROM audit
WHERE seq < :before AND seq >= :floor
    AND (:actor IS NULL OR actor = :actor)
    AND (:verb IS NULL OR verb = :verb)
    AND (:outcome IS NULL OR outcome = :outcome)
    AND (:subject IS NULL OR subject = :subject)
    AND (:since IS NULL OR at >= :since)
    AND (:until IS NULL OR at < :until)
ORDER BY seq DESC LIMIT :limit;

-- name: newest
SELECT coalesce(max(seq), 0) FROM audit;

-- name: before
SELECT at FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT 1;

-- name: after
SELECT seq, at, actor, role, channel, verb, subject, outcome, detail, link FROM audit WHERE seq > ? ORDER BY seq;

-- name: pruned
SELECT first, seq, link, checksum FROM anchors WHERE chain = 'audit' ORDER BY seq;
