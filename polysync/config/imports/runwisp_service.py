"""`[services.*]` of a RunWisp file, in its old and its new words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from polysync.config.imports import runwisp_values as values
from polysync.config.imports.findings import Finding, adjusted, kept, noted, skipped
from polysync.config.imports.runwisp_process import DAY, UNIT, up_to
from polysync.config.imports.runwisp_task import BACKOFF, notifiers
from polysync.config.imports.runwisp_values import Around, Rule, always, as_is
from polysync.domain.errors import ValueProblem
from polysync.domain.quantity import format_span

_EVERY: Final = re.compile(r"@every\s+(\S+)")
_FAST_FAILURES: Final = 3  # RunWisp's default of restart_attempts


def _attempts(value: Any, _around: Around) -> Finding:
    """RunWisp gives up after more failures than this, we after this many."""
    count = values.whole(value, 0, 100) + 1
    return adjusted(f"becomes restart_attempts = {count}: here it is the failure that ends it", restart_attempts=count)


def _depends_on(value: Any, around: Around) -> Finding:
    wanted = values.texts(value)
    known = [around.services[name] for name in wanted if name in around.services]
    if len(known) < len(wanted):
        return adjusted("a service that it names was not imported", depends_on=known)
    return kept(depends_on=known)


def _notify(value: Any, around: Around) -> Finding:
    found, notes = notifiers(value, around)
    made = {"notify_on_failure": found} if found else {}
    return adjusted(notes, **made) if notes else Finding(made, reason="" if made else "empty: nobody is told")


def _check_every(value: Any) -> dict[str, Any]:
    found = _EVERY.fullmatch(values.plain(value).strip())
    if found is None:
        raise ValueProblem("health_check.cron is a schedule; only @every can become every")
    return {"every": _at_least(values.span(found[1]), timedelta(seconds=1))}


def _at_least(length: timedelta, least: timedelta) -> timedelta:
    if length < least:
        raise ValueProblem(f"the least that is possible here is {format_span(least)}")
    return length


_CHECK: Final[dict[str, Callable[[Any], dict[str, Any]]]] = {
    "run": lambda value: {"run": values.word(value)},
    "cron": _check_every,
    "timeout": lambda value: {"timeout": _at_least(values.span(value), timedelta(milliseconds=1))},
    "retry_attempts": lambda value: {"retries": values.whole(value, 0, 100)},
}


def _health_check(value: Any, _around: Around) -> Finding:
    if not isinstance(value, dict) or not isinstance(value.get("run"), str) or not value["run"].strip():
        raise ValueProblem("it should be a table with run")
    made: dict[str, Any] = {}
    lost = [key for key in value if key not in _CHECK]
    for key, item in value.items():
        if key in _CHECK:
            made |= _CHECK[key](item)
    if lost:
        return adjusted(f"becomes health_check, without {', '.join(sorted(lost))}", health_check=made)
    return kept(health_check=made)


_NOT_HERE: Final = skipped("a service has no such key")
RULES: Final[dict[str, Rule]] = UNIT | {
    "run": lambda value, _around: kept(run=values.word(value)),
    "restart": as_is("restart", lambda v: values.one_of(v, {w: w for w in ("always", "on_failure", "never")})),
    "instances": as_is("instances", lambda value: values.whole(value, 1, 64)),
    "restart_delay": up_to("restart_delay", DAY),
    "restart_backoff": as_is("restart_backoff", lambda value: values.one_of(value, BACKOFF)),
    "healthy_after": up_to("healthy_after", DAY),
    "backoff_reset_after": up_to("healthy_after", DAY),
    "restart_attempts": _attempts,
    "start_retries": _attempts,
    "priority": always(skipped("services start as depends_on says, the others together")),
    "autostart": as_is("autostart", values.flag),
    "depends_on": _depends_on,
    "health_check": _health_check,
    "notify": _notify,
    "notify_on_failure": _notify,
    "notify_on_success": always(noted("a service that ends without a failure is only restarted")),
    "notify_on_missed": always(_NOT_HERE),
    "manual_trigger": always(skipped("use [access] to say who may start and stop services")),
    "api_trigger": always(skipped("use [access] to say who may start and stop services")),
    "hook_tokens": always(skipped("a webhook starts a task here, not a service")),
    "failures": always(skipped("every end with another code than 0 is a failure of a service")),
    **dict.fromkeys(("cron", "jitter", "run_on_start", "catch_up", "on_overlap", "max_concurrent"), always(_NOT_HERE)),
    **dict.fromkeys(("retry_attempts", "retry_delay", "retry_backoff", "params", "timezone"), always(_NOT_HERE)),
    **dict.fromkeys(("max_queued", "queue_max", "parallelism", "max_catch_up_runs", "timeout"), always(_NOT_HERE)),
}
INHERITED: Final = (
    "healthy_after",
    "backoff_reset_after",
    "restart_attempts",
    "start_retries",
    "restart_delay",
    "restart_backoff",
)


def finish(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a service, once all of its entries were read."""
    if not keys.get("run", "").strip():
        raise ValueProblem("it has no run")
    ours = {key: value for key, value in keys.items() if not key.startswith("_")}
    return ours | {"restart_attempts": keys.get("restart_attempts", _FAST_FAILURES + 1)}
