"""Whether a figure grows: the median of all slopes between two samples, which a burst here and there does not move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median


@dataclass(frozen=True, slots=True)
class Trend:
    """What became of one figure after its warm-up."""

    name: str
    first: float  # medians of the first and of the last third
    last: float
    growth: float  # from the beginning of the time that was looked at to its end, by the median slope
    allowed: float

    @property
    def flat(self) -> bool:
        """Whether it stays within what is allowed."""
        return self.growth <= self.allowed


def trend(name: str, samples: Sequence[tuple[float, float]], *, share: float, least: float) -> Trend:
    """Judge samples of (time, figure): growth of up to a share of the figure, or of the least that counts, is noise."""
    if len(samples) < 3:
        raise ValueError(f"{name}: {len(samples)} samples tell nothing")
    slopes = [(b - a) / (y - x) for (x, a), (y, b) in combinations(samples, 2) if y > x]
    third = max(1, len(samples) // 3)
    first, last = (median(value for _, value in part) for part in (samples[:third], samples[-third:]))
    growth = median(slopes) * (samples[-1][0] - samples[0][0])
    return Trend(name, first, last, growth, max(least, share * first))


def table(trends: Sequence[Trend]) -> str:
    """The trends as text."""
    rows = [("figure", "first third", "last third", "growth", "allowed", "")]
    rows += [
        (
            one.name,
            _words(one.first),
            _words(one.last),
            _words(one.growth),
            _words(one.allowed),
            "flat" if one.flat else "GROWS",
        )
        for one in trends
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if n else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _words(figure: float) -> str:
    return f"{figure / (1 << 20):,.2f} MB" if abs(figure) >= 1 << 17 else f"{figure:,.1f}"
