"""Bars 20 and 21: planning many schedules, and walking through a year of one."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim

from polysync.domain import calendar, cron, cronfield, dayrule, schedule, zone
from polysync.domain.schedule import compile_timetable
from tests.bench.bars import Bar, Family, Figures, Round, seconds

COUNT: Final = 10_000
SEED: Final = 20
NOW: Final = datetime(2026, 5, 5, 10, 3, tzinfo=UTC)
YEAR: Final = (datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC))
BERLIN: Final = "Europe/Berlin"
OURS, CRONITER, CRONSIM = "polysync", "croniter", "cronsim"


def expressions(count: int = COUNT, seed: int = SEED) -> list[str]:
    """A mixture such as crontabs hold: most of them differ, some are the same."""
    chance = random.Random(seed)
    return [chance.choice(SHAPES)(chance) for _ in range(count)]


def forget() -> None:
    """Empty every cache, so that a round plans as a daemon does that has just been started."""
    for room in (calendar, cron, cronfield, dayrule, schedule, zone):
        for member in vars(room).values():
            clear = getattr(member, "cache_clear", None)
            if clear is not None:
                clear()


def planning() -> Round:
    """Parse each expression and find its next slot."""
    texts = expressions()

    def ours() -> list[datetime | None]:
        forget()
        return [compile_timetable((text,), zone="UTC").next_at(NOW) for text in texts]

    def theirs() -> list[datetime | None]:
        return [next(CronSim(text, NOW)) for text in texts]

    def others() -> None:
        for text in texts:
            croniter(text, NOW).get_next(datetime)

    assert ours() == theirs()  # what differs cannot be compared
    return lambda: {OURS: seconds(ours), CRONSIM: seconds(theirs), CRONITER: seconds(others)}


def walking() -> Round:
    """Go through every minute of a year in one zone."""
    local = YEAR[0].astimezone(ZoneInfo(BERLIN))
    minutes = (YEAR[1] - YEAR[0]).days * 24 * 60

    def ours() -> int:
        forget()
        return sum(1 for _ in compile_timetable(("* * * * *",), zone=BERLIN).instants(*YEAR))

    def theirs() -> None:
        iterator = CronSim("* * * * *", local)
        for _ in range(minutes):
            next(iterator)

    assert ours() == minutes
    return lambda: _both(ours, theirs)


def _both(ours: Callable[[], object], theirs: Callable[[], object]) -> Figures:
    return {OURS: seconds(ours), CRONSIM: seconds(theirs)}


def _minute(chance: random.Random) -> int:
    return chance.randrange(60)


def _time(chance: random.Random) -> str:
    return f"{_minute(chance)} {chance.randrange(24)}"


SHAPES: Final[tuple[Callable[[random.Random], str], ...]] = (
    lambda chance: f"*/{chance.choice((1, 2, 5, 10, 15, 20, 30))} * * * *",
    lambda chance: f"{_minute(chance)} * * * *",
    lambda chance: f"{_time(chance)} * * *",
    lambda chance: f"{_time(chance)} * * {chance.choice(('1-5', '0', '6', '1,3,5', 'mon-fri'))}",
    lambda chance: f"{_time(chance)} {chance.randrange(1, 29)} * *",
    lambda chance: (
        f"{_minute(chance)} {chance.randrange(12)}-23 1,{chance.randrange(2, 28)} {chance.choice(('*', '1-6'))} *"
    ),
)

FAMILIES: Final = (
    Family(
        "planning",
        (
            Bar(20, "planning 10,000 schedules", "croniter", CRONITER, OURS, at_least=12),
            Bar(20, "planning 10,000 schedules", "cronsim", CRONSIM, OURS, at_least=2),
        ),
        planning,
    ),
    Family("walking", (Bar(21, "a year of minutes in one zone", "cronsim", CRONSIM, OURS, at_least=10),), walking),
)
