"""The pointer file leads from a configuration to its home."""

from __future__ import annotations

from pathlib import Path

import pytest

from polysync.clock import SystemClock
from polysync.config.where import pointer_file
from polysync.daemon.pointer import leave_pointer, read_pointer, remove_pointer
from polysync.home import Home
from polysync.store.owner import HomeLock


def test_a_home_that_cannot_be_guessed_is_pointed_at(tmp_path: Path) -> None:
    config, home, env = tmp_path / "polysync.toml", tmp_path / "else where", {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    config.touch()
    link = tmp_path / "link.toml"
    link.symlink_to(config)
    file = leave_pointer(link, home, env, 5)
    assert file == pointer_file(config, env, 5)
    assert file is not None
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert read_pointer(config, env, 5) == home
    remove_pointer(file, tmp_path / "another")
    assert read_pointer(config, env, 5) == home
    remove_pointer(file, home)
    remove_pointer(file, home)
    remove_pointer(None, home)
    assert read_pointer(config, env, 5) is None


@pytest.mark.parametrize("first", [".polysync", "else where"])
def test_a_second_daemon_of_one_configuration_draws_no_commands_to_itself(tmp_path: Path, first: str) -> None:
    config, env = tmp_path / "polysync.toml", {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    config.touch()
    home, copy = tmp_path / first, tmp_path / "a copy"
    with HomeLock(Home(home), SystemClock()):
        leave_pointer(config, home, env, 5)
        said = read_pointer(config, env, 5)
        assert leave_pointer(config, copy, env, 5) is None
        assert read_pointer(config, env, 5) == said
    assert leave_pointer(config, copy, env, 5) is not None
    assert read_pointer(config, env, 5) == copy


def test_the_usual_home_needs_none_and_a_folder_that_is_no_folder_takes_none(tmp_path: Path) -> None:
    env = {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    assert leave_pointer(tmp_path / "polysync.toml", tmp_path / ".polysync", env, 5) is None
    (tmp_path / "run").touch()
    assert leave_pointer(tmp_path / "polysync.toml", tmp_path / "home", env, 5) is None
