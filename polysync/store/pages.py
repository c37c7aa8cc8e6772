"""Pages of runs: which index a filter walks, and the statement that walks it.

Ids grow in the order in which runs were made, so a page is a walk down some index from the last id of the page
before.  The planner of SQLite is never asked: it takes a million rows for a few once `ANALYZE` has told it an
average, so every statement here names its index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from polysync.domain.run import FINAL
from polysync.ports import RunFilter
from polysync.store.codec import micros_or_none

NEWEST: Final = 2**63 - 1
LONGEST: Final = 1_000  # runs of one page
# Ids and creation times agree but for steps of the clock: the edges of a stretch of time are searched this much
# further, so that only a larger step can hide a run at an edge.
SLACK: Final = timedelta(minutes=10)
FEW: Final = 1_000  # rows: what a walk may cost without anybody noticing
SPAN: Final = 20_000  # rows: what a bounded page looks at before it says where to go on
_PATTERN: Final = frozenset("*?[")  # no name of a task holds one of these


@dataclass(frozen=True, slots=True)
class Walk:
    """One way to find the runs of a filter: an index, and the conditions that it answers."""

    index: str
    answers: frozenset[str]
    conditions: tuple[str, ...]
    table: str = "runs"
    key: str = "runs.id"


BY_TAG: Final = Walk("", frozenset({"tag"}), ("tags.key = :tag_key", "tags.value = :tag_value"), "tags", "tags.run_id")
PLAIN: Final = Walk("", frozenset(), ())
# From the most selective to the least: the first one whose conditions are all wanted and that is sure to be short
# is taken without looking further.
SHORT: Final = (
    Walk("runs_by_external", frozenset({"external"}), ("runs.external_id = :external",)),
    Walk("runs_by_correlation", frozenset({"correlation"}), ("runs.correlation_id = :correlation",)),
    Walk("runs_open", frozenset({"open"}), ("runs.ended_at IS NULL", "+runs.state = :state")),
)
LONG: Final = (
    Walk(
        "runs_by_task_state",
        frozenset({"task", "ended"}),
        ("runs.task = :task", "runs.state = :state", "runs.ended_at IS NOT NULL"),
    ),
    Walk("runs_by_task_trigger", frozenset({"task", "trigger"}), ("runs.task = :task", "runs.trigger = :trigger")),
    Walk(
        "runs_by_trigger_state",
        frozenset({"trigger", "ended"}),
        ("runs.trigger = :trigger", "runs.state = :state", "runs.ended_at IS NOT NULL"),
    ),
    Walk("runs_by_task", frozenset({"task"}), ("runs.task = :task",)),
    Walk("runs_by_state", frozenset({"ended"}), ("runs.state = :state", "runs.ended_at IS NOT NULL")),
    Walk("runs_by_trigger", frozenset({"trigger"}), ("runs.trigger = :trigger",)),
    BY_TAG,
)
# A condition that the walk does not answer itself; the plus keeps the planner from looking for another index.
_CHECKS: Final = {
    "task": "+runs.task = :task",
    "like": "+runs.task GLOB :like",
    "ended": "+runs.state = :state",
    "open": "+runs.state = :state",
    "trigger": "+runs.trigger = :trigger",
    "external": "+runs.external_id = :external",
    "correlation": "+runs.correlation_id = :correlation",
    "tag": "EXISTS (SELECT 1 FROM run_tags AS tag WHERE tag.key = :tag_key AND tag.value = :tag_value"
    " AND tag.run_id = runs.id)",
    "since": "+runs.created_at >= :since",
    "until": "+runs.created_at <= :until",
    "visible": "json_extract(runs.doc, '$.archived_at') IS NULL",
}
_FROM: Final = (
    "(SELECT edge.id FROM runs AS edge INDEXED BY runs_by_created"
    " WHERE edge.created_at >= :since - :slack ORDER BY edge.created_at LIMIT 1)"
)
# One bound, not two: of two upper bounds SQLite walks from the first and only filters by the other.
_BELOW: Final = (
    "min(:before, 1 + coalesce((SELECT edge.id FROM runs AS edge INDEXED BY runs_by_created"
    " WHERE edge.created_at <= :until + :slack ORDER BY edge.created_at DESC LIMIT 1), 0))"
)
# Of a bounded page that sees every run: ids are counted instead of rows.
_DOWN: Final = (
    "SELECT floor FROM (SELECT min({top}, 1 + (SELECT max(id) FROM runs)) - :span AS floor) WHERE floor > {end}"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter as the statements need it: the names of its conditions, and their values."""

    names: frozenset[str]
    values: Mapping[str, Any]


def wanted_by(chosen: RunFilter, limit: int, before: int | None, span: int = SPAN) -> Wanted:
    """The conditions of a page; a tag is `key=value`, or `key` for one without a value."""
    values: dict[str, Any] = {"before": NEWEST if before is None else before, "limit": min(limit, LONGEST)}
    values["span"] = span
    names = set()
    for name, value in _given(chosen):
        names.add(name)
        values[name] = value
    if chosen.state is not None:
        names.add("ended" if chosen.state in FINAL else "open")
        values["state"] = chosen.state.value
    if chosen.tag is not None:
        names.add("tag")
        values["tag_key"], _, values["tag_value"] = chosen.tag.partition("=")
    if names & {"since", "until"}:
        values["slack"] = SLACK // timedelta(microseconds=1)
    if not chosen.archived:
        names.add("visible")
    return Wanted(frozenset(names), values)


def walks(wanted: Wanted) -> Sequence[Walk]:
    """The ways worth a look, the most promising first; where there is only one, it need not be measured."""
    for walk in SHORT:
        if walk.answers <= wanted.names:
            return (walk,)
    fitting = [walk for walk in LONG if walk.answers <= wanted.names]
    # A walk whose conditions another one answers as well is the longer one.
    best = [walk for walk in fitting if not any(walk.answers < other.answers for other in fitting)]
    return best or (PLAIN,)


def page_statement(walk: Walk, wanted: Wanted, columns: str, *, bounded: bool = False) -> str:
    """The statement that reads a page by this walk; a bounded one looks at no more than `:span` rows."""
    conditions = _conditions(walk, wanted)
    if bounded and not wanted.names <= walk.answers:
        conditions.append(f"{walk.key} >= coalesce(({floor_statement(walk, wanted)}), 0)")
    conditions += [_CHECKS[name] for name in sorted(wanted.names - walk.answers)]
    join = " CROSS JOIN runs ON runs.id = tags.run_id" if walk is BY_TAG else ""
    parts = ("SELECT", columns, "FROM", _source(walk) + join, "WHERE", " AND ".join(conditions))
    return " ".join((*parts, "ORDER BY", walk.key, "DESC LIMIT :limit"))


def length_statement(walk: Walk, wanted: Wanted) -> str:
    """The statement that measures a walk, and gives up counting at `FEW`."""
    inner = " ".join(("SELECT 1 FROM", _source(walk), "WHERE", " AND ".join(_conditions(walk, wanted))))
    return " ".join(("SELECT count(*) FROM (", inner, "LIMIT", str(FEW), ")"))


def floor_statement(walk: Walk, wanted: Wanted) -> str:
    """The statement that says down to which id a bounded page looks; no row: to the last of all."""
    if walk is PLAIN:
        end = _FROM if "since" in wanted.names else "(SELECT min(id) FROM runs)"
        return _DOWN.format(top=_below(wanted), end=end)
    conditions = " AND ".join(_conditions(walk, wanted))
    inner = ("SELECT", walk.key, "FROM", _source(walk), "WHERE", conditions)
    return " ".join((*inner, "ORDER BY", walk.key, "DESC LIMIT 1 OFFSET :span - 1"))


def _source(walk: Walk) -> str:
    if walk is BY_TAG:
        return "run_tags AS tags"
    return f"runs INDEXED BY {walk.index}" if walk.index else "runs"


def _conditions(walk: Walk, wanted: Wanted) -> list[str]:
    begin = [f"{walk.key} >= {_FROM}"] if "since" in wanted.names else []
    return [*walk.conditions, f"{walk.key} < {_below(wanted)}", *begin]


def _below(wanted: Wanted) -> str:
    return _BELOW if "until" in wanted.names else ":before"


def _given(chosen: RunFilter) -> list[tuple[str, Any]]:
    pattern = chosen.task is not None and not _PATTERN.isdisjoint(chosen.task)
    named = {
        "like" if pattern else "task": chosen.task,
        "trigger": chosen.trigger and chosen.trigger.value,
        "external": chosen.external_id,
        "correlation": chosen.correlation_id,
        "since": micros_or_none(chosen.since),
        "until": micros_or_none(chosen.until),
    }
    return [(name, value) for name, value in named.items() if value is not None]
