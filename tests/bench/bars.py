"""Bars: how a figure is measured beside its peer, and when it counts as kept, missed or too noisy to tell."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Final

ROUNDS: Final = 5
FEWEST: Final = 3  # rounds that must be left for a verdict
CONTROL: Final = "control"
CONTROL_STEPS: Final = 400_000  # about 20 ms of work that never changes

Figures = Mapping[str, float]  # one round: seconds by name, `control` among them
Round = Callable[[], Figures]


class Verdict(StrEnum):
    """Whether a bar is kept."""

    OK = "ok"
    MISSED = "MISSED"
    NOISY = "noisy"


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the table: the ratio of two figures, and the bound that it must keep."""

    number: int
    what: str
    peer: str
    over: str  # the figure above the line
    under: str  # the figure below it
    at_least: float | None = None
    at_most: float | None = None

    def keeps(self, ratio: float) -> bool:
        """Whether `ratio` is inside the bound."""
        return (self.at_least is None or ratio >= self.at_least) and (self.at_most is None or ratio <= self.at_most)

    @property
    def bound(self) -> str:
        """The bound as people read it."""
        return f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"


@dataclass(frozen=True, slots=True)
class Family:
    """Bars that are measured in the same rounds; `prepare` makes what one round needs and returns the round."""

    name: str
    bars: tuple[Bar, ...]
    prepare: Callable[[], Round]


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one bar."""

    bar: Bar
    ratio: float
    verdict: Verdict


def measure(family: Family, rounds: int = ROUNDS) -> list[Figures]:
    """The figures of several rounds; within a round all of the family is measured in turn."""
    once = family.prepare()
    return [{**once(), CONTROL: seconds(_control)} for _ in range(rounds)]


def judged(bars: Sequence[Bar], figures: Sequence[Figures]) -> list[Line]:
    """The verdicts; rounds in which the machine was below half of its best speed do not count."""
    best = min(figure[CONTROL] for figure in figures)
    calm = [figure for figure in figures if figure[CONTROL] <= 2 * best]
    return [_line(bar, calm) for bar in bars]


def table(lines: Sequence[Line]) -> list[str]:
    """The table of bars, ready to print."""
    rows = [("bar", "what", "peer", "ratio", "bar is", "verdict")]
    rows += [
        (str(line.bar.number), line.bar.what, line.bar.peer, f"{line.ratio:.2f}", line.bar.bound, line.verdict.value)
        for line in lines
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def seconds(work: Callable[[], object]) -> float:
    """The processor time that `work` takes, which other programs on the machine hardly change."""
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def _line(bar: Bar, calm: Sequence[Figures]) -> Line:
    ratio = median(figure[bar.over] / figure[bar.under] for figure in calm)
    if len(calm) < FEWEST:
        return Line(bar, ratio, Verdict.NOISY)
    return Line(bar, ratio, Verdict.OK if bar.keeps(ratio) else Verdict.MISSED)


def _control() -> int:
    total = 0
    for number in range(CONTROL_STEPS):
        total += number & 7
    return total
