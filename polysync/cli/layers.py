"""The layout of a layered drawing: which column and which row each node stands in.

A node stands one column right of the last of its sources.  An edge that passes columns gets a stand-in in
each, so that every edge joins neighbours.  Rows come from the middle of a node's neighbours, swept to and fro.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

SWEEPS: Final = 6  # more do not untangle what these have not
Arrow = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Spot:
    """A node of the layout; a stand-in has no name and is drawn as a line."""

    number: int
    column: int
    name: str | None = None


@dataclass(slots=True)
class Layout:
    """Columns of spots from top to bottom, their rows, and the edges between neighbouring columns."""

    columns: list[list[Spot]] = field(default_factory=list)
    rows: dict[Spot, int] = field(default_factory=dict)
    after: dict[Spot, list[Spot]] = field(default_factory=lambda: defaultdict(list))
    before: dict[Spot, list[Spot]] = field(default_factory=lambda: defaultdict(list))


def components(nodes: Iterable[str], arrows: Iterable[Arrow]) -> list[list[str]]:
    """The connected parts of a graph, each in the order of `nodes`."""
    beside: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in arrows:
        beside[source].append(target)
        beside[target].append(source)
    seen: set[str] = set()
    parts = []
    for node in beside:
        if node not in seen:
            part = _reached(node, beside)
            seen |= part
            parts.append([member for member in beside if member in part])
    return parts


def _reached(start: str, beside: Mapping[str, Sequence[str]]) -> set[str]:
    reached, waiting = {start}, [start]
    while waiting:
        fresh = [other for other in beside[waiting.pop()] if other not in reached]
        reached.update(fresh)
        waiting.extend(fresh)
    return reached


def forward(nodes: Sequence[str], arrows: Sequence[Arrow]) -> tuple[list[Arrow], list[Arrow]]:
    """The edges without those that close a loop, and those."""
    onward: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in arrows:
        onward[source].append(target)
    closing: set[Arrow] = set()
    done: set[str] = set()
    for node in nodes:
        _walk(node, onward, done, closing)
    return [arrow for arrow in arrows if arrow not in closing], [arrow for arrow in arrows if arrow in closing]


def _walk(start: str, onward: Mapping[str, Sequence[str]], done: set[str], closing: set[Arrow]) -> None:
    """Walk down from `start` without recursion; an edge to a node still under way closes a loop."""
    if start in done:
        return
    under_way = {start: iter(onward[start])}
    while under_way:
        node, following = next(reversed(under_way.items()))
        target = next(following, None)
        if target is None:
            done.add(node)
            del under_way[node]
        elif target in under_way:
            closing.add((node, target))
        elif target not in done:
            under_way[target] = iter(onward[target])


def arrange(nodes: Sequence[str], arrows: Sequence[Arrow]) -> Layout:
    """The layout of one connected graph without loops."""
    depth = _depths(nodes, arrows)
    layout = Layout([[] for _ in range(max(depth.values()) + 1)])
    spots: dict[str, Spot] = {}
    for node in nodes:
        spots[node] = Spot(len(spots), depth[node], node)
        layout.columns[depth[node]].append(spots[node])
    numbers = iter(range(len(spots), len(spots) + len(arrows) * len(layout.columns)))
    for source, target in arrows:
        _join(layout, spots[source], spots[target], numbers)
    for sweep in range(SWEEPS):
        _reorder(layout, rightwards=sweep % 2 == 0)
    _place(layout)
    return layout


def _depths(nodes: Sequence[str], arrows: Sequence[Arrow]) -> dict[str, int]:
    sources: dict[str, int] = dict.fromkeys(nodes, 0)
    onward: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in arrows:
        sources[target] += 1
        onward[source].append(target)
    depth = dict.fromkeys(nodes, 0)
    ready = [node for node in nodes if not sources[node]]
    for node in ready:
        for target in onward[node]:
            depth[target] = max(depth[target], depth[node] + 1)
            sources[target] -= 1
            if not sources[target]:
                ready.append(target)
    return depth


def _join(layout: Layout, source: Spot, target: Spot, numbers: Iterable[int]) -> None:
    last = source
    for column, number in zip(range(source.column + 1, target.column), numbers, strict=False):
        stand_in = Spot(number, column)
        layout.columns[column].append(stand_in)
        _link(layout, last, stand_in)
        last = stand_in
    _link(layout, last, target)


def _link(layout: Layout, source: Spot, target: Spot) -> None:
    layout.after[source].append(target)
    layout.before[target].append(source)


def _reorder(layout: Layout, *, rightwards: bool) -> None:
    """Sort each column by the middle of its neighbours' places in the column before."""
    columns = layout.columns if rightwards else layout.columns[::-1]
    neighbours = layout.before if rightwards else layout.after
    for earlier, column in pairwise(columns):
        place = {spot: index for index, spot in enumerate(earlier)}
        own = {spot: float(index) for index, spot in enumerate(column)}
        column.sort(key=lambda spot: _middle([place[other] for other in neighbours[spot]], own[spot]))


def _middle(places: Sequence[int], otherwise: float) -> float:
    return sum(places) / len(places) if places else otherwise


def _place(layout: Layout) -> None:
    """Give each spot the row nearest to the middle of its sources that is still free below its predecessor."""
    for column in layout.columns:
        lowest = 0
        for spot in column:
            wanted = _middle([layout.rows[source] for source in layout.before[spot]], lowest)
            layout.rows[spot] = max(lowest, int(wanted))
            lowest = layout.rows[spot] + 1
