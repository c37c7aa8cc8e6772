"""Timetables: when a task is due, from its expressions, its zone, its clock-change rules and its calendars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from heapq import merge
from itertools import pairwise
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from polysync.domain.calendar import Openings, almanac
from polysync.domain.cron import ONE_SECOND, REBOOT, Every, parse
from polysync.domain.cronfield import is_spread
from polysync.domain.dayrule import ONE_DAY
from polysync.domain.errors import ValueProblem
from polysync.domain.rolling import Rolled
from polysync.domain.settings import Calendar, Configuration
from polysync.domain.task import Task
from polysync.domain.values import DayMatch, Fold, Gap, Roll
from polysync.domain.walk import Beat, Walk
from polysync.domain.zone import EARLIEST, EPOCH, LATEST, Change, change_days, load_zone, stretch_at

__all__ = [
    "Change",
    "Slot",
    "Timetable",
    "change_days",
    "compile_timetable",
    "load_zone",
    "timetable_of",
    "unserved_changes",
]

Choice = TypeVar("Choice", Gap, Fold, DayMatch)
GALLOP: Final = 16  # how much further each look back goes
MANY_TIMES: Final = 4096  # times of a day beyond which the step of several expressions is not worked out
Source = Walk | Beat | Rolled


@dataclass(frozen=True, slots=True)
class Slot:
    """One scheduled instant, as people see it."""

    at: datetime
    labels: tuple[str, ...]  # the local times that it stands for
    note: str = ""
    excluded: bool = False  # a calendar leaves it out, and it does not move
    rolled_from: datetime | None = None


class _Told:
    """The newest answers of a timetable: tasks that share it ask the same of one moment, one after the other."""

    __slots__ = ("after", "at", "before", "labels", "next_at", "previous_at")

    def __init__(self) -> None:
        self.after: datetime | None = None
        self.next_at: datetime | None = None
        self.before: datetime | None = None
        self.previous_at: datetime | None = None
        self.at: datetime | None = None
        self.labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timetable:
    """All slots of one task: the union over its expressions."""

    zone: ZoneInfo
    sources: tuple[Source, ...]
    openings: Openings | None = None
    _told: _Told = field(default_factory=_Told, compare=False, repr=False)

    def next_at(self, after: datetime) -> datetime | None:
        """The first slot after `after`, also one that a calendar leaves out; None where there is no more."""
        moment, told = _utc(after), self._told
        if told.after != moment:
            told.after, told.next_at = moment, self._next_at(moment)
        return told.next_at

    def _next_at(self, moment: datetime) -> datetime | None:
        if len(self.sources) == 1:
            return self.sources[0].next_at(moment)
        found = (source.next_at(moment) for source in self.sources)
        return min((at for at in found if at is not None), default=None)

    def instants(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The slots after `after`, up to and with `until`, strictly increasing."""
        first, last = _utc(after), _utc(until)
        if len(self.sources) == 1:
            return self.sources[0].instants(first, last)
        return _once(merge(*(source.instants(first, last) for source in self.sources)))

    def previous_at(self, before: datetime) -> datetime | None:
        """The last slot before `before`; None where it is the first."""
        end, told = _utc(before), self._told
        if told.before != end:
            told.before, told.previous_at = end, self._previous_at(end)
        return told.previous_at

    def _previous_at(self, end: datetime) -> datetime | None:
        if len(self.sources) == 1 and end - EARLIEST > 2 * ONE_DAY:
            near = self._next_at(end - self.smallest_step - ONE_SECOND / 1_000_000)  # where it stands nearly always
            if near is not None and near < end and self._follows(near, end):
                return near
        low, back = end, ONE_SECOND
        while low > EARLIEST:
            low = max(end - back, EARLIEST) if end - EARLIEST > back else EARLIEST
            found = self._next_at(low - ONE_SECOND / 1_000_000)
            if found is not None and found < end:
                return self._last_of(found, end)
            back *= GALLOP
        return None

    def slot(self, at: datetime) -> Slot:
        """What people should know about the slot at `at`."""
        moment = _utc(at)
        readings = [reading for source in self.sources for reading in source.readings(moment)]
        labels = dict.fromkeys(_label(reading.at) for reading in sorted(readings, key=lambda reading: reading.at))
        notes = [reading.note for reading in readings if reading.note]
        origin = self._origin(moment)
        if origin is not None:
            notes.append(f"moved from {_label(self._reading(origin))}, {self._why(origin)}")
        why = self._why(moment)
        if why:
            notes.append(why)
        shown = tuple(labels) or (_label(self._reading(moment)),)
        return Slot(moment, shown, "; ".join(dict.fromkeys(notes)), bool(why), origin)

    def labels(self, at: datetime) -> tuple[str, ...]:
        """The local times that the slot at `at` stands for."""
        moment, told = _utc(at), self._told
        if told.at != moment:
            told.at, told.labels = moment, self._labels(moment)
        return told.labels

    def _labels(self, moment: datetime) -> tuple[str, ...]:
        stretch = stretch_at(self.zone, moment)
        if moment == stretch.start:  # where a gap ends, one instant stands for several local times
            return self.slot(moment).labels
        return (_label(moment + stretch.offset),)

    def excludes(self, at: datetime) -> bool:
        """Whether a calendar leaves the slot at `at` out."""
        return self.openings is not None and bool(self.openings.left_out(_utc(at)))

    @property
    def smallest_step(self) -> timedelta:
        """The shortest time between two slots, but for the day of a clock change."""
        steps = [
            source.every.period if isinstance(source, Beat) else _cron(source).cron.step for source in self.sources
        ]
        if len(steps) == 1:
            return steps[0]
        return min(*steps, self._shared_step())

    def _shared_step(self) -> timedelta:
        """The shortest time between the times of day of all expressions; a second where that is too much work."""
        walks = [_cron(source) for source in self.sources if not isinstance(source, Beat)]
        counts = [len(list(zip(range(MANY_TIMES + 1), walk.cron.times(), strict=False))) for walk in walks]
        if len(walks) < len(self.sources) or sum(counts) > MANY_TIMES:
            return ONE_SECOND
        times = sorted({time for walk in walks for time in walk.cron.times()})
        return min(b - a for a, b in pairwise([*times, times[0] + ONE_DAY]))

    def _follows(self, found: datetime, end: datetime) -> bool:
        following = self._next_at(found)
        return following is None or following >= end

    def _last_of(self, found: datetime, end: datetime) -> datetime:
        """The last slot before `end`, where `found` is one: halve what is left until nothing is."""
        following, high = self._next_at(found), end
        while following is not None and following < end:
            middle = following + (high - following) / 2
            later = self._next_at(middle)
            if later is not None and later < end:
                found = later
            else:
                found, high = following, middle
            following = self._next_at(found)
        return found

    def _origin(self, at: datetime) -> datetime | None:
        landings = [source.landing(at) for source in self.sources if isinstance(source, Rolled)]
        found = [landing for landing in landings if landing is not None]
        return found[0].origin if found and all(landing.origin is not None for landing in found) else None

    def _why(self, at: datetime) -> str:
        return "" if self.openings is None else self.openings.left_out(at)

    def _reading(self, at: datetime) -> datetime:
        return at + stretch_at(self.zone, at).offset if EARLIEST <= at < LATEST else at


def compile_timetable(  # noqa: PLR0913 - a task's schedule keys, each by its own name
    crons: tuple[str, ...],
    *,
    zone: str,
    name: str | None = None,
    dst_gap: Gap = Gap.AUTO,
    dst_fold: Fold = Fold.AUTO,
    day_match: DayMatch = DayMatch.AUTO,
    only_on: tuple[Calendar, ...] = (),
    skip_on: tuple[Calendar, ...] = (),
    roll: Roll = Roll.SKIP,
    anchors: Mapping[str, datetime] | None = None,
) -> Timetable:
    """The timetable of these expressions; `anchors` says from when each `@every` counts, else from 1970."""
    rules = (_set(dst_gap, Gap.AUTO), _set(dst_fold, Fold.AUTO), _set(day_match, DayMatch.AUTO))
    openings = None
    if only_on or skip_on:
        shut = tuple(almanac(calendar, zone) for calendar in skip_on)
        openings = Openings(tuple(almanac(calendar, zone) for calendar in only_on), shut)
    elif (shared := _shared(crons, zone, *rules)) is not None:
        return shared
    clock = load_zone(zone)
    sources: list[Source] = []
    for text in dict.fromkeys(crons):
        salt = name if name is not None and is_spread(text) else None
        walk = _walk(text, salt, clock, *rules)
        if isinstance(walk, Beat):
            walk = Beat(walk.every, clock, _utc((anchors or {}).get(text, EPOCH)))
        sources.append(walk if openings is None or roll is Roll.SKIP else _rolled(walk, openings, roll))
    return Timetable(clock, tuple(sources), openings)


def timetable_of(task: Task, config: Configuration, anchors: Mapping[str, datetime] | None = None) -> Timetable | None:
    """The timetable of a task; None where it has no schedule."""
    crons = tuple(text for text in task.cron if text.strip().lower() != REBOOT)
    if not crons:
        return None
    return compile_timetable(
        crons,
        zone=task.timezone or config.zone,
        name=task.name,
        dst_gap=task.dst_gap,
        dst_fold=task.dst_fold,
        day_match=task.day_match,
        only_on=tuple(config.calendars[name] for name in task.only_on),
        skip_on=tuple(config.calendars[name] for name in task.skip_on),
        roll=task.roll,
        anchors=anchors,
    )


def unserved_changes(timetable: Timetable, after: datetime, years: int = 2) -> list[date]:
    """The days of coming clock changes that have no slot because all their local times are left out."""
    walks = [_cron(source) for source in timetable.sources if not isinstance(source, Beat)]
    if len(walks) < len(timetable.sources) or all(walk.gap is Gap.AFTER for walk in walks):
        return []
    days = _days_with_gaps(timetable.zone, after, years)
    return [day for day, start, end in days if _unserved(walks, day, start, end)]


@lru_cache(maxsize=64)  # asked of each task, and most stand in one zone
def _days_with_gaps(zone: ZoneInfo, after: datetime, years: int) -> tuple[tuple[date, datetime, datetime], ...]:
    """The coming days on which a clock change leaves readings out: from the first of them to before the end."""
    coming = change_days(zone, after, min(after, LATEST - years * 366 * ONE_DAY) + years * 366 * ONE_DAY)
    gaps = [(change.at + change.before, change.at + change.after) for change in coming if change.after > change.before]
    return tuple(dict.fromkeys((day, *gap) for gap in gaps for day in _days_of(*gap)))


def _unserved(walks: list[Walk], day: date, start: datetime, end: datetime) -> bool:
    meant = [walk for walk in walks if walk.cron.days.matches(day)]
    return bool(meant) and all(_swallowed(walk, day, start, end) for walk in meant)


def _swallowed(walk: Walk, day: date, start: datetime, end: datetime) -> bool:
    """Whether all times of `day` lie in a gap that gathers nothing."""
    first = datetime(day.year, day.month, day.day, *walk.cron.first_time, tzinfo=UTC)
    last = datetime(day.year, day.month, day.day, *walk.cron.last_time, tzinfo=UTC)
    return walk.gap is Gap.SKIP and start <= first and last < end


def _days_of(start: datetime, end: datetime) -> list[date]:
    count = ((end - ONE_SECOND).date() - start.date()).days + 1
    return [start.date() + number * ONE_DAY for number in range(count)]


def _set(value: Choice, automatic: Choice) -> Choice | None:
    """`value`, or None where it is automatic: None is by far the cheaper key."""
    return None if value is automatic else value


@lru_cache(maxsize=32_768)
def _shared(
    crons: tuple[str, ...], zone: str, gap: Gap | None, fold: Fold | None, match: DayMatch | None
) -> Timetable | None:
    """The one timetable of all tasks with these keys; None where each has its own, by its name or its anchors."""
    if any(is_spread(text) for text in crons):
        return None
    clock = load_zone(zone)
    walks = tuple(_walk(text, None, clock, gap, fold, match) for text in dict.fromkeys(crons))
    return None if any(isinstance(walk, Beat) for walk in walks) else Timetable(clock, walks)


@lru_cache(maxsize=32_768)
def _walk(
    text: str, salt: str | None, zone: ZoneInfo, gap: Gap | None, fold: Fold | None, match: DayMatch | None
) -> Walk | Beat:
    parsed = parse(text, salt, match or DayMatch.AUTO)
    if isinstance(parsed, Every):
        return Beat(parsed, zone)
    by_class = (Gap.SKIP, Fold.BOTH) if parsed.interval else (Gap.AFTER, Fold.FIRST)
    return Walk(parsed, zone, gap or by_class[0], fold or by_class[1])


def _rolled(walk: Walk | Beat, openings: Openings, roll: Roll) -> Rolled:
    if isinstance(walk, Beat):
        raise ValueProblem(f'"{walk.every.text}" has no day that could move', 'write roll = "skip" for this task')
    return Rolled(walk, openings, roll)


def _cron(source: Walk | Rolled) -> Walk:
    return source.walk if isinstance(source, Rolled) else source


def _once(instants: Iterator[datetime]) -> Iterator[datetime]:
    last = None
    for at in instants:
        if at != last:
            yield at
        last = at


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo is UTC else at.astimezone(UTC)


@lru_cache(maxsize=256)  # what is due at once has one label
def _label(reading: datetime) -> str:
    return f"{reading:%Y-%m-%d %H:%M:%S}" if reading.second else f"{reading:%Y-%m-%d %H:%M}"
