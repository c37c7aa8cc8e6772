"""Bars 1 to 4: a thousand runs, two hundred in flight, each decision durable and each output stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.bench.bars import CONTROL, Bar, Family, Figures, Round
from tests.bench.daemons import PLAIN, argv, due_soon, heavy, shell
from tests.bench.loops import LOOP, compiled, looped

RUNS: Final = 1000
IN_FLIGHT: Final = 200
COMMAND: Final = ("/bin/true",)


def measured(work: str, program: Sequence[str] = PLAIN) -> tuple[float, float]:
    """Seconds from the due moment to the last end, and processor seconds of the daemon, per run."""
    with due_soon(RUNS, work, program) as (daemon, due):
        before = daemon.spent()
        last = daemon.ended(RUNS)
        return (last - due) / RUNS, (daemon.spent().cpu - before.cpu) / RUNS


def thousand() -> Round:
    """C, plain argv, a shell string, and plain argv in a daemon that holds much memory."""
    compiled(LOOP)

    def once() -> Figures:
        limit = looped(RUNS, IN_FLIGHT, COMMAND[0])
        plain, cpu = measured(argv(COMMAND))
        string, _ = measured(shell(COMMAND))
        large, _ = measured(argv(COMMAND), heavy())
        return {
            CONTROL: limit["wall"],
            "C": limit["wall"] / RUNS,
            "C cpu": limit["cpu"] / RUNS,
            "plain": plain,
            "shell": string,
            "heavy": large,
            "cpu": cpu,
            "cpu us": cpu * 1e6,
        }

    return once


FAMILIES: Final = (
    Family(
        "throughput",
        (
            Bar(1, "runs/s end to end, plain argv, 200 in flight", "C", "C", "plain", at_least=0.65),
            Bar(2, "runs/s end to end, shell string, 200 in flight", "C", "C", "shell", at_least=0.5),
            Bar(3, "processor time of the daemon per run", "", "cpu us", at_most=500, unit="us"),
            Bar(3, "processor time of the daemon per run", "C", "cpu", "C cpu", at_most=0.5),
            Bar(4, "runs/s with 500 MB resident", "without", "plain", "heavy", at_least=0.8),
        ),
        thousand,
    ),
)
