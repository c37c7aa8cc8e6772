"""Waiting in tests: for a condition, with a deadline, and never for a time."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

DEADLINE = 20.0
LOOK = 0.005


async def until(true: Callable[[], object], seconds: float = DEADLINE) -> None:
    """Look again and again until it is true."""
    tick = asyncio.Event()
    async with asyncio.timeout(seconds):
        while not true():
            asyncio.get_running_loop().call_later(LOOK, tick.set)
            await tick.wait()
            tick.clear()


def until_now(true: Callable[[], object], seconds: float = DEADLINE) -> None:
    """The same without a loop."""
    for _ in range(int(seconds / LOOK)):
        if true():
            return
        select.select([], [], [], LOOK)
    raise TimeoutError
