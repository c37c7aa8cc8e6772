-- Decisions and what became of them.  Every instant is a count of microseconds since 1970, in UTC.  A checksum is over
-- the other values of its row; tags have none, because the document of their run holds them too.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value ANY NOT NULL,
    checksum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    task TEXT NOT NULL,
    -- Not `state IN (…)`, which builds a table of its own for each row that is written.
    -- What has ended stays ended, and has an end.  Not `state IN (…)`, which builds a table for each row that is written.
    state TEXT NOT NULL CHECK (instr(CASE WHEN ended_at IS NULL
        THEN ' held scheduled waiting queued retrying starting running stopping '
        ELSE ' succeeded failed timeout crashed cancelled skipped expired rejected dead ' END, ' ' || state || ' ')),
    trigger TEXT NOT NULL,
    slot INTEGER,
    created_at INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    end_reason TEXT,
    priority INTEGER NOT NULL,
    correlation_id TEXT NOT NULL,
    rerun_of INTEGER,
    external_id TEXT,
    doc TEXT NOT NULL,       -- JSON of every other field
    checksum INTEGER NOT NULL
) STRICT;

-- The law against firing twice: a slot of a task has one row, for ever.
CREATE UNIQUE INDEX runs_slot ON runs (task, slot) WHERE slot IS NOT NULL;
CREATE INDEX runs_open ON runs (id) WHERE ended_at IS NULL;

CREATE TABLE run_tags (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    PRIMARY KEY (key, value, run_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX run_tags_run ON run_tags (run_id);

CREATE TABLE attempts (
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    token TEXT NOT NULL,
    platform TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    doc TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;

-- History and audit are only ever added to; each row carries a hash over itself and the row before.
CREATE TABLE history (
    seq INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    before TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    actor TEXT NOT NULL,
    link BLOB NOT NULL
) STRICT;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    role TEXT NOT NULL,
    channel TEXT NOT NULL,
    verb TEXT NOT NULL,
    subject TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL, -- JSON
    link BLOB NOT NULL
) STRICT;

-- Rows of a chain that were pruned: the first and the last of a stretch, and the link of the last.
CREATE TABLE anchors (
    chain TEXT NOT NULL, -- history or audit
    first INTEGER NOT NULL,
    link BLOB NOT NULL,
    seq INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (chain, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
    task TEXT PRIMARY KEY,
    last_run INTEGER, -- its newest run
    slot_run INTEGER, -- the newest one that has a slot
    doc TEXT,         -- JSON of what is remembered beside its runs; NULL where that is nothing yet
    checksum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE held (
    task TEXT NOT NULL,
    upstream TEXT NOT NULL,
    doc TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (task, upstream)
) STRICT, WITHOUT ROWID;

CREATE TABLE rates (
    profile TEXT NOT NULL,
    platform TEXT NOT NULL,
    level TEXT NOT NULL, -- a whole number of any size
    at INTEGER NOT NULL,
    parts TEXT NOT NULL, -- likewise
    checksum INTEGER NOT NULL,
    PRIMARY KEY (profile, platform)
) STRICT, WITHOUT ROWID;

CREATE TABLE definitions (
    digest TEXT PRIMARY KEY,
    doc TEXT NOT NULL,
    checksum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE clock (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    change TEXT NOT NULL, -- empty for a sign of life; the next one takes its place
    checksum INTEGER NOT NULL
) STRICT;
