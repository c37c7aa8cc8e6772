"""Schedules: calendars that leave no day, and clock changes that leave no slot."""

from __future__ import annotations

from datetime import date, datetime
from operator import attrgetter
from typing import Any, Final

from polysync.config.checks.survey import Survey, spoken
from polysync.config.layers import Unit, is_reboot
from polysync.config.lines import KeyPath
from polysync.config.wording import quoted
from polysync.domain.cron import parse
from polysync.domain.cronfield import is_spread
from polysync.domain.definition import Substituted
from polysync.domain.errors import ValueProblem
from polysync.domain.schedule import timetable_of, unserved_changes
from polysync.domain.shape import keys_of
from polysync.domain.task import RetryOn, RetryOverride, Task
from polysync.domain.values import Roll

_ALL_ALIKE: Final = RetryOn()
YEARS: Final = 2  # every zone that changes its clock does so within that time
_SCHEDULE: Final = attrgetter(
    "cron", "timezone", "dst_gap", "dst_fold", "day_match", "only_on", "skip_on", "roll"
)  # with the name where `H` stands, all that the times of a task follow from


def check_crons(unit: Unit, survey: Survey) -> None:
    """Every cron expression that stands in a task's or template's own table."""
    raw = survey.tables["tasks"][str(unit.path[1])].raw.get("cron")
    task: Task = unit.made
    for index, text in enumerate(unit.said.values.get("cron", ()) if raw is not None else ()):
        path: KeyPath = (*unit.path, "cron", index) if isinstance(raw, list) else (*unit.path, "cron")
        try:
            if not is_reboot(text):
                parse(text, task.name, task.day_match)
        except ValueProblem as problem:
            hidden = ValueProblem(f"what {quoted(text)} gives is not a cron expression")
            survey.findings.value_problem(path, hidden if isinstance(text, Substituted) else problem)


def check_task(unit: Unit, survey: Survey) -> None:
    """Calendars that contradict each other, and lengths that leave no time to start."""
    task: Task = unit.made
    if task.roll is not Roll.SKIP and task.cron:
        _rolling(unit, survey)
    for name in set(task.only_on) & set(task.skip_on):
        message = f"{quoted(name)} is in only_on too, so the task would never run"
        survey.findings.error(spoken(unit, "skip_on", survey), message, "keep one of them")
    if task.expires_after is not None and task.start_after >= task.expires_after:
        message = "the task expires before start_after lets it start"
        survey.findings.error(spoken(unit, "expires_after", survey), message, "make it longer than start_after")
    if task.timeout is not None and task.max_duration is not None and task.timeout > task.max_duration:
        survey.findings.warn(
            spoken(unit, "timeout", survey), "is longer than max_duration, which ends the attempt first"
        )
    _cut_delays(unit, survey)


def _cut_delays(unit: Unit, survey: Survey) -> None:
    """A warning for each retry delay that the longest one cuts: the task's, and those by outcome."""
    task: Task = unit.made
    message, hint = "is longer than retry_max_delay, which cuts it", "set retry_max_delay too"
    if task.retry_delay > task.retry_max_delay:
        survey.findings.warn(spoken(unit, "retry_delay", survey), message, hint)
    if task.retry_on == _ALL_ALIKE:
        return
    for outcome in keys_of(RetryOn):
        policy: RetryOverride | None = getattr(task.retry_on, outcome)
        if policy is None or policy.retry_delay is None:
            continue
        longest = task.retry_max_delay if policy.retry_max_delay is None else policy.retry_max_delay
        if policy.retry_delay > longest:
            where = spoken(unit, "retry_on", survey)
            survey.findings.warn((*where, outcome, "retry_delay"), message, hint)


def _rolling(unit: Unit, survey: Survey) -> None:
    task: Task = unit.made
    if "roll" in unit.said.raw and not task.only_on and not task.skip_on:
        survey.findings.warn(
            (*unit.path, "roll"), "has no effect", "only slots that only_on or skip_on leave out can move"
        )
    for index, text in enumerate(task.cron):
        if text.lstrip().lower().startswith("@every") and (task.only_on or task.skip_on):
            path: KeyPath = (*unit.path, "cron", index)
            survey.findings.error(path, "an interval has no day that could move", 'write roll = "skip" for this task')


def check_clock_changes(survey: Survey, now: datetime) -> None:
    """A warning for each task that a coming clock change leaves without a slot on its day."""
    known: dict[tuple[Any, ...], list[date]] = {}  # many tasks share a schedule
    for name, unit in survey.tasks.items():
        task: Task = unit.made
        if not task.cron or not task.enabled or name in survey.templates:
            continue
        schedule = (name if any(map(is_spread, task.cron)) else None, *_SCHEDULE(task))
        days = known.get(schedule)
        if days is None:
            days = known[schedule] = _unserved(task, survey, now)
        if days:
            message = f"has no slot on {days[0]}, when the clock changes"
            hint = 'dst_gap = "after" fires at the first instant after the gap'
            survey.findings.warn(("tasks", name, "cron"), message, hint)


def _unserved(task: Task, survey: Survey, now: datetime) -> list[date]:
    try:
        timetable = timetable_of(task, survey.config)
        return unserved_changes(timetable, now, YEARS) if timetable is not None else []
    except (ValueProblem, KeyError):
        return []  # told already: the expression or a calendar does not exist
