"""`polysync simulate`: the coming days as they would go if runs took as long as assumed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from polysync.cli.daynotes import change_words
from polysync.cli.failure import usage
from polysync.cli.group import verb
from polysync.cli.layers import forward
from polysync.cli.loading import configuration, pick, pick_one
from polysync.cli.moments import moment, utc_text
from polysync.cli.occurrences import TICK, Occurrence, Window, occurrences, plan_of
from polysync.cli.outlook import tell
from polysync.cli.rules import zone as zone_named
from polysync.cli.session import Session
from polysync.config.graph import graph_of
from polysync.domain.errors import ValueProblem
from polysync.domain.forecast import Due, Expected, Forecast, Tally, forecast
from polysync.domain.quantity import format_span, parse_span
from polysync.domain.schedule import change_days
from polysync.domain.settings import Configuration
from polysync.domain.task import Task
from polysync.domain.values import EdgeOn, Mode

LONGEST: Final = timedelta(days=3660)  # ten years of slots are counted, not more
MOST: Final = 1_000_000  # slots: about what is counted in ten seconds
BUSIEST: Final = 5
STARTING: Final = {EdgeOn.SUCCESS, EdgeOn.COMPLETION}  # ends that a run which succeeds has


@verb(
    "simulate",
    examples=[
        "polysync simulate",
        "polysync simulate --for 31d --duration 20m --assume backup=2h",
        "polysync simulate 'etl-*' --from 2026-10-24 --for 2d",
    ],
)
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
@click.option("--for", "length", metavar="D", default="7d", help="How far to look. Default: 7d.")
@click.option("--from", "start", metavar="T", help="Start here instead of now.")
@click.option("--tz", metavar="ZONE", help="The zone in which times are read and shown.")
@click.option("--duration", metavar="D", default="5m", help="How long a run is assumed to take. Default: 5m.")
@click.option("--assume", metavar="TASK=D", multiple=True, help="The same for one task; may be repeated.")
@click.pass_obj
def command(session: Session, /, tasks: Sequence[str], **given: Any) -> None:
    """The coming days: what starts when, what overlaps, waits or is left out, and how busy the box gets.

    Every run is taken to succeed, so tasks downstream start too; events, files and people are not foreseen.
    """
    config = configuration(session)
    runnable = {name: task for name, task in config.tasks.items() if task.mode is not Mode.TEMPLATE and task.enabled}
    chosen = pick(tasks, runnable) if tasks else list(runnable)
    zone = zone_named(given["tz"] or config.zone)
    start = moment(given["start"] or "now", "--from", session.now, zone).at.replace(microsecond=0)
    until = _until(start, _span(given["length"], "--for"))
    lasting = _assumed(given, runnable)
    result = forecast(_expected(config, chosen, lasting), _due(config, chosen, start, until), start, until)
    if session.json:
        session.document(_data(result, zone, lasting))
    else:
        tell(session, result, zone, config, given["duration"], BUSIEST)


def _until(start: datetime, length: timedelta) -> datetime:
    if not timedelta(0) < length <= LONGEST:
        raise usage("--for: must be more than nothing and at most 3660d")
    try:
        return start + length
    except OverflowError:
        raise usage("that is further away than the calendar of years reaches") from None


def _span(text: str, option: str) -> timedelta:
    try:
        return parse_span(text)
    except ValueProblem as problem:
        raise usage(f"{option}: {text} is {problem.message}", problem.hint) from problem


def _assumed(given: Mapping[str, Any], runnable: Mapping[str, Task]) -> dict[str, timedelta]:
    """How long a run of each task is taken to last; no longer than its timeout lets it."""
    usual = _span(given["duration"], "--duration")
    lasting = dict.fromkeys(runnable, usual)
    for word in given["assume"]:
        name, sign, length = word.rpartition("=")
        if not sign:
            raise usage(f"--assume: {word} is not TASK=DURATION", "write --assume backup=10m")
        lasting[pick_one(name, runnable)] = _span(length, "--assume")
    return {name: min(length, runnable[name].timeout or length) for name, length in lasting.items()}


def _expected(config: Configuration, names: Sequence[str], lasting: Mapping[str, timedelta]) -> Iterator[Expected]:
    graph = graph_of({name: config.tasks[name] for name in names})
    arrows = [(link.source, link.target) for link in graph.links if link.on in STARTING]
    onward, _ = forward(names, list(dict.fromkeys(arrows)))
    for name in names:
        task = config.tasks[name]
        upstream = tuple(source for source, target in onward if target == name) if task.depends_trigger else ()
        need = task.depends_mode.of(len(task.depends_on)) if upstream else 0
        yield Expected(name, lasting[name], task.max_concurrent, task.on_overlap, task.queue_max, upstream, need)


def _due(config: Configuration, names: Iterable[str], start: datetime, until: datetime) -> Iterator[Due]:
    plans = [plan_of(config.tasks[name], config, start) for name in names]
    timed = [plan for plan in plans if plan is not None]
    if timed:
        for one in limited(occurrences(timed, Window(start - TICK, until - TICK, None), together=True)):
            yield Due(one.at, one.task or "", one.fires)


def limited(found: Iterable[Occurrence], most: int = MOST) -> Iterator[Occurrence]:
    """The same slots; more than can be counted in a while are refused."""
    for number, one in enumerate(found):
        if number == most:
            raise usage(f"more than {most:,} firings in that time", "shorten --for, or name fewer tasks")
        yield one


def _data(result: Forecast, zone: ZoneInfo, lasting: Mapping[str, timedelta]) -> dict[str, Any]:
    return {
        "from": utc_text(result.start),
        "until": utc_text(result.until),
        "timezone": zone.key,
        "items": [_item(name, tally, lasting[name]) for name, tally in result.tallies.items()],
        "next": None,
        "peak": {"at": utc_text(result.peak_at) if result.peak_at else None, "running": result.peak},
        "busiest": [
            {"at": utc_text(at), "starts": names.total(), "tasks": sorted(names)}
            for at, names in result.busiest(BUSIEST)
        ],
        "load": [{"at": utc_text(at), "running": round(running, 3)} for at, running in result.load()],
        "clock_changes": [
            {"at": utc_text(change.at), "change": change_words(change)}
            for change in change_days(zone, result.start, result.until)
        ],
    }


def _item(name: str, tally: Tally, lasting: timedelta) -> dict[str, Any]:
    return {
        "task": name,
        "assumed": format_span(lasting),
        "due": tally.due,
        "started": tally.started,
        "skipped": {"calendar": tally.left_out, "overlap": tally.overlapped, "queue_full": tally.crowded_out},
        "stopped": tally.stopped,
        "waited": tally.waited,
        "longest_wait": format_span(tally.longest_wait),
        "busy": format_span(tally.busy),
    }
