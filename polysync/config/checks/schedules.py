"""Schedules: calendars that leave no day, and clock changes that leave no slot."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from polysync.config.checks.survey import Survey
from polysync.config.layers import Unit, is_template
from polysync.config.lines import KeyPath
from polysync.config.wording import quoted
from polysync.domain.cron import parse
from polysync.domain.definition import Substituted
from polysync.domain.errors import ValueProblem
from polysync.domain.schedule import unserved_changes
from polysync.domain.task import Task

AHEAD: Final = timedelta(days=400)  # every zone that changes its clock does so within a year


def check_crons(unit: Unit, survey: Survey) -> None:
    """Every cron expression that stands in a task's or template's own table."""
    raw = survey.tables["tasks"][str(unit.path[1])].raw.get("cron")
    task: Task = unit.made
    for index, text in enumerate(unit.said.values.get("cron", ()) if raw is not None else ()):
        path: KeyPath = (*unit.path, "cron", index) if isinstance(raw, list) else (*unit.path, "cron")
        try:
            if text.strip() != "@reboot":
                parse(text, task.name, task.day_match)
        except ValueProblem as problem:
            if isinstance(text, Substituted):
                problem = ValueProblem(f"what {quoted(text)} gives is not a cron expression")
            survey.findings.value_problem(path, problem)


def check_task(unit: Unit, survey: Survey) -> None:
    """Calendars that contradict each other, and lengths that leave no time to start."""
    task: Task = unit.made
    for name in set(task.only_on) & set(task.skip_on):
        message = f"{quoted(name)} is in only_on too, so the task would never run"
        survey.findings.error((*unit.path, "skip_on"), message, "keep one of them")
    if task.expires_after is not None and task.start_after >= task.expires_after:
        message = "the task expires before start_after lets it start"
        survey.findings.error((*unit.path, "expires_after"), message, "make it longer than start_after")
    if task.timeout is not None and task.max_duration is not None and task.timeout > task.max_duration:
        survey.findings.warn((*unit.path, "timeout"), "is longer than max_duration, which ends the attempt first")
    if task.retry_delay > task.retry_max_delay:
        survey.findings.warn((*unit.path, "retry_delay"), "is longer than retry_max_delay, which cuts it")


def check_clock_changes(survey: Survey, now: datetime) -> None:
    """A warning for each task that a coming clock change leaves without a slot on its day."""
    for name, unit in survey.tasks.items():
        task: Task = unit.made
        if not task.cron or is_template(unit.said) or not task.enabled:
            continue
        for day in unserved_changes(task, survey.config, now, now + AHEAD):
            message = f"has no slot on {day}, when the clock changes"
            hint = 'dst_gap = "after" fires at the first instant after the gap'
            survey.findings.warn(("tasks", name, "cron"), message, hint)
