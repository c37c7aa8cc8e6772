"""A short way to tell a story about one or two tasks: who is asked, what happened, what is written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from polysync.domain import inputs as ins
from polysync.domain.effects import EventName
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run
from polysync.domain.settings import Configuration
from polysync.domain.slices import SLICE
from polysync.domain.task import Task
from tests.simulation.simulator import Script, Simulator

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def lasting(minutes: float, *exits: Exit) -> Script:
    """Attempts of this length; the first ends as the first exit says, and so on, the last one for all others."""
    ends = exits or (Exit(code=0),)

    def play(_run: Run, attempt: Attempt) -> tuple[timedelta, Exit]:
        return MINUTE * minutes, ends[min(attempt.number, len(ends)) - 1]

    return play


def a_task(name: str = "work", **keys: Any) -> Task:
    """A task with a script."""
    return Task(name=name, run="true", **keys)


def story(
    *tasks: Task,
    minutes: float = 2,
    exits: tuple[Exit, ...] = (),
    wall: datetime = NOON,
    size: int = SLICE,
    **settings: Any,
) -> Simulator:
    """A daemon that has just started."""
    configuration = Configuration(tasks={task.name: task for task in tasks}, **settings)
    simulator = Simulator(configuration, wall, lasting(minutes, *exits), size=size)
    simulator.boot()
    return simulator


def submit(simulator: Simulator, task: str = "work", **keys: Any) -> int:
    """Ask for a run, and return its id."""
    simulator.tell(ins.Submit(task=task, key="asked", **keys))
    made = simulator.answers["asked"]
    assert made.run_id is not None, made
    return made.run_id


def refusal(simulator: Simulator, asked: ins.Input) -> str:
    """What a refused request is answered."""
    simulator.tell(asked)
    made = simulator.answers["asked"]
    assert made.refusal is not None
    return f"{made.refusal}: {made.message}"


def rows(simulator: Simulator, task: str = "work") -> list[str]:
    """The rows of a task in one line each: trigger, slot, end."""
    return [told(run) for run in simulator.journal.runs.values() if run.task == task]


def told(run: Run) -> str:
    """One row as a line."""
    slot = f" {run.scheduled_for:%H:%M}" if run.scheduled_for else ""
    count = f" x{run.slots}" if run.slots > 1 else ""
    return f"{run.trigger}{slot}{count}: {run.state}" + (f"/{run.end_reason}" if run.end_reason else "")


def events(simulator: Simulator) -> list[EventName]:
    """The names of everything that was published."""
    return [event.name for event in simulator.published]
