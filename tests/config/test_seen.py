"""Whether the files of a configuration are still what was read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from polysync.config.load import load
from polysync.config.seen import Seen, is_newer, seen_of, stamp_of

ONE = 'include = ["conf.d/*.toml"]\n[tasks.t]\nrun = "true"\nenv = { A = "${file:a.txt}" }\n'


@pytest.fixture
def main(tmp_path: Path) -> Path:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "u.toml").write_text('[tasks.u]\nrun = "true"\n')
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "polysync.toml").write_text(ONE)
    return tmp_path / "polysync.toml"


def seen(main: Path) -> Seen:
    found = seen_of(load(main, env={}), main)
    assert found is not None
    return found


def test_nothing_is_newer_at_first_nor_when_it_is_only_touched(main: Path) -> None:
    found = seen(main)
    assert found.filled
    assert not is_newer(found)
    os.utime(main)
    assert not is_newer(found)
    assert seen(main).hash == found.hash


@pytest.mark.parametrize("name", ["polysync.toml", "conf.d/u.toml", "conf.d/new.toml", "a.txt"])
def test_an_edit_anywhere_is_newer(main: Path, name: str) -> None:
    found = seen(main)
    (main.parent / name).write_text("# edited\n")
    assert is_newer(found)


@pytest.mark.parametrize("name", ["polysync.toml", "conf.d/u.toml"])
def test_a_file_that_is_gone_is_newer_and_back_again_is_not(main: Path, name: str) -> None:
    found, text = seen(main), (main.parent / name).read_text()
    (main.parent / name).unlink()
    assert is_newer(found)
    (main.parent / name).write_text(text)
    assert not is_newer(found)


def test_what_was_edited_while_it_was_read_is_not_believed(main: Path) -> None:
    loaded = load(main, env={})
    main.write_text(ONE + "# more\n")
    assert seen_of(loaded, main) is None
    loaded = load(main, env={})
    (main.parent / "conf.d" / "new.toml").write_text("")
    assert seen_of(loaded, main) is None


def test_a_file_that_never_was_has_been_seen_too(tmp_path: Path) -> None:
    found = seen_of(load(tmp_path / "none.toml", env={}), tmp_path / "none.toml")
    assert found is not None
    assert not is_newer(found)
    (tmp_path / "none.toml").write_text("")
    assert is_newer(found)
    assert stamp_of("a\0b") is None


def test_a_pattern_that_cannot_be_followed_any_more_is_newer(main: Path) -> None:
    found = seen(main)
    odd = Seen(found.folder, found.files, {**found.included, "a\0b": ("x",)})
    assert is_newer(odd)
