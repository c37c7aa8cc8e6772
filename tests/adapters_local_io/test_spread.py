"""Folders of runs are spread over the disk only where that helps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from polysync.adapters.local import spread as module
from polysync.adapters.local.spread import spread


def laid_out(tmp_path: Path, device: str, *journals: str) -> tuple[Path, Path]:
    """What /proc says of one mounted device, and of journals."""
    mounted, kept = tmp_path / "ext4", tmp_path / "jbd2"
    (mounted / device).mkdir(parents=True)
    kept.mkdir()
    for name in journals:
        (kept / name).mkdir()
    return mounted, kept


def name_of(folder: Path) -> str:
    device = folder.stat().st_dev
    return Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name


@pytest.mark.parametrize(
    ("journals", "without"), [((), True), (("{}-8",), False), (("{}",), False), (("other-8", "{}1-8"), True)]
)
def test_a_journal_is_known_by_the_name_of_its_device(tmp_path: Path, journals: tuple[str, ...], without: bool) -> None:
    name = name_of(tmp_path)
    mounted, kept = laid_out(tmp_path, name, *(journal.format(name) for journal in journals))
    assert module.without_journal(tmp_path.stat().st_dev, mounted, kept) is without


def test_what_is_no_ext4_is_left_alone(tmp_path: Path) -> None:
    mounted, kept = laid_out(tmp_path, "another")
    assert not module.without_journal(tmp_path.stat().st_dev, mounted, kept)


def test_a_folder_is_marked_or_left_and_stays_usable(tmp_path: Path) -> None:
    marked = spread(tmp_path)
    assert spread(tmp_path) is marked
    (tmp_path / "1" / "1").mkdir(parents=True)
    assert not spread(tmp_path / "none")
