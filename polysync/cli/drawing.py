"""A graph drawn with lines: columns of names from left to right, and between them the wires that join them.

Between two columns the sources with the same targets share a wire, and each wire that leaves its row owns one
upright track.  The line out of a source and the line into a target may share a row; then the source's track must
stand left of every track that feeds the target, or the two lines would run into each other.  Where that order is
impossible the column moves down by half a step, so that the two kinds of lines never share a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from polysync.cli.layers import Arrow, Layout, Spot, arrange
from polysync.cli.render import cut, width_of

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
LINES: Final = {
    LEFT: "─", RIGHT: "─", LEFT | RIGHT: "─", UP: "│", DOWN: "│", UP | DOWN: "│",
    UP | RIGHT: "└", UP | LEFT: "┘", DOWN | RIGHT: "┌", DOWN | LEFT: "┐",
    UP | DOWN | RIGHT: "├", UP | DOWN | LEFT: "┤", LEFT | RIGHT | DOWN: "┬", LEFT | RIGHT | UP: "┴",
    UP | DOWN | LEFT | RIGHT: "┼",
}  # fmt: skip
HEAD: Final = "▶"
PLAIN: Final = str.maketrans({**dict.fromkeys("└┘┌┐├┤┬┴┼", "+"), "─": "-", "│": "|", HEAD: ">", "…": "~"})
SHORTEST: Final = 8  # a name cut to less says nothing


@dataclass(frozen=True, slots=True)
class Net:
    """One wire: everything on its left end leads to everything on its right end."""

    sources: tuple[Spot, ...]
    targets: tuple[Spot, ...]

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


def draw(nodes: Sequence[str], arrows: Sequence[Arrow], labels: Mapping[str, str], width: int | None) -> list[str] | None:
    """One connected graph without loops, drawn; None where it does not fit into `width` even with short names."""
    layout = arrange(nodes, arrows)
    channels = [_tracks(layout, column) for column in range(len(layout.columns) - 1)]
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


def _tracks(layout: Layout, column: int) -> Tracks:
    """The track of each wire right of a column, counted from the left; None where it runs straight."""
    nets = _nets(layout, column)
    order = _ordered(nets, layout)
    if order is None:
        _move_down(layout, column + 1)
        order = nets
    taken: list[list[range]] = []
    tracks: dict[Net, int | None] = {}
    for net in order:
        tracks[net] = None
        if not net.straight(layout):
            before = [tracks[other] for other in _left_of(net, order, layout)]
            tracks[net] = _first_free(net.extent(layout), taken, [track for track in before if track is not None])
    return tracks


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
    left = list(nets)
    order: list[Net] = []
    while left:
        free = [net for net in left if not any(other in left for other in _left_of(net, nets, layout))]
        if not free:
            return None
        order += free
        left = [net for net in left if net not in free]
    return order


def _move_down(layout: Layout, first: int) -> None:
    """Double the rows, and set every column from `first` on between those of the columns before."""
    for index, column in enumerate(layout.columns):
        for spot in column:
            layout.rows[spot] = layout.rows[spot] * 2 + (1 if index >= first else 0)


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
    first, end = x + 2, x + 1 + 2 * used
    bits: dict[tuple[int, int], int] = {}
    for net, track in tracks.items():
        _lay(bits, net, layout, x, None if track is None else first + 2 * track, end)
    for net, track in tracks.items():
        if track is not None:
            _raise(bits, net, first + 2 * track, layout)
    for (column, row), directions in bits.items():
        sheet.write(column, row, LINES[directions])
    for target in layout.columns[index + 1]:
        if layout.before[target]:
            sheet.write(end, layout.rows[target], HEAD if target.name else "─")
    return end + 2


def _lay(bits: dict[tuple[int, int], int], net: Net, layout: Layout, x: int, track: int | None, end: int) -> None:
    """The level lines of a wire: from its sources to its track, and from there to its targets."""
    for spot in net.sources:
        _level(bits, layout.rows[spot], x + (1 if spot.name else 0), end if track is None else track)
    for spot in net.targets:
        _level(bits, layout.rows[spot], end if track is None else track, end)


def _level(bits: dict[tuple[int, int], int], row: int, begin: int, end: int) -> None:
    """A level line from `begin` to `end`; its ends point inwards only."""
    for x in range(begin, end + 1):
        here = (LEFT if x > begin else 0) | (RIGHT if x < end else 0)
        bits[x, row] = bits.get((x, row), 0) | here


def _raise(bits: dict[tuple[int, int], int], net: Net, column: int, layout: Layout) -> None:
    """An upright track; where it passes a line that is none of its own, it goes over it."""
    extent, own = net.extent(layout), net.rows(layout)
    for row in extent:
        upright = (UP if row > extent.start else 0) | (DOWN if row < extent.stop - 1 else 0)
        level = bits.get((column, row), 0) if row in own else 0
        bits[column, row] = upright | level
