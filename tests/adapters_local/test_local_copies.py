"""Descriptors that a child has copies of: between its fork and its exec it holds whatever was open."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from polysync.adapters.local.waiting import Waits
from tests.adapters_local.shims import start_shim


async def test_an_end_is_told_once_although_somebody_holds_a_copy(tmp_path: Path) -> None:
    loop, complaints = asyncio.get_running_loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))
    waits, shim = Waits(), start_shim(tmp_path, ["/bin/true"])
    pidfd = os.pidfd_open(shim.pid)
    copy = os.dup(pidfd)
    ending = waits.own(shim.pid, pidfd)
    async with asyncio.timeout(10):
        await ending.over.wait()
    for _ in range(5):
        turned = loop.create_future()
        loop.call_soon(turned.set_result, None)
        await turned
    os.close(copy)
    waits.close()
    assert complaints == []
