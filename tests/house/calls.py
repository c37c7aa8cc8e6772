"""Calls: who may read a clock, start a task, wait or pretend."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final

from tests.house.floors import imports
from tests.house.sources import Source, dotted, python

CLOCK: Final = "polysync/clock.py"
MEASURING: Final = "tests/bench/"  # a bench cannot do without a stop-watch
READINGS: Final = {"now", "utcnow", "today"}
DATES: Final = {"datetime", "date", "dt", "datetime.datetime", "datetime.date"}
OTHER_READINGS: Final = {
    "os.times",
    "uuid.uuid1",
    "loop.time",
    "get_running_loop().time",
    "asyncio.get_running_loop().time",
}
TASK_STARTERS: Final = {"create_task", "ensure_future"}
QUEUES: Final = {"Queue", "LifoQueue", "PriorityQueue"}
SLEEPS: Final = {"sleep", "time.sleep", "asyncio.sleep", "anyio.sleep"}
PRETENCE: Final = {"monkeypatch", "mocker"}
PRETENDERS: Final = {"mock", "unittest.mock", "pytest_mock", "freezegun", "time_machine"}


def check_clocks(sources: Sequence[Source]) -> list[str]:
    """Only clock.py reads a clock; everything else is handed the time."""
    return [
        f"{source.at(node)}: {name} reads a clock; take the time as an argument"
        for source in python(sources)
        if source.path != CLOCK and not source.path.startswith(MEASURING)
        for node, name in _clock_readings(source)
    ]


def check_tasks(sources: Sequence[Source]) -> list[str]:
    """Tasks are started by `spawn` alone, which owns, names and reports them."""
    found = []
    for source in python(sources, "polysync", "tests"):
        owned = {id(n) for f in source.functions if f.name == "spawn" for n in ast.walk(f)}
        found += [
            f"{source.at(call)}: {name} outside spawn; a task nobody owns dies unheard"
            for call, name in _calls(source)
            if name.rpartition(".")[2] in TASK_STARTERS and id(call) not in owned
        ]
    return found


def check_deadlines(sources: Sequence[Source]) -> list[str]:
    """Deadlines are written with asyncio.timeout: wait_for can swallow a cancellation."""
    return [
        f"{source.at(call)}: {name}; write asyncio.timeout"
        for source in python(sources, "polysync", "tests")
        for call, name in _calls(source)
        if name.rpartition(".")[2] == "wait_for"
    ]


def check_queues(sources: Sequence[Source]) -> list[str]:
    """Every queue has a bound."""
    return [
        f"{source.at(call)}: {name} without a bound"
        for source in python(sources, "polysync")
        for call, name in _calls(source)
        if name.rpartition(".")[2] in QUEUES and not call.args and not call.keywords
    ]


def check_honesty(sources: Sequence[Source]) -> list[str]:
    """Tests neither sleep nor patch: where one wants to, a seam is missing."""
    found = []
    for source in python(sources, "tests"):
        found += [
            f"{source.at(call)}: {name}; wait for the event instead" for call, name in _calls(source) if name in SLEEPS
        ]
        found += [f"{source.at(n)}: {m} pretends" for n, m in imports(source) if m in PRETENDERS]
        found += [
            f"{source.at(function)}: {argument.arg} patches; hand the value in"
            for function in source.functions
            for argument in function.args.args
            if argument.arg in PRETENCE
        ]
    return found


def _clock_readings(source: Source) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    yield from ((node, module) for node, module in imports(source) if module == "time")
    for call, name in _calls(source):
        owner, _, member = name.rpartition(".")
        if (member in READINGS and owner in DATES) or name in OTHER_READINGS:
            yield call, name


def _calls(source: Source) -> Iterator[tuple[ast.Call, str]]:
    return ((node, dotted(node.func)) for node in source.nodes if isinstance(node, ast.Call))
