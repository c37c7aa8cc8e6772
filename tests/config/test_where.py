"""Where the configuration and the home are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from polysync.config.where import config_candidates, find_config, find_home, pointer_file, runtime_folder

CWD = Path("/srv/here")
USER = {"HOME": "/home/u"}


@pytest.mark.parametrize(
    ("given", "env", "there", "found"),
    [
        ("x.toml", {"POLYSYNC_CONFIG": "/y.toml"}, [], "/srv/here/x.toml"),
        (None, {"POLYSYNC_CONFIG": "/y.toml"}, ["/srv/here/polysync.toml"], "/y.toml"),
        (None, USER, ["/srv/here/polysync.toml", "/etc/polysync/polysync.toml"], "/srv/here/polysync.toml"),
        (None, USER, ["/home/u/.config/polysync/polysync.toml"], "/home/u/.config/polysync/polysync.toml"),
        (None, {**USER, "XDG_CONFIG_HOME": "/x"}, ["/x/polysync/polysync.toml"], "/x/polysync/polysync.toml"),
        (None, {}, ["/etc/polysync/polysync.toml"], "/etc/polysync/polysync.toml"),
        (None, {}, [], None),
    ],
)
def test_the_first_place_that_holds_one_wins(
    given: str | None, env: dict[str, str], there: list[str], found: str | None
) -> None:
    assert find_config(given, env, CWD, lambda path: str(path) in there) == (Path(found) if found else None)


def test_without_a_user_only_two_places_are_looked_at() -> None:
    assert config_candidates(None, {}, CWD) == (CWD / "polysync.toml", Path("/etc/polysync/polysync.toml"))


@pytest.mark.parametrize(
    ("given", "env", "config", "data_dir", "home"),
    [
        ("d", {"POLYSYNC_DATA": "/e"}, "polysync.toml", "/f", "/srv/here/d"),
        (None, {"POLYSYNC_DATA": "/e"}, "polysync.toml", "/f", "/e"),
        (None, {}, "/srv/polysync.toml", "data", "/srv/data"),
        (None, {}, "/srv/polysync.toml", "/f", "/f"),
        (None, {}, "/etc/polysync/polysync.toml", None, "/var/lib/polysync"),
        (None, {}, "sub/polysync.toml", None, "/srv/here/sub/.polysync"),
        (None, {}, None, None, "/srv/here/.polysync"),
    ],
)
def test_the_home_goes_with_the_configuration(
    given: str | None, env: dict[str, str], config: str | None, data_dir: str | None, home: str
) -> None:
    assert find_home(given, env, CWD, Path(config) if config else None, data_dir) == Path(home)


def test_a_pointer_lives_in_the_runtime_folder_of_the_user() -> None:
    assert runtime_folder({}, 0) == Path("/run/polysync")
    assert runtime_folder({}, 7) == Path("/run/user/7/polysync")
    one, other = (pointer_file(Path(path), {"XDG_RUNTIME_DIR": "/r"}, 7) for path in ("/a", "/b"))
    assert one.parent == Path("/r/polysync")
    assert one != other
