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

A figure without a unit is a ratio to a peer that was measured in the same rounds on the same machine; every figure is
the median of at least five rounds. Ratios carry over to other machines; figures with a unit do so only roughly. A bar
that is missed is shown as missed. A round in which the machine was busy with something else does not count, and with
too few of them left, or where the machine itself misses the bar without us, the verdict is noisy.

C is a loop in C that starts `sh -c` with the same command by `posix_spawn` and does nothing else: it stores nothing,
keeps no output, and forgets everything when it dies.
"""


def page(lines: Sequence[Line], on: date, machine: str) -> str:
    """The whole page."""
    rows = ["| bar | what | peer | figure | bar is | verdict |", "|---|---|---|---|---|---|"]
    for line in lines:
        bar = line.bar
        cells = (str(bar.number), bar.what, bar.peer, line.figure, bar.bound, line.told)
        rows.append(f"| {' | '.join(cells)} |")
    return f"{HEAD}\nMeasured on {on.isoformat()}: {machine}.\n\n" + "\n".join(rows) + "\n"


def this_machine() -> str:
    """What was measured on, in a few words."""
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{os.cpu_count() or 1} cores, {platform.system()} {kernel}, Python {platform.python_version()}"
