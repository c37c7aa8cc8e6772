"""Spools of attempts that are over, of a run that is not."""

from __future__ import annotations

from pathlib import Path

from polysync.daemon.leftovers import leftovers, remove


def test_earlier_attempts_of_an_open_run_are_left_over(tmp_path: Path) -> None:
    for folder in ("7/1", "7/2", "7/3", "8/1"):
        (tmp_path / folder).mkdir(parents=True)
    found = leftovers(tmp_path, {7}.__contains__, lambda _run_id: 3)
    assert remove(found) == 3
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["3"]
