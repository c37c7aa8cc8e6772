"""Drawings of graphs: whoever follows the lines finds exactly the edges, and nothing leaves the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from polysync.cli.drawing import DOWN, HEAD, LEFT, LINES, RIGHT, UP, draw
from polysync.cli.layers import components

MEANING: Mapping[str, int] = {**{char: bits for bits, char in LINES.items()}, "─": LEFT | RIGHT, "│": UP | DOWN}
STEP = {UP: (0, -1), DOWN: (0, 1), RIGHT: (1, 0)}
ARROWS = {"▲": UP, "▼": DOWN}
Arrow = tuple[str, str]


def drawing(arrows: Sequence[Arrow], width: int | None = None, nodes: Sequence[str] = ()) -> list[str]:
    names = list(dict.fromkeys([*nodes, *(name for arrow in arrows for name in arrow)]))
    drawn = draw(names, arrows, {name: name for name in names}, width)
    assert drawn is not None
    return drawn


class Reader:
    """Somebody who follows lines with a finger: to the right, up and down, never back to the left."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.cells = {(x, y): char for y, line in enumerate(lines) for x, char in enumerate(line)}

    def edges(self) -> set[Arrow]:
        found = set()
        for (x, y), char in self.cells.items():
            if char.isalnum() and not self.at(x - 1, y).isalnum():
                name = self.name(x, y)
                found |= {(name, target) for target in self.followed(x + len(name), y)}
        return found

    def at(self, x: int, y: int) -> str:
        return self.cells.get((x, y), " ")

    def name(self, x: int, y: int) -> str:
        text = ""
        while self.at(x, y).isalnum():
            text, x = text + self.at(x, y), x + 1
        return text

    def followed(self, x: int, y: int) -> set[str]:
        while self.at(x, y) == " " and (x, y) in self.cells:
            x += 1
        if self.at(x, y) != "─":
            return set()
        waiting, seen, targets = [(x, y, RIGHT)], set(), set()
        while waiting:
            state = waiting.pop()
            if state in seen:
                continue
            seen.add(state)
            x, y, way = state
            char = self.at(x, y)
            if char == HEAD:
                targets.add(self.name(x + 2, y))
            elif char in ARROWS:
                waiting.append((x, y + STEP[ARROWS[char]][1], ARROWS[char] | RIGHT))
            else:
                waiting += self.onward(x, y, way, MEANING[char])
        return targets

    def onward(self, x: int, y: int, way: int, bits: int) -> list[tuple[int, int, int]]:
        if way in {UP | RIGHT, DOWN | RIGHT}:
            return [(x + 1, y, RIGHT)]  # through an arrow into a line: on along it
        if way == RIGHT and not bits & LEFT and bits & (UP | DOWN) == UP | DOWN:
            return [(x + 1, y, RIGHT)]  # below an upright line that is none of ours
        back = {UP: DOWN, DOWN: UP, RIGHT: LEFT}[way]
        return [(x + dx, y + dy, on) for on, (dx, dy) in STEP.items() if bits & on and on != back]


def test_reader_finds_the_edges_of_a_known_picture() -> None:
    lines = ["a ─┬▶ b ─┬▶ d", "   └▶ c ─┘"]
    assert Reader(lines).edges() == {("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")}


def test_drawing_of_a_diamond_is_compact() -> None:
    arrows = [("extract", "clean"), ("extract", "verify"), ("clean", "load"), ("verify", "load")]
    assert drawing(arrows) == [
        "extract ─┬▶ clean  ─┬▶ load",
        "         └▶ verify ─┘",
    ]


def test_drawing_uses_an_arrow_where_a_junction_could_be_misread() -> None:
    arrows = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "e"), ("d", "f"), ("c", "f")]
    lines = drawing(arrows)
    assert any("▲" in line for line in lines)
    assert Reader(lines).edges() == set(arrows)


def graphs(largest: int = 9) -> st.SearchStrategy[list[Arrow]]:
    pairs = [(f"n{i}", f"n{j}") for i in range(largest) for j in range(i + 1, largest)]
    return st.lists(st.sampled_from(pairs), min_size=1, max_size=16, unique=True)


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_drawing_shows_exactly_the_edges(arrows: list[Arrow]) -> None:
    names = list(dict.fromkeys(name for arrow in arrows for name in arrow))
    found: set[Arrow] = set()
    for part in components(names, arrows):
        inner = [arrow for arrow in arrows if arrow[0] in part]
        found |= Reader(drawing(inner, nodes=part)).edges()
    assert found == set(arrows)
