"""The tables of the page on schedules are true."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from polysync.domain.cron import parse, parse_weekday
from polysync.domain.errors import ValueProblem
from polysync.domain.schedule import Timetable, compile_timetable, load_zone
from polysync.domain.settings import Calendar
from polysync.domain.values import DayMatch, Fold, Gap, Roll

PAGE: Final = (Path(__file__).resolve().parents[2] / "docs/schedules.md").read_text(encoding="utf-8")
KINDS: Final = {"day_match": DayMatch, "dst_gap": Gap, "dst_fold": Fold}
OPTION: Final = re.compile(r'(\w+) = "(\w+)"')
MICROSECOND: Final = timedelta(microseconds=1)


def rows(*header: str) -> list[list[str]]:
    """The rows of every table of the page with this header."""
    return list(_rows(list(header)))


def _rows(header: list[str]) -> Iterator[list[str]]:
    inside = False
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if cells == header:
            inside = True
        elif not cells:
            inside = False
        elif inside and set(cells) != {"---"}:
            yield cells


def shown(timetable: Timetable, start: str, end: str) -> str:
    """The firings from one local time to before another, as the page writes them."""
    first, last = (datetime.fromisoformat(text).replace(tzinfo=timetable.zone).astimezone(UTC) for text in (start, end))
    found = timetable.instants(first - MICROSECOND, last - MICROSECOND)
    return " ".join(f"({at:%m-%dT%H:%M})" if timetable.excludes(at) else f"{at:%m-%dT%H:%M}" for at in found)


def unquoted(cell: str) -> str:
    return cell.split("`")[1]


TIMES: Final = rows("zone", "cron", "from", "to", "fires (UTC)")
REFUSED: Final = rows("refused", "because")
ROLLED: Final = rows("cron", "roll", "from", "to", "fires (UTC)")


@pytest.mark.parametrize(("zone", "cron", "start", "end", "expected"), TIMES)
def test_schedule_of_the_page_fires_as_it_says(zone: str, cron: str, start: str, end: str, expected: str) -> None:
    options: dict[str, Any] = {key: KINDS[key](value) for key, value in OPTION.findall(cron)}
    timetable = compile_timetable((unquoted(cron),), zone=load_zone(zone).key, **options)

    assert shown(timetable, start, end) == expected


@pytest.mark.parametrize(("cron", "message"), REFUSED)
def test_schedule_of_the_page_is_refused_as_it_says(cron: str, message: str) -> None:
    with pytest.raises(ValueProblem) as raised:
        parse(unquoted(cron), "task")

    assert raised.value.message == message


@pytest.mark.parametrize(("cron", "roll", "start", "end", "expected"), ROLLED)
def test_slot_of_the_page_moves_as_it_says(cron: str, roll: str, start: str, end: str, expected: str) -> None:
    (block,) = [text for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[calendars." in text]
    calendars = tuple(
        Calendar(
            name=name,
            dates=tuple(keys.get("dates", ())),
            weekdays=tuple(parse_weekday(day) for day in keys.get("weekdays", ())),
        )
        for name, keys in tomllib.loads(block)["calendars"].items()
    )
    timetable = compile_timetable((unquoted(cron),), zone="UTC", skip_on=calendars, roll=Roll(roll))

    assert shown(timetable, start, end) == expected


def test_page_has_tables_of_every_kind() -> None:
    assert (len(TIMES), len(REFUSED), len(ROLLED)) >= (15, 5, 4)
    assert min(len(TIMES), len(REFUSED), len(ROLLED)) >= 4
