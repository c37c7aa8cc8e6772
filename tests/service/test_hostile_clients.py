"""A real daemon among clients that mean no good: nothing is left of them, and nothing fires late because of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults import fault
from tests.service.siege import besieged, fortress

MB = 1 << 20
GROWN = 160 * MB  # what a heap keeps of its largest moment
LATE = 0.35  # seconds: attackers and daemon share this host's processors


@pytest.mark.slow
@fault("F43")
@pytest.mark.parametrize("tls", [False, True])
def test_a_siege_costs_nothing_that_stays(tmp_path: Path, tls: bool) -> None:
    with fortress(tmp_path, tls=tls) as (made, ways):
        told: list[str] = []
        rest, found = asyncio.run(besieged(made, ways, full=False, tell=told.append))
        report = "\n".join(told)
        assert all(one.songs >= 2 for one in found), report
        assert max(one.fds for one in found) <= rest.fds + 2, report
        assert max(one.peak for one in found) <= rest.rss + GROWN, report
        late = sorted(one.late for one in found)
        assert late[len(late) // 2] <= max(5 * rest.late, 0.05), report  # as ever in most of them
        assert late[-2] <= rest.late + LATE, report
