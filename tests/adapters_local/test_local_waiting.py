"""Waiting for shims where the usual way is not there."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from polysync.adapters.local.identity import identity_of
from polysync.adapters.local.waiting import Waits
from tests.adapters_local.shims import start_shim
from tests.adapters_local.waiting_for import until


async def test_without_a_free_descriptor_a_shim_is_asked_about(tmp_path: Path) -> None:
    shim = start_shim(tmp_path, ["sh", "-c", "echo ready; exec sleep 60"])
    ending = Waits().own(shim.pid, -1)
    await until(lambda: shim.out)
    assert not ending.over.is_set()
    os.killpg(shim.pid, signal.SIGTERM)
    async with asyncio.timeout(10):
        await ending.over.wait()
    assert ending.status is not None
    assert os.waitstatus_to_exitcode(ending.status) == 143
    assert not Path(f"/proc/{shim.pid}").exists()  # noqa: ASYNC240 - a look at /proc never waits


async def test_what_is_gone_already_has_ended(tmp_path: Path) -> None:
    shim = start_shim(tmp_path, ["/bin/sleep", "0.3"])
    identity = identity_of(shim.pid)
    shim.wait()
    assert identity is not None
    ending = Waits().adopted(identity)
    async with asyncio.timeout(1):
        await ending.over.wait()


async def test_an_adopted_process_that_is_a_child_after_all_is_reaped(tmp_path: Path) -> None:
    shim = start_shim(tmp_path, ["sh", "-c", "echo ready; exec sleep 60"])
    await until(lambda: shim.out)
    identity = identity_of(shim.pid)
    assert identity is not None
    ending = Waits().adopted(identity)
    os.killpg(shim.pid, signal.SIGTERM)
    async with asyncio.timeout(10):
        await ending.over.wait()
    assert not ending.lingered
    assert not Path(f"/proc/{shim.pid}").exists()  # noqa: ASYNC240 - a look at /proc never waits
