"""Dependencies between tasks: possible joins, and no circle without an end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from polysync.config.checks.survey import Survey
from polysync.config.layers import Unit
from polysync.config.lines import KeyPath
from polysync.config.wording import quoted
from polysync.domain.graph import find_cycle
from polysync.domain.task import Edge, Task

MOST: Final = 100  # circles told at once; each costs a walk over all tasks, and the next run tells the next ones


def check_task(unit: Unit, survey: Survey) -> None:
    """A task's own edges: not to itself, none twice, and as many as the join wants."""
    task: Task = unit.made
    if not task.depends_on:
        if task.depends_mode.need is not None and "depends_on" not in unit.said.raw:
            survey.findings.error((*unit.path, "depends_mode"), "there is nothing to join", "add depends_on")
        return
    seen: set[Edge] = set()
    for index, edge in enumerate(task.depends_on):
        path = _edge_path(unit, index)
        if edge.task == task.name and not task.max_turns:
            hint = "max_turns = N allows so many turns of a loop"
            survey.findings.error(path, "the task depends on itself", hint)
        elif edge in seen:
            survey.findings.error(path, f"{quoted(edge.task)} stands here a second time")
        seen.add(edge)
    need = task.depends_mode.need
    if need is not None and not task.depends_mode.percent and need > len(task.depends_on):
        message = f"needs {need} dependencies of {len(task.depends_on)}"
        survey.findings.error((*unit.path, "depends_mode"), message, f"at most {len(task.depends_on)}")


def _edge_path(unit: Unit, index: int) -> KeyPath:
    path: KeyPath = (*unit.path, "depends_on")
    return (*path, index) if isinstance(unit.said.raw.get("depends_on"), list) else path


def check_cycles(survey: Survey) -> None:
    """A finding for each circle of tasks of which none sets `max_turns`."""
    rest: dict[str, Task] = {
        name: unit.made for name, unit in survey.tasks.items() if unit.made.depends_on and name not in survey.templates
    }
    rest = {name: task for name, task in rest.items() if all(edge.task != name for edge in task.depends_on)}
    for _ in range(MOST):
        cycle = find_cycle(rest)
        if cycle is None:
            return
        ring = cycle[:-1]
        first = min(ring, key=list(survey.tasks).index)
        at = ring.index(first)
        circle = (*ring[at:], *ring[:at], first)
        message = f"the tasks wait for each other: {' -> '.join(circle)}"
        survey.findings.error(
            ("tasks", first, "depends_on"), message, "break the circle, or set max_turns on one of them"
        )
        rest = _without(rest, ring)


def _without(tasks: Mapping[str, Task], ring: tuple[str, ...]) -> dict[str, Task]:
    return {name: task for name, task in tasks.items() if name not in ring}
