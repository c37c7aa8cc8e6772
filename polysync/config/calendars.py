"""iCalendar files of calendars, read when the configuration is."""

from __future__ import annotations

from dataclasses import replace

from polysync.config.gather import Table
from polysync.config.wording import quoted
from polysync.domain.calendar import parse_ics
from polysync.domain.definition import Substituted
from polysync.domain.errors import ValueProblem
from polysync.domain.settings import Calendar


def with_events(calendar: Calendar, table: Table) -> Calendar:
    """`calendar` with the busy spans of its iCalendar files."""
    events: list[object] = []
    lone = not isinstance(table.raw.get("ics"), list)
    for index, file in enumerate(calendar.ics):
        try:
            events.extend(parse_ics(table.context.read(file)))
        except ValueProblem as problem:
            path = (*table.path, "ics") if lone else (*table.path, "ics", index)
            hidden = isinstance(file, Substituted)  # what a substitution gave may be a secret
            message = f"what {quoted(file)} gives is not an iCalendar file" if hidden else problem.message
            table.context.findings.error(path, message, "" if hidden else problem.hint)
    return replace(calendar, events=tuple(events))
