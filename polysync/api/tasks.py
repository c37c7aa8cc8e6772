"""Tasks: which there are and how each stands, what is to come of it, and how it did."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from fnmatch import translate
from itertools import islice
from typing import Any, Final

from polysync.api.asked import Asked
from polysync.api.board import Board
from polysync.api.fields import FLAG, INSTANT, SPAN, WORD, Field, number
from polysync.api.office import Office
from polysync.api.response import Response
from polysync.api.route import Route, document
from polysync.api.shapes import dumps, list_text, moment_text
from polysync.api.task_shapes import (
    COMINGS,
    CONDITIONS,
    STATISTICS,
    TASK_IN_FULL,
    TASKS,
    TaskText,
    coming_shape,
    origin_shapes,
    past_text,
    standing_text,
    statistics_shape,
)
from polysync.domain.glances import Glance, Past, statistics
from polysync.domain.rows import Run
from polysync.domain.task import Task
from polysync.domain.task_views import coming
from polysync.domain.values import Mode, Role

PAGE: Final = 500
LONGEST_PAGE: Final = 2_000
SOME: Final = 5
MOST: Final = 500  # coming slots of one answer
MONTH: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=3660)
LOOKED_AT: Final = 10_000  # runs behind one set of numbers


async def tasks(office: Office, asked: Asked) -> Response:
    """A page of tasks, by name."""
    board, given = office.noticeboard, asked.given
    fits, after, limit = _wanted(given), given["cursor"] or "", given["limit"]
    wanted = sorted(name for name, task in board.configuration.tasks.items() if name > after and fits(task))
    page = wanted[:limit]
    past = await board.past(page)
    here = board.configuration.tasks  # another one may hold by now
    shown = [f"{{{_text(office, board, here[name], past[name])}}}" for name in page if name in here]
    return _body(list_text(shown, page[-1] if len(wanted) > limit else None))


async def task(office: Office, asked: Asked) -> Response:
    """One task, with the values that hold for it and where each comes from."""
    name = asked.path["task"]
    office.check_task(name)
    board = office.noticeboard
    values, past = await board.origins(name), await board.past([name])
    office.check_task(name)
    said = _text(office, board, board.configuration.tasks[name], past[name])
    return _body(f'{{{said},"definition":{dumps(origin_shapes(values))}}}')


async def shown(office: Office, name: str) -> Response:
    """One task as lists show it: the answer to a word about it."""
    board = office.noticeboard
    past = await board.past([name])
    office.check_task(name)
    return _body(f"{{{_text(office, board, board.configuration.tasks[name], past[name])}}}")


async def coming_slots(office: Office, asked: Asked) -> Response:
    """The coming slots of a task, and what will become of each if all stays as it is."""
    name, board = asked.path["task"], office.noticeboard
    office.check_task(name)
    found, view = board.configuration.tasks[name], board.task(name)
    if view.timetable is None:
        return document({"items": [], "next": None})
    after = asked.given["after"] or board.now()
    shown = []
    for one in islice(coming(found, view, after), asked.given["n"]):
        shown.append(coming_shape(name, one, view.timetable))
        await asyncio.sleep(0)  # of a rare schedule each of them takes a while
    return document({"items": shown, "next": None})


async def stats(office: Office, asked: Asked) -> Response:
    """How the runs of a task did over a stretch of time."""
    name, board, window = asked.path["task"], office.noticeboard, min(asked.given["window"], LONGEST)
    office.check_task(name)
    until = board.now()
    endings = await board.endings(name, until - window, LOOKED_AT + 1)
    looked_at = endings[:LOOKED_AT]
    about = {
        "task": name,
        "since": moment_text(until - window),
        "until": moment_text(until),
        "rows": len(looked_at),
        "complete": len(endings) == len(looked_at),
    }
    return document({**about, **statistics_shape(statistics(looked_at))})


async def conditions(office: Office, asked: Asked) -> Response:
    """What the work of a task finds when it begins."""
    name = asked.path["task"]
    office.check_task(name)
    return document(await office.noticeboard.conditions(name))


def _wanted(given: Any) -> Callable[[Task], bool]:
    """Whether a task is one of those that were asked for; templates never run and are none."""
    checks: list[Callable[[Task], bool]] = [lambda one: one.mode is not Mode.TEMPLATE]
    if not given["all"]:
        checks.append(lambda one: not one.unlisted)
    if given["match"] is not None:
        named = re.compile(translate(given["match"])).match
        checks.append(lambda one: named(one.name) is not None)
    if given["group"] is not None:
        grouped = re.compile(translate(given["group"])).match
        checks.append(lambda one: grouped(one.group) is not None)
    if given["tag"] is not None:
        key, equals, value = given["tag"].partition("=")
        checks.append(lambda one: key in one.tags and (not equals or one.tags[key] == value))
    return lambda one: all(check(one) for check in checks)


def _text(office: Office, board: Board, one: Task, past: Past) -> str:
    """A task as JSON, without the brackets around it."""
    view, texts = board.task(one.name), office.task_texts
    known = texts.get(one.name)
    if known is None or known.task is not one or known.timetable is not view.timetable:
        if len(texts) > 2 * len(board.configuration.tasks):
            texts.clear()  # most of them are gone
        known = texts[one.name] = TaskText(one, view.timetable)
    return f"{known.definition},{standing_text(view, known.next_text(view))},{_past_text(office, known, past)}"


def _past_text(office: Office, known: TaskText, past: Past) -> str:
    """What there was of it; a run that is under way may have moved on since it was stored."""
    last = past.last
    if last is not None and last.ended_at is None:
        live = office.desk.live(last.id)
        return past_text(last if live is None else _glance(live), past)
    if known.past is not past:
        known.past, known.past_text = past, past_text(last, past)
    return known.past_text


def _body(said: str) -> Response:
    return Response(body=said.encode("ascii"))


def _glance(run: Run) -> Glance:
    times = run.created_at, run.started_at, run.ended_at
    return Glance(run.id, run.task, run.state, run.end_reason, *times, run.trigger, run.priority)


FILTERS: Final = (
    Field("match", WORD, "Whose names are like this: a name, or a pattern with `*`, `?` and `[…]`."),
    Field("group", WORD, "Of this group; a pattern likewise."),
    Field("tag", WORD, "With this tag: `name`, or `name=value`."),
    Field("all", FLAG, "Unlisted ones too.", default=False),
    Field("limit", number(1, LONGEST_PAGE), "How many of them a page may hold.", PAGE),
    Field("cursor", WORD, "Go on where a page ended: its `next`."),
)
UNKNOWN: Final = frozenset({404})
ROUTES: Final = (
    Route("GET", "tasks", Role.VIEWER, tasks, "A page of tasks, by name.", query=FILTERS, answer=TASKS),
    Route(
        "GET",
        "tasks/{task}",
        Role.VIEWER,
        task,
        "One task, with the values that hold for it and where each comes from.",
        answer=TASK_IN_FULL,
        refuses=UNKNOWN,
    ),
    Route(
        "GET",
        "tasks/{task}/next",
        Role.VIEWER,
        coming_slots,
        "The coming slots of a task, and what will become of each if all stays as it is.",
        query=(
            Field("n", number(1, MOST), "How many.", SOME),
            Field("after", INSTANT, "After this time; now, unless said otherwise."),
        ),
        answer=COMINGS,
        refuses=UNKNOWN,
    ),
    Route(
        "GET",
        "tasks/{task}/stats",
        Role.VIEWER,
        stats,
        "How the runs of a task did: counts by state, how many succeeded, how long they took.",
        query=(Field("window", SPAN, "So far back from now.", MONTH),),
        answer=STATISTICS,
        refuses=UNKNOWN,
    ),
    Route(
        "GET",
        "tasks/{task}/conditions",
        Role.OPERATOR,
        conditions,
        "What the work of a task finds when it begins: user, folder, shell, limits, and the names of its variables.",
        answer=CONDITIONS,
        refuses=frozenset({404, 503}),
    ),
)
