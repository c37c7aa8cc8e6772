"""Start-up: asking for help loads click and little more."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.sources import ROOT

HEAVY = {"aiosqlite", "asyncio", "croniter", "httpx2", "sqlite3", "structlog", "textual"}


def imported(*arguments: str) -> set[str]:
    """The top-level modules that a fresh Python imports for `arguments`."""
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": ""}, check=True, capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    assert not HEAVY & imported("-m", "polysync", *arguments)


def test_import_watch_sees_what_a_program_imports() -> None:
    assert "sqlite3" in imported("-c", "import sqlite3")
