"""Bars: how a figure is measured beside its peer, and when it counts as kept, missed or too noisy to tell."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
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


class NotMeasured(Exception):
    """This machine lacks what the measurement needs."""


class Verdict(StrEnum):
    """Whether a bar is kept."""

    OK = "ok"
    MISSED = "MISSED"
    NOISY = "noisy"
    ABSENT = "not measured"


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the table: the ratio of two figures, or one figure alone, and the bound that it must keep."""

    number: int
    what: str
    peer: str
    over: str  # the figure above the line
    under: str = ""  # the figure below it; none: the figure itself is judged
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""
    control: str = ""  # a figure of the machine, without us; where it misses `control_at_most`, nothing can be told
    control_at_most: float = float("inf")
    fold: Callable[[Sequence[float]], float] = median  # of the rounds

    def keeps(self, ratio: float) -> bool:
        """Whether `ratio` is inside the bound."""
        return (self.at_least is None or ratio >= self.at_least) and (self.at_most is None or ratio <= self.at_most)

    @property
    def needs(self) -> tuple[str, ...]:
        """The names of its figures."""
        return tuple(name for name in (self.over, self.under, self.control) if name)

    @property
    def bound(self) -> str:
        """The bound as people read it."""
        bound = f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"
        return f"{bound} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Family:
    """Bars that are measured in the same rounds; `prepare` makes what one round needs and returns the round."""

    name: str
    bars: tuple[Bar, ...]
    prepare: Callable[[], Round | AbstractContextManager[Round]]
    absent: Callable[[], Mapping[str, str]] = dict  # figures that this machine cannot give, and why


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one bar."""

    bar: Bar
    ratio: float
    verdict: Verdict
    reason: str = ""

    @property
    def figure(self) -> str:
        """What was measured, as people read it."""
        if self.verdict is Verdict.ABSENT:
            return "-"
        return f"{self.ratio:.3g} {self.bar.unit}" if self.bar.unit else f"{self.ratio:.2f}"

    @property
    def told(self) -> str:
        """The verdict, and why there is none."""
        return f"{self.verdict}: {self.reason}" if self.reason else self.verdict.value


def taken(family: Family, rounds: int = ROUNDS) -> list[Line]:
    """What became of the bars of a family; where it cannot be measured here, the lines say why."""
    try:
        figures = measure(family, rounds)
    except NotMeasured as reason:
        return [Line(bar, 0.0, Verdict.ABSENT, str(reason)) for bar in family.bars]
    return judged(family.bars, figures, family.absent())


def measure(family: Family, rounds: int = ROUNDS) -> list[Figures]:
    """The figures of several rounds; within a round all of the family is measured in turn."""
    made = family.prepare()
    with made if isinstance(made, AbstractContextManager) else nullcontext(made) as once:
        return [{CONTROL: seconds(_control), **once()} for _ in range(rounds)]


def judged(bars: Sequence[Bar], figures: Sequence[Figures], absent: Mapping[str, str] | None = None) -> list[Line]:
    """The verdicts; rounds in which the machine was below half of its best speed do not count."""
    best = min(figure[CONTROL] for figure in figures)
    calm = [figure for figure in figures if figure[CONTROL] <= 2 * best]
    return [_line(bar, calm, absent or {}) for bar in bars]


def table(lines: Sequence[Line]) -> list[str]:
    """The table of bars, ready to print."""
    rows = [("bar", "what", "peer", "figure", "bar is", "verdict")]
    rows += [
        (str(line.bar.number), line.bar.what, line.bar.peer, line.figure, line.bar.bound, line.told) for line in lines
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def seconds(work: Callable[[], object]) -> float:
    """The processor time that `work` takes, which other programs on the machine hardly change."""
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all is not above; with few values the largest."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _line(bar: Bar, calm: Sequence[Figures], absent: Mapping[str, str]) -> Line:
    missing = [name for name in bar.needs if name not in calm[0]]
    if missing:
        return Line(bar, 0.0, Verdict.ABSENT, absent.get(missing[0], f"no {missing[0]}"))
    ratio = bar.fold([figure[bar.over] / (figure[bar.under] if bar.under else 1.0) for figure in calm])
    shaky = bar.control and median(figure[bar.control] for figure in calm) > bar.control_at_most
    if len(calm) < FEWEST:
        return Line(bar, ratio, Verdict.NOISY)
    if bar.keeps(ratio):
        return Line(bar, ratio, Verdict.OK)
    return Line(bar, ratio, Verdict.NOISY if shaky else Verdict.MISSED)


def _control() -> int:
    total = 0
    for number in range(CONTROL_STEPS):
        total += number & 7
    return total
