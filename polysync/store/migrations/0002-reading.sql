-- What reading needs.  Each index ends in the row id, so that a page is a walk from its first row.  A run changes its
-- state many times and ends once: indexes with a state hold ended runs only, and those that have not ended are few.
CREATE INDEX runs_by_task ON runs (task);

CREATE INDEX runs_by_task_trigger ON runs (task, trigger);

CREATE INDEX runs_by_task_state ON runs (task, state) WHERE ended_at IS NOT NULL;

CREATE INDEX runs_by_state ON runs (state) WHERE ended_at IS NOT NULL;

CREATE INDEX runs_by_trigger ON runs (trigger);

CREATE INDEX runs_by_trigger_state ON runs (trigger, state) WHERE ended_at IS NOT NULL;

CREATE INDEX runs_by_correlation ON runs (correlation_id);

CREATE INDEX runs_by_external ON runs (external_id) WHERE external_id IS NOT NULL;

CREATE INDEX runs_by_created ON runs (created_at);

CREATE INDEX runs_by_end ON runs (state, ended_at) WHERE ended_at IS NOT NULL;

CREATE INDEX history_by_run ON history (run_id);
