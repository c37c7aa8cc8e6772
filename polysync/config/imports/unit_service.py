"""`*.service` units as the keys of a task or of a service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from polysync.config.imports.findings import Finding, adjusted, kept, noted, skipped
from polysync.config.imports.unit_exec import Commands, Line, read_lines
from polysync.config.imports.unit_file import Directive, Standing, Unit
from polysync.config.imports.unit_process import RULES, SYSTEMD_PATH, Rule
from polysync.config.imports.unit_remarks import remark
from polysync.config.imports.unit_values import Specifiers, span
from polysync.domain.errors import ValueProblem

_WEEK: Final = timedelta(days=7)
_STATUS_NAMES: Final = {
    "USAGE": 64, "DATAERR": 65, "NOINPUT": 66, "NOUSER": 67, "NOHOST": 68, "UNAVAILABLE": 69, "SOFTWARE": 70,
    "OSERR": 71, "OSFILE": 72, "CANTCREAT": 73, "IOERR": 74, "TEMPFAIL": 75, "PROTOCOL": 76, "NOPERM": 77, "CONFIG": 78,
}  # fmt: skip
_SIGNALS: Final = {"SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGABRT": 6, "SIGKILL": 9, "SIGUSR1": 10, "SIGUSR2": 12,
                   "SIGPIPE": 13, "SIGALRM": 14, "SIGTERM": 15}  # fmt: skip
_HIGHEST: Final = 255  # what fits into an exit status
_TEMPORARY: Final = 75  # the default of intermediate_codes


class Role(StrEnum):
    """What a service unit becomes."""

    TIMED = "a task with a schedule"
    ONCE = "a task"
    SERVICE = "a service"


@dataclass(frozen=True, slots=True)
class Converted:
    """The keys that a service unit came to, and what is said about each of its lines."""

    keys: dict[str, Any]
    said: list[tuple[Directive, Finding]]


def kind_of(unit: Unit) -> str:
    """The Type= of a unit."""
    return unit.last("Service", "Type") or ("simple" if unit.live("Service", "ExecStart") else "oneshot")


def _codes(value: str) -> list[int]:
    found = []
    for word in value.split():
        if word.isascii() and word.isdigit() and int(word) <= _HIGHEST:
            found.append(int(word))
        elif word in _STATUS_NAMES:
            found.append(_STATUS_NAMES[word])
        elif word in _SIGNALS:
            found.append(128 + _SIGNALS[word])
        else:
            raise ValueProblem(f"{word} is not an exit status that is known here")
    return found


def _success(value: str, _specifiers: Specifiers) -> Finding:
    return kept(success_codes=[0, *_codes(value)])


def _fatal(value: str, _specifiers: Specifiers) -> Finding:
    return adjusted("becomes fatal_codes: a failure that is not retried", fatal_codes=_codes(value))


def _limit(key: str, most: timedelta | None = None) -> Rule:
    """A span that becomes `key`; infinity is no limit."""

    def rule(value: str, _specifiers: Specifiers) -> Finding:
        length = span(value)
        if not length:
            return noted("no limit, as here by default")
        return kept(**{key: length if most is None else min(length, most)})

    return rule


def _delay(key: str) -> Rule:
    def rule(value: str, _specifiers: Specifiers) -> Finding:
        length = span(value)
        return skipped("it never comes; set it by hand") if length is None else kept(**{key: min(length, _WEEK)})

    return rule


def _restart_task(value: str, _specifiers: Specifiers) -> Finding:
    if value == "no":
        return noted("no retries, as here by default")
    if value in {"always", "on-success"}:
        return skipped("a task does not start again after a success; give it a cron, or make it a service")
    how = "becomes restart: attempts without limit; write retry_attempts instead for a limit"
    return adjusted(how, restart="on_failure")


def _restart_service(value: str, _specifiers: Specifiers) -> Finding:
    if value in {"no", "always"}:
        return kept(restart="always" if value == "always" else "never")
    if value == "on-success":
        return adjusted("a service does not start again only after a success; restart is never", restart="never")
    if value == "on-failure":
        return kept(restart="on_failure")
    return adjusted(f"{value} is narrower than on_failure, which counts every failure", restart="on_failure")


def _burst(value: str, _specifiers: Specifiers) -> Finding:
    if not re.fullmatch(r"\d{1,3}", value, re.ASCII):
        return skipped("not a number up to 999")
    if int(value) == 0:
        return noted("no limit, as here by default")
    return adjusted("becomes restart_attempts: failures in a row before healthy_after", restart_attempts=int(value))


def _timeout_both(key: str) -> Rule:
    def rule(value: str, specifiers: Specifiers) -> Finding:
        stop = RULES["TimeoutStopSec"](value, specifiers)
        start = _limit(key)(value, specifiers).keys if key else {}
        return Finding({**start, **stop.keys}, stop.mark, stop.reason)

    return rule


def _said(finding: Finding) -> Rule:
    return lambda _value, _specifiers: finding


_START_ONLY: Final = _said(noted("it limits the time to get ready, which is not looked at"))
_NO_BURST: Final = _said(noted("starts are limited by the retry settings, not by a rate"))
_TASK: Final[dict[str, Rule]] = {
    "RuntimeMaxSec": _limit("timeout"),
    "TimeoutStartSec": _START_ONLY,
    "TimeoutSec": _timeout_both(""),
    "Restart": _restart_task,
    "RestartSec": _delay("retry_delay"),
    "RestartMaxDelaySec": _delay("retry_max_delay"),
    "SuccessExitStatus": _success,
    "RestartPreventExitStatus": _fatal,
    "StartLimitBurst": _NO_BURST,
}
_ONESHOT: Final[dict[str, Rule]] = _TASK | {
    "TimeoutStartSec": _limit("timeout"),
    "TimeoutSec": _timeout_both("timeout"),
}
_SERVICE: Final[dict[str, Rule]] = {
    "RuntimeMaxSec": _said(skipped("a service has no time limit; write a task with a timeout if it should end")),
    "TimeoutStartSec": _START_ONLY,
    "TimeoutSec": _timeout_both(""),
    "Restart": _restart_service,
    "RestartSec": _delay("restart_delay"),
    "RestartMaxDelaySec": _delay("restart_max_delay"),
    "SuccessExitStatus": _said(skipped("a service has no other success than exit code 0")),
    "RestartPreventExitStatus": _said(skipped("every failure of a service is restarted as restart says")),
    "StartLimitBurst": _burst,
}
_BOTH: Final[dict[str, Rule]] = RULES | {
    "Type": _said(noted("it decided what the unit becomes")),
    "RestartSteps": _said(skipped("the delay grows as retry_backoff or restart_backoff says")),
    "StartLimitIntervalSec": _NO_BURST,
    "StartLimitInterval": _NO_BURST,
}


def _wanted(role: Role) -> Finding:
    if role is Role.SERVICE:
        return Finding(reason="becomes autostart, which is on by default")
    return adjusted('becomes run_on_start = "boot": once per boot, when the daemon starts', run_on_start="boot")


def _exec_finding(key: str, role: Role, lines: tuple[Line, ...], *, oneshot: bool) -> Finding:
    notes = [note for line in lines for note in line.notes]
    if key == "ExecStart":
        return adjusted("; ".join(notes)) if notes else Finding(reason="becomes command or run")
    if key == "ExecCondition":
        if role is Role.SERVICE:
            return skipped("a service starts without conditions")
        return adjusted("; ".join(["runs first in the script; a failure of it makes the run skipped", *notes]))
    if key == "ExecStartPost" and not oneshot:
        return skipped("nothing runs beside a process after its start; add a task or a script")
    return adjusted("; ".join(["runs in the same script", *notes]))


def _lines(unit: Unit, key: str, specifiers: Specifiers) -> tuple[Line, ...]:
    return tuple(line for value in unit.live("Service", key) for line in read_lines(value, specifiers))


def read_commands(unit: Unit, role: Role) -> Commands:
    """The commands of a unit; ValueProblem where one of them cannot be carried over."""
    specifiers = Specifiers(unit.name)
    conditions: tuple[Line, ...] = () if role is Role.SERVICE else _lines(unit, "ExecCondition", specifiers)
    once = kind_of(unit) == "oneshot" and role is not Role.SERVICE
    after = _lines(unit, "ExecStartPost", specifiers) if once else ()
    main = _lines(unit, "ExecStart", specifiers)
    if not main:
        raise ValueProblem("it has no ExecStart")
    return Commands(conditions, _lines(unit, "ExecStartPre", specifiers), main, after)


@dataclass(frozen=True, slots=True)
class _Reader:
    """What the rules for one unit have to know."""

    specifiers: Specifiers
    role: Role
    oneshot: bool

    @property
    def rules(self) -> Mapping[str, Rule]:
        """The rules of a unit in this role."""
        return _SERVICE if self.role is Role.SERVICE else _ONESHOT if self.oneshot else _TASK

    def read(self, directive: Directive) -> Finding:
        """What one directive comes to."""
        key, value = directive.key, directive.value
        if key == "Description":
            return kept(description=self.specifiers.resolve(value))
        if key in {"WantedBy", "RequiredBy"}:
            return _wanted(self.role)
        if key in {"ExecStart", "ExecStartPre", "ExecStartPost", "ExecCondition"}:
            return _exec_finding(key, self.role, tuple(read_lines(value, self.specifiers)), oneshot=self.oneshot)
        rule = self.rules.get(key) or _BOTH.get(key)
        return rule(value, self.specifiers) if rule else remark(key)

    def finding(self, directive: Directive, standing: Standing) -> Finding:
        """The same for a directive that may not count, or cannot be read."""
        if standing is not Standing.LIVE:
            return noted(standing.value)
        try:
            return self.read(directive)
        except ValueProblem as problem:
            return skipped(problem.message)


def _merged(findings: list[Finding]) -> dict[str, Any]:
    """All keys together; environments and files of them add up."""
    keys: dict[str, Any] = {"env": {}}
    sums: dict[str, dict[Any, None]] = {}
    for finding in findings:
        for key, value in finding.keys.items():
            if key in {"success_codes", "fatal_codes", "env_file"}:
                sums.setdefault(key, {}).update(dict.fromkeys(value))
            elif key == "env":
                keys["env"].update(value)
            else:
                keys[key] = value
    keys |= {key: list(items) for key, items in sums.items()}
    _separate_codes(keys)
    user, group = keys.pop("_user", None), keys.pop("_group", None)
    if user or group:
        keys["user"] = f"{user or 'root'}:{group}" if group else user
    return keys


def _separate_codes(keys: dict[str, Any]) -> None:
    """An exit code means one thing: success wins, and the default for temporary failures gives way."""
    if "fatal_codes" in keys:
        keys["fatal_codes"] = [code for code in keys["fatal_codes"] if code not in keys.get("success_codes", [0])]
    if _TEMPORARY in {*keys.get("success_codes", []), *keys.get("fatal_codes", [])}:
        keys["intermediate_codes"] = []


def convert(unit: Unit, role: Role) -> Converted:
    """What a unit comes to in its role; ValueProblem where its commands cannot be carried over."""
    commands = read_commands(unit, role)
    reader = _Reader(Specifiers(unit.name), role, kind_of(unit) == "oneshot")
    said = [(directive, reader.finding(directive, standing)) for directive, standing in unit.standing]
    keys = _merged([finding for _, finding in said])
    env = {"PATH": SYSTEMD_PATH} | keys.pop("env")
    surroundings = {
        "working_dir": "/",
        "graceful_stop": timedelta(seconds=90),
    }  # what systemd takes where a unit says nothing
    ours = {**surroundings, **keys, "env_base": "clean", "env": env}
    if role is Role.SERVICE:
        ours = {"restart": "never"} | ours
        ours |= {"autostart": False} if not unit.live("Install", "WantedBy") else {}
        ours |= {"restart_backoff": "constant"} if "restart_delay" in ours and "restart_max_delay" not in ours else {}
    description = ours.pop("description", None)
    return Converted(({"description": description} if description else {}) | commands.keys() | ours, said)
