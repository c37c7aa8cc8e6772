"""`[tasks.*]` of a RunWisp file, in its old and its new words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from polysync.config.imports import agreement, runwisp_failures, runwisp_params
from polysync.config.imports import runwisp_values as values
from polysync.config.imports.crontab_command import is_posix
from polysync.config.imports.findings import Finding, adjusted, kept, noted, skipped
from polysync.config.imports.runwisp_process import DAY, UNIT, limit, up_to
from polysync.config.imports.runwisp_values import Around, Rule, always, as_is
from polysync.domain.errors import ValueProblem
from polysync.domain.zone import is_zone

_WEEK: Final = timedelta(days=7)
_LONGEST_WAIT: Final = timedelta(minutes=5)  # the cap of every growing delay of RunWisp's
_SEVERAL: Final = re.compile(r"[\n;&|]")
_CATCH_UP: Final = {"latest": "latest", "all": "all", "skip": "skip"}
_OVERLAP: Final = {"queue": "queue", "skip": "skip", "kill": "terminate", "terminate": "terminate"}
BACKOFF: Final = {"constant": "constant", "linear": "linear", "exponential": "exponential"}


def _cron(value: Any, around: Around) -> Finding:
    expressions = [values.plain(item).strip() for item in values.texts(value)]
    for expression in expressions:
        agreement.check(expression, around.name)
    return (
        kept(cron=expressions[0] if len(expressions) == 1 else expressions)
        if expressions
        else noted("empty: manual only")
    )


def timezone(value: Any, _around: Around) -> Finding:
    """The zone of a unit."""
    zone = values.plain(value)
    return kept(timezone=zone) if is_zone(zone) else skipped("the zone database does not know this zone")


def _run_on_start(value: Any, _around: Around) -> Finding:
    if isinstance(value, bool):
        return kept(run_on_start=value)
    said = values.one_of(value, {"daemon": "true", "boot": "boot"})
    return kept(run_on_start="boot" if said == "boot" else True)


def catch_up(value: Any, _around: Around) -> Finding:
    """A number of missed slots, or the old words."""
    if isinstance(value, str):
        return kept(catch_up=values.one_of(value, _CATCH_UP))
    count = values.whole(value, 0, 10_000)
    if count < 2:
        return kept(catch_up="latest" if count else "skip")
    return kept(catch_up="all", max_catch_up_runs=count)


def _queue(value: Any, _around: Around) -> Finding:
    count = values.whole(value, 0, 10_000)
    if count:
        return kept(queue_max=count)
    return adjusted('nothing waits: becomes on_overlap = "skip", if it was "queue"', _unqueued=True)


def _failures(value: Any, around: Around) -> Finding:
    tokens = runwisp_failures.read_tokens(value, around.failures)
    found = runwisp_failures.as_keys(tokens)
    return Finding(
        {**found.keys, "_missed": "missed" in tokens}, found.mark, found.reason or "becomes the exit codes of success"
    )


def notifiers(value: Any, around: Around) -> tuple[list[str], str]:
    """The notifiers of ours in a list, and what could not be kept of it."""
    found, notes = [], []
    for item in values.texts(value):
        name, _, target = item.partition(":")
        if name not in around.notifiers:
            notes.append(f"{name!a} is not a notifier of this file")
            continue
        found.append(around.notifiers[name])
        notes += [f"the target {target!a} belongs into a notifier of its own"] if target else []
    return list(dict.fromkeys(found)), "; ".join(notes)


def _notify(*keys: str) -> Rule:
    def rule(value: Any, around: Around) -> Finding:
        found, notes = notifiers(value, around)
        made = dict.fromkeys(keys, found) if found else {}
        return adjusted(notes, **made) if notes else Finding(made, reason="" if made else "empty: nobody is told")

    return rule


def _restart(value: Any, _around: Around) -> Finding:
    word = values.one_of(value, {"never": "never", "on_failure": "on_failure", "always": "always"})
    if word == "always":
        return skipped("a task does not start again after a success; make it a service")
    return kept(restart=word)


def _params(value: Any, _around: Around) -> Finding:
    params = runwisp_params.read_params(value)
    made = (
        {"parameters": runwisp_params.as_parameters(params), "_prologue": runwisp_params.prologue(params)}
        if params
        else {}
    )
    lost = sorted({key for param in params for key in param.lost})
    how = "becomes parameters, with lines at the head of the script that pass them on"
    if lost:
        return Finding(made, adjusted("").mark, f"{how}; {', '.join(lost)} can be kept in a job's parameter schema")
    return Finding(made, reason=how)


def _hooks(value: Any, _around: Around) -> Finding:
    count = len(value) if isinstance(value, list) else 1
    return skipped(f"{count} of them; write [webhooks.NAME] with task and a secret from a vault")


_NOT_HERE: Final = skipped("RunWisp does not know it on a task either")
RULES: Final[dict[str, Rule]] = UNIT | {
    "run": lambda value, _around: kept(run=values.word(value)),
    "cron": _cron,
    "timezone": timezone,
    "jitter": up_to("jitter", DAY),
    "run_on_start": _run_on_start,
    "manual_trigger": as_is("api_trigger", values.flag),
    "api_trigger": as_is("api_trigger", values.flag),
    "hook_tokens": _hooks,
    "catch_up": catch_up,
    "max_catch_up_runs": as_is("max_catch_up_runs", lambda value: values.whole(value, 1, 10_000)),
    "timeout": limit("timeout"),
    "max_concurrent": as_is("max_concurrent", lambda value: values.whole(value, 1, 1024)),
    "parallelism": as_is("max_concurrent", lambda value: values.whole(value, 1, 1024)),
    "max_queued": _queue,
    "queue_max": _queue,
    "on_overlap": as_is("on_overlap", lambda value: values.one_of(value, _OVERLAP)),
    "retry_attempts": as_is("retry_attempts", lambda value: values.whole(value, 0, 100)),
    "retry_delay": up_to("retry_delay", _WEEK),
    "retry_backoff": as_is("retry_backoff", lambda value: values.one_of(value, BACKOFF)),
    "failures": _failures,
    "exit_codes": always(skipped("say in success_codes which exit codes are a success")),
    "treat_missed_as_failure": always(
        noted("a missed slot shows as skipped/missed; name notifiers in notify_on.missed")
    ),
    "notify": _notify("notify_on_failure", "_notify"),
    "notify_on_failure": _notify("notify_on_failure"),
    "notify_on_success": _notify("notify_on_success"),
    "notify_on_missed": _notify("_missed_notifiers"),
    "params": _params,
    "restart": _restart,
    **dict.fromkeys(
        ("healthy_after", "instances", "autostart", "depends_on", "health_check", "priority"), always(_NOT_HERE)
    ),
}


def _is_posix(keys: Mapping[str, Any]) -> bool:
    return is_posix(keys.get("shell", keys.get("_shell", "/bin/sh")))


def _script(keys: Mapping[str, Any]) -> str:
    """RunWisp ends a script at its first failure, so ours says that too."""
    run, prologue = keys["run"], keys.get("_prologue", "")
    body = f"{prologue}{run}"
    if _is_posix(keys) and _SEVERAL.search(body.strip()):
        return f"set -e\n{body}"
    return body


def _missed(keys: Mapping[str, Any]) -> list[str]:
    from_notify = keys.get("_notify", []) if keys.get("_missed", True) else []
    return list(dict.fromkeys([*keys.get("_missed_notifiers", []), *from_notify]))


def finish(keys: dict[str, Any]) -> dict[str, Any]:
    """The keys of a task, once all of its entries were read."""
    if not keys.get("run", "").strip():
        raise ValueProblem("it has no run")
    if keys.get("_prologue") and not _is_posix(keys):
        raise ValueProblem("its parameters need a POSIX shell to be passed on; write the task by hand")
    if {runwisp_params.variable(name) for name in keys.get("parameters", {})} & keys.get("env", {}).keys():
        raise ValueProblem("a variable in env has the name of a parameter's; write the task by hand")
    extra: dict[str, Any] = {"run": _script(keys)}
    if keys.get("_unqueued") and keys.get("on_overlap", "queue") == "queue":
        extra["on_overlap"] = "skip"
    if keys.get("retry_backoff", "constant") != "constant":
        extra["retry_max_delay"] = _LONGEST_WAIT
    if _missed(keys):
        extra["notify_on"] = {"missed": _missed(keys)}
    if keys.get("restart") == "on_failure":
        extra["retry_attempts"] = None  # its attempts have no limit, and naming one would contradict
    whole = {**keys, **extra}
    return {key: value for key, value in whole.items() if not key.startswith("_") and value is not None}


def refuse(table: Any) -> None:
    """Raise ValueProblem for a unit that Polysync cannot run at all."""
    if not isinstance(table, dict):
        raise ValueProblem("it should be a table")
    if table.get("sdk"):
        raise ValueProblem("it runs inside an SDK application; start that from a script, or make it a service")
    compose = [key for key in table if key.startswith("compose_")]
    if compose:
        raise ValueProblem("it runs in a compose service; use a platform of type docker, or docker compose exec in run")
