"""Bar 31: what a firing costs, and what a task takes of memory, from a hundred tasks to a hundred thousand."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from polysync.domain import inputs as ins
from polysync.domain.effects import StartAttempt
from polysync.domain.engine import Engine
from polysync.domain.outcome import Exit
from polysync.domain.rows import Snapshot
from polysync.domain.settings import Configuration, Daemon
from polysync.domain.task import Task
from polysync.testing import SimClock
from tests.bench.bars import Bar, Family, Round

FEW: Final = 100
MANY: Final = 100_000
FIRINGS: Final = 2_000  # that are measured, whatever the number of tasks
NOON: Final = datetime(2026, 6, 10, 12, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)


def configured(count: int) -> Configuration:
    """So many tasks, of which as many are due each minute whatever their number."""
    tasks = {f"t{number}": Task(name=f"t{number}", run="true", cron=(_cron(number),)) for number in range(count)}
    return Configuration(tasks=tasks, daemon=Daemon(max_running=MANY))


def started(count: int) -> tuple[Engine, SimClock]:
    """An engine that knows so many tasks."""
    engine, clock = Engine(), SimClock(NOON)
    effects = engine.handle(ins.Start(configured(count), Snapshot(), "boot-1", "home"), clock.read())
    assert not [effect for effect in effects if isinstance(effect, StartAttempt)]
    return engine, clock


def firing(count: int) -> float:
    """Processor seconds of a firing and all that follows, up to its end."""
    engine, clock = started(count)
    gc.collect()
    gc.freeze()
    done, began = 0, time.process_time()
    while done < FIRINGS:
        done += sum(1 for _ in _lives(engine, clock))
    spent = time.process_time() - began
    gc.unfreeze()
    return spent / done


def memory(count: int) -> float:
    """Bytes that the engine keeps for a task, its definition not counted."""
    configuration = configured(count)
    gc.collect()
    tracemalloc.start()
    try:
        engine = Engine()
        engine.handle(ins.Start(configuration, Snapshot(), "boot-1", "home"), SimClock(NOON).read())
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / count
    finally:
        tracemalloc.stop()


def both() -> Round:
    """Few tasks and many, in turn."""
    firing(FEW)  # what is compiled once is compiled
    sizes = {"few bytes": memory(FEW), "many bytes": memory(MANY)}  # no round would find another figure
    return lambda: {"few cpu": firing(FEW), "many cpu": firing(MANY), **sizes}


def _cron(number: int) -> str:
    """The first hundred are due every minute, all others once in a day, at a time that does not come."""
    return "* * * * *" if number < FEW else f"{number % 60} {number // 60 % 11} * * *"


def _lives(engine: Engine, clock: SimClock) -> Iterator[StartAttempt]:
    """Let a minute pass, and every run that begins come to its end."""
    clock.advance(max(engine.due_in() or SECOND, SECOND / 1000))
    effects = engine.handle(ins.Tick(), clock.read())
    while engine.due_in() == timedelta(0):
        effects += engine.handle(ins.Tick(), clock.read())
    for start in [effect for effect in effects if isinstance(effect, StartAttempt)]:
        engine.handle(ins.AttemptStarted(start.run.id, start.attempt.number, {}), clock.read())
        engine.handle(ins.AttemptExited(start.run.id, start.attempt.number, Exit(code=0)), clock.read())
        yield start


FAMILIES: Final = (
    Family(
        "scale",
        (
            Bar(31, "processor time of a firing, 100,000 tasks", "100 tasks", "many cpu", "few cpu", at_most=1.3),
            Bar(31, "memory of a task, 100,000 tasks", "100 tasks", "many bytes", "few bytes", at_most=1.3),
        ),
        both,
    ),
)
