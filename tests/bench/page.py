"""The page of figures: what was measured, when, and on what machine; written by the bench, never by hand."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import date

from tests.bench.bars import Line

HEAD = """\
<!-- Written by `contrib/dev bench --write`; measure again instead of changing it. -->

# Performance

Each figure is a ratio to a peer that was measured in the same rounds on the same machine, the median of at least five.
Ratios carry over to other machines, milliseconds do not. A bar that is missed is shown as missed; a round in which the
machine was busy with something else does not count, and with too few of them left the verdict is noisy.
"""


def page(lines: Sequence[Line], on: date, machine: str) -> str:
    """The whole page."""
    rows = ["| bar | what | peer | ratio | bar is | verdict |", "|---|---|---|---|---|---|"]
    for line in lines:
        bar = line.bar
        cells = (str(bar.number), bar.what, bar.peer, f"{line.ratio:.2f}", bar.bound, line.verdict.value)
        rows.append(f"| {' | '.join(cells)} |")
    return f"{HEAD}\nMeasured on {on.isoformat()}: {machine}.\n\n" + "\n".join(rows) + "\n"


def this_machine() -> str:
    """What was measured on, in a few words."""
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{os.cpu_count() or 1} cores, {platform.system()} {kernel}, Python {platform.python_version()}"
