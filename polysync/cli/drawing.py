"""A graph drawn with lines: columns of names from left to right, and between them the wires that join them.

Between two columns the sources with the same targets share a wire, and each wire that leaves its row owns one
upright track.  The line out of a source and the line into a target may share a row; then the source's track must
stand left of every track that feeds the target, or the two lines would run into each other.  Where that order is
impossible the column moves down by half a step, so that the two kinds of lines never share a row.

Level lines lead to the right, but an upright one can be read both ways: where a wire with several targets meets
the line of another, one could turn into it and end at a target that is not meant.  There the wire gets a branch
of its own with an arrow into that line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from polysync.cli.layers import Arrow, Layout, Spot, arrange
from polysync.domain.render import cut, width_of

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
LINES: Final = {
    LEFT: "─", RIGHT: "─", LEFT | RIGHT: "─", UP: "│", DOWN: "│", UP | DOWN: "│",
    UP | RIGHT: "└", UP | LEFT: "┘", DOWN | RIGHT: "┌", DOWN | LEFT: "┐",
    UP | DOWN | RIGHT: "├", UP | DOWN | LEFT: "┤", LEFT | RIGHT | DOWN: "┬", LEFT | RIGHT | UP: "┴",
    UP | DOWN | LEFT | RIGHT: "┼",
}  # fmt: skip
HEAD: Final = "▶"
PLAIN: Final = str.maketrans(
    {**dict.fromkeys("└┘┌┐├┤┬┴┼", "+"), "─": "-", "│": "|", HEAD: ">", "▲": "^", "▼": "v", "…": "~"}
)
SHORTEST: Final = 8  # a name cut to less says nothing


@dataclass(frozen=True, slots=True)
class Net:
    """One wire: everything on its left end leads to everything on its right end."""

    sources: tuple[Spot, ...]
    targets: tuple[Spot, ...]
    branch: bool = False  # one of several that its sources have

    def rows(self, layout: Layout) -> set[int]:
        """The rows in which it has an end."""
        return {layout.rows[spot] for spot in (*self.sources, *self.targets)}

    def extent(self, layout: Layout) -> range:
        """The rows that its track passes."""
        return range(min(self.rows(layout)), max(self.rows(layout)) + 1)

    def straight(self, layout: Layout) -> bool:
        """Whether it runs level from one source to one target."""
        return len(self.rows(layout)) == 1


Tracks = Mapping[Net, int | None]


@dataclass(slots=True)
class Sheet:
    """A sheet of characters, written anywhere."""

    rows: dict[int, dict[int, str]] = field(default_factory=dict)

    def write(self, x: int, y: int, text: str) -> None:
        """Put `text` at a place; a wide character takes two columns."""
        for char in text:
            self.rows.setdefault(y, {})[x] = char
            x += max(1, width_of(char))

    def text(self) -> list[str]:
        """The sheet as lines."""
        return [self._line(self.rows.get(y, {})) for y in range(max(self.rows, default=-1) + 1)]

    def _line(self, row: Mapping[int, str]) -> str:
        line, x = "", 0
        for at in sorted(row):
            line += " " * (at - x) + row[at]
            x = at + max(1, width_of(row[at]))
        return line.rstrip()


def draw(
    nodes: Sequence[str], arrows: Sequence[Arrow], labels: Mapping[str, str], width: int | None
) -> list[str] | None:
    """One connected graph without loops, drawn; None where it does not fit into `width` even with short names."""
    layout = arrange(nodes, arrows)
    channels = [_wired(layout, column) for column in range(len(layout.columns) - 1)]
    _settle(layout, 2 if any(net.branch for tracks in channels for net in tracks) else 1)  # room for arrows
    longest = max(width_of(label) for label in labels.values())
    for limit in dict.fromkeys((longest, *range(min(longest, 40), SHORTEST - 1, -1))):
        lines = _drawn(layout, channels, {node: cut(labels[node], limit) for node in nodes})
        if width is None or max(map(width_of, lines)) <= width:
            return lines
    return None


def plain(line: str) -> str:
    """A drawn line in ASCII."""
    return line.translate(PLAIN)


def _nets(layout: Layout, column: int) -> list[Net]:
    """The wires right of a column: sources with the same targets share one."""
    shared: dict[frozenset[Spot], list[Spot]] = {}
    for spot in layout.columns[column]:
        if layout.after[spot]:
            shared.setdefault(frozenset(layout.after[spot]), []).append(spot)
    return [Net(tuple(sources), tuple(targets)) for targets, sources in shared.items()]


def _wired(layout: Layout, column: int) -> Tracks:
    """The wires right of a column with their tracks, branched until none can be misread."""
    nets = _nets(layout, column)
    while True:
        tracks = _tracks(nets, layout, column)
        unclear = {
            net: [t for t in net.targets if _joins(net, t, tracks, layout)] for net in nets if len(net.targets) > 1
        }
        if not any(unclear.values()):
            return tracks
        nets = [part for net in nets for part in _branched(net, unclear.get(net, []))]


def _branched(net: Net, apart: Sequence[Spot]) -> list[Net]:
    rest = tuple(target for target in net.targets if target not in apart)
    kept = [Net(net.sources, rest, branch=len(rest) == 1 or net.branch)] if rest else []
    return kept + [Net(net.sources, (target,), branch=True) for target in apart]


def _joins(net: Net, target: Spot, tracks: Tracks, layout: Layout) -> bool:
    """Whether the track of `net` meets a line into `target` that has begun further left."""
    row, own = layout.rows[target], tracks[net]
    if own is None or any(layout.rows[spot] == row for spot in net.sources):
        return False
    for other, track in tracks.items():
        begun = track is None or track < own or any(layout.rows[spot] == row for spot in other.sources)
        if other is not net and target in other.targets and begun:
            return True
    return False


def _tracks(nets: Sequence[Net], layout: Layout, column: int) -> Tracks:
    """The track of each wire right of a column, counted from the left; None where it runs straight."""
    order = _ordered(nets, layout)
    if order is None:
        _move_down(layout, column + 1)
        order = sorted(nets, key=_eagerness)
    taken: list[list[range]] = []
    tracks: dict[Net, int | None] = {}
    for net in order:
        tracks[net] = None
        if not net.straight(layout):
            before = [tracks[other] for other in _left_of(net, order, layout)]
            tracks[net] = _first_free(net.extent(layout), taken, [track for track in before if track is not None])
    return tracks


def _eagerness(net: Net) -> int:
    """Wires with many targets go first: what joins them from the right then cannot be misread."""
    return -len(net.targets)


def _first_free(extent: range, taken: list[list[range]], before: Sequence[int]) -> int:
    """The leftmost track after those in `before` on which nothing is in the way; it is taken then."""
    track = max(before, default=-1) + 1
    while track < len(taken) and any(extent.start < other.stop and other.start < extent.stop for other in taken[track]):
        track += 1
    while track >= len(taken):
        taken.append([])
    taken[track].append(extent)
    return track


def _left_of(net: Net, others: Sequence[Net], layout: Layout) -> list[Net]:
    """The wires with a source in the row of a target of `net`: their tracks stand left of its track."""
    fed = {layout.rows[target] for target in net.targets}
    return [other for other in others if other != net and any(layout.rows[spot] in fed for spot in other.sources)]


def _ordered(nets: Sequence[Net], layout: Layout) -> list[Net] | None:
    """The wires so that each comes after those that stand left of it, or None where that is a circle."""
    left = sorted(nets, key=_eagerness)
    order: list[Net] = []
    while left:
        free = [net for net in left if not any(other in left for other in _left_of(net, nets, layout))]
        if not free:
            return None
        order.append(free[0])
        left.remove(free[0])
    return order


def _move_down(layout: Layout, first: int) -> None:
    """Double the rows, and set every column from `first` on between those of the columns before."""
    for index, column in enumerate(layout.columns):
        for spot in column:
            layout.rows[spot] = layout.rows[spot] * 2 + (1 if index >= first else 0)


def _settle(layout: Layout, distance: int) -> None:
    """Take out the rows that nothing stands in, and set the others `distance` apart."""
    place = {row: index * distance for index, row in enumerate(sorted(set(layout.rows.values())))}
    layout.rows = {spot: place[row] for spot, row in layout.rows.items()}


def _drawn(layout: Layout, channels: Sequence[Tracks], labels: Mapping[str, str]) -> list[str]:
    sheet = Sheet()
    x = 0
    for index, column in enumerate(layout.columns):
        room = max((width_of(labels[spot.name]) for spot in column if spot.name), default=0)
        for spot in column:
            _write_spot(sheet, spot, x, room, layout, labels)
        if index < len(channels):
            x = _write_channel(sheet, x + room, layout, index, channels[index])
    return sheet.text()


def _write_spot(sheet: Sheet, spot: Spot, x: int, room: int, layout: Layout, labels: Mapping[str, str]) -> None:
    row = layout.rows[spot]
    if spot.name is None:
        sheet.write(x - 1, row, "─" * (room + 1))
        return
    label = labels[spot.name]
    sheet.write(x, row, label)
    if layout.after[spot] and width_of(label) < room:
        sheet.write(x + width_of(label) + 1, row, "─" * (room - width_of(label) - 1))


def _write_channel(sheet: Sheet, x: int, layout: Layout, index: int, tracks: Tracks) -> int:
    """Draw the wires right of column `index`, which ends at `x`; where the next column starts."""
    used = max((track for track in tracks.values() if track is not None), default=0) + 1
    wires = Wires(layout, x, x + 1 + 2 * used)
    for net, track in tracks.items():
        pointed = net.branch and _joins(net, net.targets[0], tracks, layout)
        wires.lay(net, wires.column(track), pointed=pointed)
    for net, track in tracks.items():
        pointed = net.branch and _joins(net, net.targets[0], tracks, layout)
        if track is not None:
            wires.raise_(net, wires.column(track), pointed=pointed)
    for (column, row), directions in wires.bits.items():
        sheet.write(column, row, LINES[directions])
    for (column, row), head in wires.heads.items():
        sheet.write(column, row, head)
    for target in layout.columns[index + 1]:
        if layout.before[target]:
            sheet.write(wires.end, layout.rows[target], HEAD if target.name else "─")
    return wires.end + 2


@dataclass(slots=True)
class Wires:
    """The lines between two columns: in which directions each place is joined, and where arrows stand."""

    layout: Layout
    begin: int
    end: int
    bits: dict[tuple[int, int], int] = field(default_factory=dict)
    heads: dict[tuple[int, int], str] = field(default_factory=dict)

    def column(self, track: int | None) -> int:
        """Where a track stands; without one a wire runs to the end."""
        return self.end if track is None else self.begin + 2 + 2 * track

    def lay(self, net: Net, column: int, *, pointed: bool) -> None:
        """The level lines of a wire: from its sources to its track, and from there to its targets."""
        for spot in net.sources:
            self._level(self.layout.rows[spot], self.begin + (1 if spot.name else 0), column)
        for spot in () if pointed else net.targets:
            self._level(self.layout.rows[spot], column, self.end)

    def _level(self, row: int, begin: int, end: int) -> None:
        """A level line; its ends point inwards only."""
        for x in range(begin, end + 1):
            here = (LEFT if x > begin else 0) | (RIGHT if x < end else 0)
            self.bits[x, row] = self.bits.get((x, row), 0) | here

    def raise_(self, net: Net, column: int, *, pointed: bool) -> None:
        """An upright track; where it passes a line that is none of its own, it goes over it."""
        extent, own = net.extent(self.layout), net.rows(self.layout)
        goal = self.layout.rows[net.targets[0]] if pointed else None
        for row in extent:
            if row == goal:
                continue
            upright = (UP if row > extent.start else 0) | (DOWN if row < extent.stop - 1 else 0)
            level = self.bits.get((column, row), 0) if row in own else 0
            self.bits[column, row] = upright | level
            if goal is not None and abs(row - goal) == 1:
                self.heads[column, row] = "▲" if row > goal else "▼"
