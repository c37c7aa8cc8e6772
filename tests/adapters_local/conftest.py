"""A home for each test, an adapter on it, and a look whether anything was left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from polysync.adapters.local import LocalAdapter
from polysync.adapters.local.survivors import MARK
from polysync.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home whose processes end with the test, however it went."""
    home = Home(tmp_path / "home")
    home.path.mkdir(mode=0o700)
    yield home
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            environment = entry.read_bytes()
            if MARK in environment and os.fsencode(home.path) in environment:
                os.kill(int(entry.parts[2]), signal.SIGKILL)


@pytest.fixture
async def adapter(home: Home) -> AsyncIterator[LocalAdapter]:
    """The adapter on that home."""
    adapter = LocalAdapter(home=home)
    yield adapter
    adapter.close()


@pytest.fixture
async def successor(home: Home) -> AsyncIterator[LocalAdapter]:
    """Another adapter on the same home, as after a restart: nothing that it meets is its child."""
    successor = LocalAdapter(home=home)
    yield successor
    successor.close()
