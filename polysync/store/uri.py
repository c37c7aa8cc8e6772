"""How SQLite is told to open a file for reading only."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote


def read_only_uri(path: Path) -> str:
    """The address by which SQLite opens this file for reading only."""
    return f"file:{quote(str(path))}?mode=ro"
