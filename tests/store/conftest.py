"""What every test of the store leaves behind: nothing that is open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.store.inline import close_all


@pytest.fixture(autouse=True)
def _nothing_left_open() -> Iterator[None]:
    yield
    close_all()
