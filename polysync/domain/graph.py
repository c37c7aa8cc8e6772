"""Dependencies between tasks: which ends of upstream runs count, and when a join is met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from polysync.domain.expression import compile_expression
from polysync.domain.run import FINAL, State
from polysync.domain.task import Edge, Task
from polysync.domain.values import EdgeOn, UpstreamFailure


@dataclass(frozen=True, slots=True)
class EdgeEvent:
    """An upstream run reached its end."""

    upstream: str
    run_id: int
    state: State
    at: datetime
    outputs: Mapping[str, Any] = field(default_factory=dict)
    correlation_id: str = ""
    turn: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)


class Met(StrEnum):
    """Whether an event is what an edge waits for."""

    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Released:
    """The join is met by `consumed`; every event that is held for the task is used up with it."""

    consumed: tuple[EdgeEvent, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The join still waits for these upstream tasks."""

    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The join cannot be met any more, because of how this upstream task ended."""

    upstream: str


# Failure is what `notify_on_failure` tells of; a run that was cancelled or never started only completed.
ENDS: Final[Mapping[EdgeOn, frozenset[State]]] = {
    EdgeOn.SUCCESS: frozenset({State.SUCCEEDED}),
    EdgeOn.FAILURE: frozenset({State.FAILED, State.TIMEOUT, State.CRASHED, State.DEAD}),
    EdgeOn.COMPLETION: FINAL - {State.SKIPPED},
    EdgeOn.SKIPPED: frozenset({State.SKIPPED}),
}


def counts(edge: Edge, event: EdgeEvent) -> Met:
    """Whether `event` is an end that `edge` waits for, with its condition fulfilled."""
    if event.state not in ENDS[edge.on]:
        return Met.NO
    if edge.when is None:
        return Met.YES
    condition = compile_expression(edge.when)
    return Met.YES if condition.holds(event.outputs, event.state, event.parameters) else Met.NO


def release(task: Task, held: Mapping[str, EdgeEvent], now: datetime) -> Released | Waiting | Failed:
    """What the events held for `task`, the newest of each upstream task, come to.

    An event older than `depends_max_age` is as if it had not come.
    """
    oldest = datetime.min.replace(tzinfo=now.tzinfo) if task.depends_max_age is None else now - task.depends_max_age
    fresh = {name: event for name, event in held.items() if event.at >= oldest}
    answers = [(edge.task, counts(edge, fresh[edge.task])) for edge in task.depends_on if edge.task in fresh]
    met = [name for name, answer in answers if answer is Met.YES]
    need = task.depends_mode.of(len(task.depends_on))
    if len(met) >= need:
        return Released(tuple(fresh[name] for name in dict.fromkeys(met)))
    against = [name for name, answer in answers if answer is Met.NO]
    if task.on_upstream_failure is not UpstreamFailure.WAIT and len(task.depends_on) - len(against) < need:
        return Failed(against[0])
    return Waiting(tuple(dict.fromkeys(edge.task for edge in task.depends_on if edge.task not in met)))


def downstream_of(tasks: Mapping[str, Task]) -> dict[str, tuple[str, ...]]:
    """The tasks that depend on each task, in the order of the file."""
    below: dict[str, dict[str, None]] = {name: {} for name in tasks}
    for name, task in tasks.items():
        for edge in task.depends_on:
            below.setdefault(edge.task, {})[name] = None
    return {name: tuple(names) for name, names in below.items()}


def find_cycle(tasks: Mapping[str, Task]) -> tuple[str, ...] | None:
    """A circle of tasks that start each other without an end, as `a, b, a`; None where there is none.

    An edge into a task with `max_turns` ends by itself, so it closes no circle.
    """
    onward = downstream_of({name: task for name, task in tasks.items() if not task.max_turns})
    done: set[str] = set()
    for start in onward:
        if start not in done:
            circle = _circle_from(start, onward, done)
            if circle is not None:
                return circle
    return None


def _circle_from(start: str, onward: Mapping[str, tuple[str, ...]], done: set[str]) -> tuple[str, ...] | None:
    """A circle that can be reached from `start`; whatever leads to none is added to `done`."""
    path: dict[str, Iterator[str]] = {start: iter(onward[start])}  # in the order of the steps; no recursion
    while path:
        here = next(reversed(path))
        below = next((name for name in path[here] if name not in done), None)
        if below is None:
            done.add(here)
            del path[here]
        elif below in path:
            names = list(path)
            return (*names[names.index(below) :], below)
        else:
            path[below] = iter(onward[below])
    return None
