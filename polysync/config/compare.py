"""Where other schedulers would fire differently: croniter by asking it, two more by the rules that they follow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice, takewhile
from operator import ge
from typing import Final

from polysync.domain.cron import Every, parse
from polysync.domain.cronfield import is_spread
from polysync.domain.errors import ValueProblem
from polysync.domain.schedule import Timetable, change_days, compile_timetable
from polysync.domain.values import DayMatch, Fold, Gap

AHEAD: Final = timedelta(days=366 * 2)
AROUND: Final = timedelta(hours=2)  # before and after each clock change: no zone of today moves by more
MOST: Final = 3000  # coming firings that are compared; croniter needs a second for 30,000
MOST_AROUND: Final = 15_000  # and around one clock change: each second of it
PICKS: Final = re.compile(r"#|(\d|[a-z]{3})[lw]\b|\bl(w|-\d+)?\b", re.ASCII | re.IGNORECASE)
Scheduler = Callable[["Question", datetime], Iterator[datetime]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one other scheduler makes of an expression."""

    scheduler: str
    refused: str = ""  # why it cannot be compared
    only_ours: tuple[datetime, ...] = ()
    only_theirs: tuple[datetime, ...] = ()
    compared: int = 0  # our firings that were looked at


@dataclass(frozen=True, slots=True)
class Question:
    """An expression in a zone, with the timetable that it has here."""

    text: str
    timetable: Timetable


def compare(text: str, timetable: Timetable, after: datetime) -> tuple[Comparison, ...]:
    """What other schedulers do with `text` where `timetable` is ours: the next firings, and all clock changes ahead."""
    if isinstance(parse(text, ""), Every) or is_spread(text):
        return ()  # both depend on something that the others do not know
    question = Question(text, timetable)
    return tuple(_compared(name, scheduler, question, after) for name, scheduler in SCHEDULERS.items())


def _compared(name: str, scheduler: Scheduler, question: Question, after: datetime) -> Comparison:
    ours: set[datetime] = set()
    theirs: set[datetime] = set()
    try:
        for start, end, most in _windows(question.timetable, after):
            here = list(islice(question.timetable.instants(start, end), most))
            there = list(islice(takewhile(partial(ge, end), scheduler(question, start)), most))
            last = min([end, *(found[-1] for found in (here, there) if len(found) == most)])
            ours.update(at for at in here if at <= last)
            theirs.update(at for at in there if at <= last)
    except ValueError as problem:
        return Comparison(name, refused=str(problem))
    return Comparison(name, "", tuple(sorted(ours - theirs)), tuple(sorted(theirs - ours)), len(ours))


def _windows(timetable: Timetable, after: datetime) -> Iterator[tuple[datetime, datetime, int]]:
    start = after.astimezone(UTC)
    yield start, start + AHEAD, MOST
    for change in change_days(timetable.zone, start, start + AHEAD):
        yield max(start, change.at - AROUND), change.at + AROUND, MOST_AROUND


def _croniter(question: Question, start: datetime) -> Iterator[datetime]:
    from croniter import CroniterError, croniter  # noqa: PLC0415 - slow to import, and wanted here alone

    local = start.astimezone(question.timetable.zone)
    try:
        iterator = croniter(question.text, local, second_at_beginning=True)
        while True:
            yield iterator.get_next(datetime).astimezone(UTC)
    except CroniterError as problem:
        raise ValueError(f"cannot read it: {problem}") from None


def _robfig(question: Question, start: datetime) -> Iterator[datetime]:
    return _by_rules(question, start, Gap.SKIP, Fold.BOTH, DayMatch.ANY)


def _systemd(question: Question, start: datetime) -> Iterator[datetime]:
    return _by_rules(question, start, Gap.SKIP, Fold.FIRST, DayMatch.ALL)


def _by_rules(question: Question, start: datetime, gap: Gap, fold: Fold, match: DayMatch) -> Iterator[datetime]:
    if PICKS.search(question.text):
        raise ValueError("has no L, W or #")
    zone = question.timetable.zone.key
    try:
        other = compile_timetable((question.text,), zone=zone, dst_gap=gap, dst_fold=fold, day_match=match)
    except ValueProblem:
        return iter(())
    return other.instants(start, start + AHEAD)


SCHEDULERS: Final[Mapping[str, Scheduler]] = {
    "croniter": _croniter,
    "robfig/cron (Kubernetes, Dagu)": _robfig,
    "systemd timers": _systemd,
}
