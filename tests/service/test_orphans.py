"""Orphans: which dead children are there, and who is none."""

from __future__ import annotations

import os
import subprocess

from polysync.daemon.orphans import bury_orphans, dead_children
from tests.faults import fault


@fault("F14")
def test_the_dead_that_nobody_buried_are_seen() -> None:
    child = subprocess.Popen(["true"])  # noqa: S607 - any program will do
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and left lying
    assert child.pid in dead_children(os.getpid())
    child.wait()
    assert child.pid not in dead_children(os.getpid())


async def test_whoever_is_not_the_first_process_buries_nobody() -> None:
    await bury_orphans(own=2)
