"""contrib/dev: one word for everything, and a clear sentence where a word cannot be had."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.house.sources import ROOT

WORDS = ("demo", "test", "check", "docs", "bench", "chaos", "help")


def dev(*words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """What contrib/dev says to `words`, called from somewhere else."""
    command, given = [str(ROOT / "contrib/dev"), *words], {"PATH": os.environ["PATH"], **(env or {})}
    return subprocess.run(command, check=False, cwd="/", env=given, capture_output=True, text=True)


def test_dev_help_lists_every_word() -> None:
    told = dev("help")

    assert told.returncode == 0
    assert [word for word in WORDS if f"\n  {word}" not in told.stdout] == []


def test_dev_without_a_word_shows_help() -> None:
    assert dev().stdout == dev("help").stdout


def test_dev_refuses_an_unknown_word() -> None:
    told = dev("tset")

    assert told.returncode == 2
    assert told.stderr.endswith("contrib/dev: there is no word 'tset'\n")


def test_dev_chaos_explains_itself() -> None:
    told = dev("chaos", "--help")

    assert told.returncode == 0
    assert "Kill the daemon, and count what was lost." in told.stdout


def test_dev_names_what_is_missing_without_a_python(tmp_path: Path) -> None:
    told = dev("check", env={"POLYSYNC_DEV_VENV": str(tmp_path / "venv"), "POLYSYNC_DEV_PYTHON": "/bin/false"})

    assert told.returncode == 2
    assert "no Python of 3.11 or newer found" in told.stderr
    assert not (tmp_path / "venv").exists()


def test_dev_explains_a_python_without_venv(tmp_path: Path) -> None:
    bare = tmp_path / "python3"
    bare.write_text("#!/bin/sh\ncase $2 in *ensurepip*) exit 1 ;; esac\nexit 0\n")
    bare.chmod(0o755)

    told = dev("check", env={"POLYSYNC_DEV_VENV": str(tmp_path / "venv"), "POLYSYNC_DEV_PYTHON": str(bare)})

    assert told.returncode == 2
    assert "apt install python3-venv" in told.stderr


def test_dev_never_clears_a_folder_that_is_no_environment(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")

    told = dev("check", env={"POLYSYNC_DEV_VENV": str(tmp_path)})

    assert told.returncode == 2
    assert "is no Python environment" in told.stderr
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize("script", ["contrib/dev", ".ci/run"])
def test_scripts_can_be_started(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["sh" if script == "contrib/dev" else "bash", "-n", ROOT / script], check=True)
