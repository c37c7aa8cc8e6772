"""A site for each test, cleared of everything that still runs afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A folder with the usual configuration."""
    site = Site(tmp_path)
    yield site
    site.clear()
