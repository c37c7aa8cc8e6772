"""`*.timer` units as the schedule keys of a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal

from polysync.config.imports import agreement
from polysync.config.imports.calendar_event import read_event
from polysync.config.imports.findings import Finding, adjusted, kept, noted, skipped
from polysync.config.imports.unit_file import Directive, Standing, Unit
from polysync.config.imports.unit_remarks import remark
from polysync.config.imports.unit_values import span, switch
from polysync.domain.errors import ValueProblem
from polysync.domain.quantity import format_span

_DAY: Final = timedelta(days=1)
_SHORTEST: Final = timedelta(seconds=1)
_LONGEST_START: Final = timedelta(days=366)


@dataclass(slots=True)
class Plan:
    """What the timer says so far about when the task runs."""

    name: str
    cron: list[str] = field(default_factory=list)
    zone: str | None = None
    calendars: int = 0
    both_days: bool = False
    on_start: bool | str = False
    delay: timedelta = timedelta(0)
    catch_up: str = "skip"
    jitter: timedelta = timedelta(0)

    def keys(self) -> dict[str, Any]:
        """The keys of the task; a delay after the start only fits where nothing else is delayed by it."""
        wanted = {
            "cron": self.cron[0] if len(self.cron) == 1 else self.cron,
            "run_on_start": self.on_start,
            "start_after": timedelta(0) if self.cron else self.delay,
            "timezone": self.zone,
            "day_match": "all" if self.both_days else "",
            "jitter": self.jitter,
            "catch_up": self.catch_up if self.cron else "",
        }
        return {key: value for key, value in wanted.items() if value}

    @property
    def idle(self) -> bool:
        """Whether nothing starts the task."""
        return not self.cron and not self.on_start


def _calendar(plan: Plan, value: str) -> Finding:
    event = read_event(value)
    agreement.check(event.cron, plan.name)
    if plan.calendars and event.zone != plan.zone:
        return skipped("a task has one time zone; write a second task for this one")
    plan.calendars += 1
    plan.zone = event.zone
    plan.both_days = plan.both_days or event.both_days
    plan.cron.append(event.cron)
    return Finding({"cron": event.cron}, reason=f"becomes cron {event.cron}")


def _length(value: str) -> timedelta:
    length = span(value)
    if length is None:
        raise ValueProblem("it never comes")
    return length


def _at_start(word: Literal[True, "boot"], moment: str) -> Callable[[Plan, str], Finding]:
    def rule(plan: Plan, value: str) -> Finding:
        plan.on_start = word
        plan.delay = min(_length(value), _LONGEST_START)
        shown = '"boot"' if word == "boot" else "true"
        how = "its delay becomes start_after, unless the task has a cron too, and counts from the daemon's start"
        return adjusted(f"{moment}: becomes run_on_start = {shown}; {how}")

    return rule


def _every(after: str) -> Callable[[Plan, str], Finding]:
    def rule(plan: Plan, value: str) -> Finding:
        length = _length(value)
        if length < _SHORTEST:
            return skipped("shorter than a second; write a service instead")
        every = f"@every {format_span(length)}"
        plan.cron.append(every)
        return adjusted(f"becomes cron {every}; there it counted from {after}, here it is a fixed beat")

    return rule


def _persistent(plan: Plan, value: str) -> Finding:
    plan.catch_up = "latest" if switch(value) else "skip"
    return kept(catch_up=plan.catch_up)


def _jitter(plan: Plan, value: str) -> Finding:
    plan.jitter = min(_length(value), _DAY)
    if _length(value) > _DAY:
        return adjusted("becomes jitter of one day, the longest there is")
    return adjusted("becomes jitter; the delay is now always the same for one slot, not drawn anew")


def _said(finding: Finding) -> Callable[[Plan, str], Finding]:
    return lambda _plan, _value: finding


_RULES: Final[dict[str, Callable[[Plan, str], Finding]]] = {
    "OnCalendar": _calendar,
    "OnBootSec": _at_start("boot", "after boot"),
    "OnStartupSec": _at_start("boot", "after the start of systemd"),
    "OnActiveSec": _at_start(word=True, moment="after the timer's start"),
    "OnUnitActiveSec": _every("the start of the run before"),
    "OnUnitInactiveSec": _every("the end of the run before"),
    "Persistent": _persistent,
    "RandomizedDelaySec": _jitter,
    "RandomizedOffsetSec": _jitter,
    "FixedRandomDelay": _said(noted("jitter is always fixed, per task and slot")),
    "AccuracySec": _said(noted("runs start at their second; jitter spreads them where that is wanted")),
    "Unit": _said(noted("the service that the timer starts")),
    "WakeSystem": _said(skipped("a sleeping host is not woken; catch_up says what happens afterwards")),
    "RemainAfterElapse": _said(noted("a schedule stays as long as it stands in the file")),
    "DeferReactivation": _said(noted("a slot is never moved by a long run; see on_overlap")),
    "OnClockChange": _said(skipped("a clock change starts nothing; slots it steps over are subject to catch_up")),
    "OnTimezoneChange": _said(skipped("a change of the host's zone starts nothing")),
}
_UNIT_NOTES: Final = {
    "Description": noted("the description of the service is used, or this one where it has none"),
    "WantedBy": noted("the task fires as long as it stands in the file; enabled = false keeps it without firing"),
    "RequiredBy": noted("the task fires as long as it stands in the file"),
}


def _finding(plan: Plan, directive: Directive) -> Finding:
    if directive.section != "Timer":
        return _UNIT_NOTES.get(directive.key) or remark(directive.key)
    rule = _RULES.get(directive.key)
    if rule is None:
        return remark(directive.key)
    try:
        return rule(plan, directive.value)
    except ValueProblem as problem:
        return skipped(problem.message)


def read_timer(unit: Unit, name: str) -> tuple[Plan, list[tuple[Directive, Finding]]]:
    """When the timer fires, and what is said about each of its lines."""
    plan = Plan(name)
    said = [
        (directive, _finding(plan, directive) if standing is Standing.LIVE else noted(standing.value))
        for directive, standing in unit.standing
    ]
    return plan, said


def target(unit: Unit) -> str:
    """The unit that a timer starts."""
    return unit.last("Timer", "Unit") or unit.name.removesuffix(".timer") + ".service"
