"""Notifiers and routes of a RunWisp file, in its old and its new words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from polysync.config.imports import runwisp_values as values
from polysync.config.imports.findings import Finding, adjusted, kept, noted, skipped
from polysync.config.imports.runwisp_task import notifiers
from polysync.config.imports.runwisp_values import Around, Rule, always
from polysync.config.imports.wording import names_secret
from polysync.config.kinds import NOTIFIER_TYPES
from polysync.domain.errors import ValueProblem

_KINDS: Final = {
    "started": "run.started",
    "succeeded": "run.succeeded",
    "success": "run.succeeded",
    "failed": "run.failed",
    "timeout": "run.timeout",
    "crashed": "run.crashed",
    "log_overflow": "run.failed",
    "start_failed": "run.failed",
    "unhealthy": "service.stopped",
    "queue_full": "run.skipped",
    "skipped": "run.skipped",
    "stopped": "run.cancelled",
    "daemon_stopped": "run.cancelled",
    "missed": "run.missed",
    "service.fatal": "service.fatal",
    "log.disk_pressure": "disk.low",
}
_WIDER: Final = frozenset(("log_overflow", "start_failed", "unhealthy", "queue_full", "daemon_stopped"))
_FAILURES: Final = ("run.failed", "run.timeout", "run.crashed", "run.dead", "run.missed", "service.fatal")


def read_notifier(table: Any) -> Finding:
    """One channel; its own keys keep their names."""
    if not isinstance(table, dict):
        raise ValueProblem("it should be a table")
    kind = values.plain(table.get("type", ""))
    if kind not in NOTIFIER_TYPES:
        raise ValueProblem("its type is not known here")
    options = {key: values.anything(item) for key, item in table.items() if key not in {"id", "type", "template_path"}}
    secret = [key for key, item in options.items() if _open_secret(key, item)]
    notes = ["template_path has no counterpart: messages have one form"] if "template_path" in table else []
    notes += [f"{', '.join(secret)} stands in the open: refer to a vault instead"] if secret else []
    return Finding({"type": kind, **options}, adjusted("").mark if notes else kept().mark, "; ".join(notes))


def _open_secret(key: str, value: Any) -> bool:
    return (names_secret(key) or key == "webhook_url") and isinstance(value, str) and "${" not in value


def _events(match: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The events of ours that a route takes, and what should be said about them."""
    kinds = [values.plain(kind) for kind in values.texts(match.get("kinds", match.get("kind", [])))]
    unknown = [kind for kind in kinds if kind not in _KINDS]
    notes = [f"{', '.join(unknown)} is not an event here"] if unknown else []
    wider = sorted(_WIDER.intersection(kinds))
    notes += [f"the events for {', '.join(wider)} are wider here"] if wider else []
    events = list(dict.fromkeys(_KINDS[kind] for kind in kinds if kind in _KINDS))
    failure = match.get("failure")
    if failure is True:
        notes.append("failure is what a run finally came to, after its retries")
        events = [event for event in events if event in _FAILURES] if kinds else list(_FAILURES)
    elif failure is not None:
        raise ValueProblem("only failure = true has a counterpart; write the events by hand")
    if (kinds or failure) and not events:
        raise ValueProblem("; ".join(notes))
    return events, notes


def read_route(table: Any, around: Around) -> Finding:
    """One rule that sends events to channels."""
    match = table.get("match", {}) if isinstance(table, dict) else None
    if not isinstance(match, dict):
        raise ValueProblem("it should be a table")
    names, lost = notifiers(table.get("notifiers", table.get("notify", [])), around)
    if not names:
        raise ValueProblem(lost or "it has no notifiers")
    events, notes = _events(match)
    odd = sorted(match.keys() - {"kinds", "kind", "failure", "task"})
    notes += [lost] if lost else []
    notes += [f"match.{', match.'.join(odd)} has no counterpart"] if odd else []
    notes += [] if events else ["it takes every event, and there are more of them here"]
    made: dict[str, Any] = {"events": events} if events else {}
    made |= {"task": values.text(match["task"])} if match.get("task") else {}
    return Finding({"match": made, "notifiers": names}, adjusted("").mark if notes else kept().mark, "; ".join(notes))


def _global(value: Any, around: Around) -> Finding:
    found, notes = notifiers(value, around)
    return adjusted(notes, append_notifiers=found) if notes else kept(append_notifiers=found)


def _outbound(value: Any, _around: Around) -> Finding:
    if values.flag(value):
        return noted("repeats become one message, as here by default")
    return kept(coalesce_window=values.span("0s"))


_NO_LIMIT: Final = always(skipped("the list of notifications is kept as long as the runs are"))
NOTIFY: Final[dict[str, Rule]] = {
    "global_notifiers": _global,
    "append_notifiers": _global,
    "default_notifiers": _global,
    "coalesce_window": lambda value, _around: kept(coalesce_window=values.span(value)),
    "coalesce_outbound": _outbound,
    "retry_budget": lambda value, _around: kept(retry_budget=values.span(value)),
    "default_timeout": lambda value, _around: kept(retry_budget=values.span(value)),
    "coalesce_limit": always(skipped("one message says how often an event came; there is no list to limit")),
    "occurrence_ring": always(skipped("one message says how often an event came; there is no list to limit")),
    "keep_notifications": _NO_LIMIT,
    "history_keep": _NO_LIMIT,
    "keep_for": _NO_LIMIT,
    "history_keep_for": _NO_LIMIT,
}
