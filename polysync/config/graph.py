"""The graph of tasks as plain data: what depends on what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from polysync.domain.task import Edge, Task
from polysync.domain.values import EdgeOn, Mode, Quorum

ON: Final = {EdgeOn.FAILURE: "on failure", EdgeOn.COMPLETION: "on completion", EdgeOn.SKIPPED: "on skipped"}


@dataclass(frozen=True, slots=True)
class Link:
    """One dependency: from upstream to downstream."""

    source: str
    target: str
    on: EdgeOn
    when: str | None

    @property
    def words(self) -> str:
        """What is special about it; nothing for plain success."""
        return " ".join(filter(None, (ON.get(self.on, ""), f"when {self.when}" if self.when else "")))


@dataclass(frozen=True, slots=True)
class Graph:
    """Tasks and what leads from one to another."""

    tasks: Mapping[str, Task]
    links: Sequence[Link]

    def label(self, name: str) -> str:
        """How a task is called in a picture: its name, and how many of its dependencies it needs."""
        return name + _needed(self.tasks[name].depends_mode, len(self.tasks[name].depends_on))

    def around(self, name: str) -> Graph:
        """Only what leads to `name` and what it leads to."""
        up = _reach(name, {(link.target, link.source) for link in self.links})
        down = _reach(name, {(link.source, link.target) for link in self.links})
        return self.only(up | down)

    def only(self, names: Iterable[str]) -> Graph:
        """The part of the graph with these tasks."""
        kept = set(names)
        tasks = {name: task for name, task in self.tasks.items() if name in kept}
        return Graph(tasks, [link for link in self.links if {link.source, link.target} <= kept])


def graph_of(tasks: Mapping[str, Task]) -> Graph:
    """The graph of all tasks that can run."""
    runnable = {name: task for name, task in tasks.items() if task.mode is not Mode.TEMPLATE}
    links = [_link(edge, name) for name, task in runnable.items() for edge in task.depends_on if edge.task in runnable]
    return Graph(runnable, links)


def _link(edge: Edge, target: str) -> Link:
    return Link(edge.task, target, edge.on, edge.when)


def _reach(start: str, steps: Iterable[tuple[str, str]]) -> set[str]:
    onward: dict[str, list[str]] = {}
    for source, target in steps:
        onward.setdefault(source, []).append(target)
    reached, waiting = {start}, [start]
    while waiting:
        fresh = [name for name in onward.get(waiting.pop(), []) if name not in reached]
        reached.update(fresh)
        waiting.extend(fresh)
    return reached


def _needed(mode: Quorum, edges: int) -> str:
    if mode.need is None or edges < 2:
        return ""
    return " (any)" if mode == Quorum(1) else f" ({mode.need}%)" if mode.percent else f" ({mode.need} of {edges})"


def _quorum_text(mode: Quorum) -> str | int:
    if mode.need is None:
        return "all"
    return f"{mode.need}%" if mode.percent else "any" if mode.need == 1 else mode.need


def as_data(graph: Graph) -> dict[str, Any]:
    """Nodes and edges."""
    return {
        "nodes": [
            {
                "name": name,
                "title": task.title,
                "group": task.group,
                "enabled": task.enabled,
                "cron": list(task.cron),
                "depends_mode": _quorum_text(task.depends_mode),
            }
            for name, task in graph.tasks.items()
        ],
        "edges": [
            {"from": link.source, "to": link.target, "on": link.on.value, "when": link.when} for link in graph.links
        ],
    }
