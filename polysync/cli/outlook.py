"""How a forecast reads: a table of tasks, a map of the load by hour, and what stands out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from polysync.cli.daynotes import change_words
from polysync.cli.failure import count
from polysync.cli.session import Session
from polysync.domain.forecast import Forecast, Tally
from polysync.domain.render import ASCII, Cell, Column, Style, cut, span_words, table, width_of, wrapped
from polysync.domain.schedule import change_days
from polysync.domain.settings import Configuration

COLUMNS: Final = (
    Column("Task", gives=True),
    Column("Due", right=True),
    Column("Runs", right=True),
    Column("Left out", right=True),
    Column("Overlap", right=True),
    Column("Waits", right=True),
    Column("Longest", right=True),
    Column("Busy", right=True),
)
LEVELS: Final = " ▁▂▃▄▅▆▇█"
ASCII_LEVELS: Final = " .:-=+*#@"
DAYS: Final = 14  # rows of the map; beyond them days of the week are told apart only
CELL: Final = 2  # columns of one hour where there is room for them
SPARED: Final = "Longest"  # the column that a narrow terminal goes without
HANG: Final = "  "
LABEL: Final = 16  # columns in front of the first hour
WEEK: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def tell(session: Session, result: Forecast, zone: ZoneInfo, config: Configuration, lasting: str, busiest: int) -> None:
    """The whole forecast for people."""
    start = result.start.astimezone(zone)
    length = span_words(result.until - result.start)
    _say(
        session, [Cell(f"{length} from {start:%a %Y-%m-%d %H:%M} {zone.key},", Style.BOLD), f" a run taking {lasting}"]
    )
    session.line()
    active = {name: tally for name, tally in result.tallies.items() if tally.due}
    kept = [i for i, column in enumerate(COLUMNS) if not (column.heading == SPARED and _narrow(session))]
    rows = [[row[i] for i in kept] for row in (_row(name, tally) for name, tally in active.items())]
    session.lines(table([COLUMNS[i] for i in kept], rows, session.width, session.glyphs.more))
    idle = len(result.tallies) - len(active)
    if idle:
        session.line(
            Cell(
                f"{count(idle, 'task')} not due: nothing in this time starts {'it' if idle == 1 else 'them'}", Style.DIM
            )
        )
    if not active:
        return
    session.line()
    _map(session, result, zone)
    session.line()
    for parts in _remarks(session, result, zone, config, busiest):
        _say(session, parts)


def _narrow(session: Session) -> bool:
    """Whether the terminal is narrower than the map of the hours."""
    return session.width is not None and session.width < LABEL + 24 * CELL


def _say(session: Session, parts: Sequence[Cell | str]) -> None:
    """One line, or where it would not fit, several plain ones."""
    text = "".join(part.text if isinstance(part, Cell) else part for part in parts)
    if session.width is None or width_of(text) <= session.width:
        session.line(*parts)
        return
    first, *more = wrapped(text, session.width - len(HANG))
    session.lines([line] for line in (first, *(HANG + line for line in more)))


def _row(name: str, tally: Tally) -> list[Cell | str]:
    return [
        Cell(name, Style.NAME),
        str(tally.due),
        str(tally.started),
        _marked(tally.left_out),
        _marked(tally.overlapped + tally.crowded_out + tally.stopped),
        _marked(tally.waited),
        span_words(tally.longest_wait) if tally.longest_wait else "-",
        span_words(tally.busy),
    ]


def _marked(number: int) -> Cell:
    return Cell(str(number), Style.WARN) if number else Cell("-", Style.DIM)


def _map(session: Session, result: Forecast, zone: ZoneInfo) -> None:
    """One row a day, one sign an hour: how many runs there are at once."""
    rows = _by_day(result, zone)
    most = max((load for row in rows.values() for load in row.values()), default=0.0)
    levels = ASCII_LEVELS if session.glyphs is ASCII else LEVELS
    wide = 1 if _narrow(session) else CELL
    hours = "".join(f"{hour:02}".ljust(3 * wide) for hour in range(0, 24, 3))
    session.line(Cell("Load by hour".ljust(LABEL) + hours.rstrip(), Style.DIM))
    for label, row in rows.items():
        signs = "".join(_sign(row.get(hour, 0.0), most, levels) * wide for hour in range(24))
        session.line(Cell(label.ljust(LABEL), Style.DIM), Cell(signs.rstrip(), Style.GOOD))
    number = f"{most:.2g}"
    session.line(Cell(f"{levels[-1]} is {number} run{'' if number == '1' else 's'} at once on average", Style.DIM))


def _by_day(result: Forecast, zone: ZoneInfo) -> dict[str, dict[int, float]]:
    """The load of each local hour; in a long forecast the busiest of each day of the week."""
    short = result.until - result.start <= timedelta(days=DAYS)
    rows: dict[str, dict[int, float]] = {} if short else {f"{name} (busiest)": {} for name in WEEK}
    for at, load in result.load():
        local = at.astimezone(zone)
        row = rows.setdefault(_label(local.date(), short=short), {})
        row[local.hour] = max(row.get(local.hour, 0.0), load)
    return rows


def _label(day: date, *, short: bool) -> str:
    return f"{day:%a %Y-%m-%d}" if short else f"{day:%a} (busiest)"


def _sign(load: float, most: float, levels: str) -> str:
    if not load or not most:
        return levels[0]
    return levels[max(1, round(load / most * (len(levels) - 1)))]


def _remarks(
    session: Session, result: Forecast, zone: ZoneInfo, config: Configuration, busiest: int
) -> Iterator[Sequence[Cell | str]]:
    if result.peak_at is not None:
        peak = f"{count(result.peak, 'run')} at once, first on {result.peak_at.astimezone(zone):%a %Y-%m-%d %H:%M}"
        over = (
            f"; [daemon] max_running is {config.daemon.max_running}" if result.peak > config.daemon.max_running else ""
        )
        yield "Most: ", peak, Cell(over, Style.WARN)
    crowded = _crowded(result, zone, session.glyphs.times)
    if crowded:
        yield ("Busiest minutes:",)
    for (clock, said), days in sorted(crowded.items(), key=lambda one: -one[1][1])[:busiest]:
        often = f"on {days[2]}" if days[0] == 1 else f"on {days[0]} days"
        text = f"  {clock}  {count(days[1], 'start')} {often}: {said}"
        yield (text if session.width is None else cut(text, session.width, session.glyphs.more),)
    for change in change_days(zone, result.start, result.until):
        yield "Clocks change: ", change_words(change)
    yield from _losses(result)


def _crowded(result: Forecast, zone: ZoneInfo, times: str) -> dict[tuple[str, str], tuple[int, int, str]]:
    """Minutes with several starts, by time of day and tasks: on how many days, how many starts, the first day."""
    found: dict[tuple[str, str], tuple[int, int, str]] = {}
    for at, names in result.busiest(len(result.minutes)):
        local = at.astimezone(zone)
        said = ", ".join(name if number == 1 else f"{name} {times}{number}" for name, number in sorted(names.items()))
        key = (f"{local:%H:%M}", said)
        days, starts, first = found.get(key, (0, names.total(), f"{local:%a %Y-%m-%d}"))
        found[key] = (days + 1, starts, first)
    return found


def _losses(result: Forecast) -> Iterator[Sequence[Cell | str]]:
    """What a person may want to change."""
    for name, tally in result.tallies.items():
        if tally.left_out:
            yield Cell(name, Style.NAME), f": {tally.left_out} left out by its calendars"
        if tally.overlapped:
            yield Cell(name, Style.NAME), f': {tally.overlapped} skipped, still running (on_overlap = "skip")'
        if tally.crowded_out:
            yield Cell(name, Style.NAME), f": {tally.crowded_out} skipped, queue full (queue_max)"
        if tally.stopped:
            yield Cell(name, Style.NAME), f': {tally.stopped} stopped for a newer run (on_overlap = "terminate")'
