"""The marker that says which row of the fault matrix a test is about; docs/faults.md is made from it."""

from __future__ import annotations

import pytest


def fault(*rows: str) -> pytest.MarkDecorator:
    """Mark a test with the rows that it shows, such as `@fault("F2", "F3")`."""
    return pytest.mark.fault(*rows)
