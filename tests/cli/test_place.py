"""What the light words for places, addresses and JSON say, beside the libraries that they stand for."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from polysync.cli.place import is_owned, socket_path
from polysync.cli.terse import dumps, loads, target
from polysync.clock import SystemClock
from polysync.config.where import find_config, find_home
from polysync.daemon.pointer import leave_pointer, read_pointer
from polysync.home import Home
from polysync.store.owner import HomeLock
from tests.cli.terminal import Terminal
from tests.seeds import seed_of

ODD = 'aZ0 ž"\\/\x00\x1f\x7f\u2028😀%+&=?#:é.~-_\n'


def by_pathlib(option: Mapping[str, str], env: Mapping[str, str], folder: Path) -> Path:
    """The same in the words of the rest of the program."""
    if option.get("socket"):
        return folder / option["socket"]
    config = find_config(option.get("config"), env, folder)
    data = option.get("data")
    if data is None and config is not None:
        pointed = read_pointer(folder / config, env, os.getuid())
        if pointed is not None:
            return Home(pointed).socket
    return Home(find_home(data, env, folder, config)).socket


def test_socket_is_found_where_the_rest_of_the_program_finds_it(tmp_path: Path) -> None:
    dice = random.Random(seed_of("places"))
    for name in ("a/polysync.toml", "b/polysync.toml", "home/.config/polysync/polysync.toml", "linked.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "c").symlink_to("b")
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    leave_pointer(tmp_path / "b" / "polysync.toml", tmp_path / "elsewhere", runtime, os.getuid())
    words = ["a/polysync.toml", "b/polysync.toml", "c/polysync.toml", "./b//polysync.toml", "none.toml", "~/x.toml"]
    words += ["/etc/cron.d/x.toml", "/etc", "/etcetera/x.toml", "."]
    for _ in range(300):
        option = {name: dice.choice(words) for name in ("config", "data", "socket") if dice.random() < 0.3}
        env = {f"POLYSYNC_{name.upper()}": dice.choice(words) for name in ("config", "data") if dice.random() < 0.2}
        env |= runtime if dice.random() < 0.7 else {}
        env |= {"HOME": str(tmp_path / "home")} if dice.random() < 0.7 else {}
        env |= {"XDG_CONFIG_HOME": str(tmp_path / "home/.config")} if dice.random() < 0.2 else {}
        folder = tmp_path / dice.choice(["", "a", "b", "c"])
        given = {name: option.get(name, env.get(f"POLYSYNC_{name.upper()}")) for name in ("config", "data", "socket")}

        found = socket_path(given.get, env, str(folder))

        expected = by_pathlib({name: value for name, value in given.items() if value is not None}, env, folder)
        assert Path(found) == expected, (given, env, folder)


def test_home_that_others_may_use_has_its_socket_in_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / ".polysync" / "sock").mkdir(parents=True)
    shared = tmp_path / ".polysync" / "sock" / "polysync.sock"
    shared.touch()
    assert socket_path(lambda _name: None, {}, str(tmp_path)) == str(shared)
    (tmp_path / ".polysync" / "polysync.sock").touch()
    assert socket_path(lambda _name: None, {}, str(tmp_path)) == str(tmp_path / ".polysync" / "polysync.sock")


def test_home_that_a_configuration_names_is_found_without_word_of_its_daemon(tmp_path: Path) -> None:
    def found() -> str:
        return socket_path(lambda _name: None, {}, str(tmp_path))

    usual, config = str(tmp_path / ".polysync" / "polysync.sock"), tmp_path / "polysync.toml"
    for unusable in ("", "daemon = 3", "[daemon]\ndata_dir = 3", "not toml", '[daemon]\ndata_dir = "${env:X}"'):
        config.write_text(unusable)
        assert found() == usual, unusable
    config.write_text('[daemon]\ndata_dir = "kept"')
    assert found() == str(tmp_path / "kept" / "polysync.sock")
    (tmp_path / "kept" / "sock").mkdir(parents=True)
    (tmp_path / "kept" / "sock" / "polysync.sock").touch()
    assert found() == str(tmp_path / "kept" / "sock" / "polysync.sock")
    assert socket_path({"data": "other"}.get, {}, str(tmp_path)) == str(tmp_path / "other" / "polysync.sock")


def test_named_configuration_that_is_not_there_is_not_guessed_at(tmp_path: Path) -> None:
    here = Terminal(tmp_path)
    said = here.polysync("-c", "none.toml", "status")
    assert (said.status, "none.toml: there is no such file" in said.err) == (2, True)
    assert here.polysync("-c", "none.toml", "exec", "backup").status == 125
    here.write("", "some.toml")
    assert here.polysync("-c", "some.toml", "status").status == 5
    assert here.polysync("-c", "none.toml", "--data", "home", "status").status == 5


def test_home_is_owned_for_as_long_as_a_daemon_holds_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert is_owned(str(home.socket)) is None
    with HomeLock(home, SystemClock()):
        assert is_owned(str(home.socket)) is True
        assert is_owned(str(home.shared_socket)) is True
    assert is_owned(str(home.socket)) is False


def a_value(dice: random.Random, depth: int = 3) -> Any:
    """Any JSON value."""
    kind = dice.randint(0, 8 if depth else 5)
    if kind > 5:
        count = dice.randint(0, 3)
        if kind == 6:
            return [a_value(dice, depth - 1) for _ in range(count)]
        return {a_text(dice): a_value(dice, depth - 1) for _ in range(count)}
    return [None, True, False, dice.randint(-(10**20), 10**20), dice.uniform(-1e9, 1e9), a_text(dice)][kind]


def a_text(dice: random.Random) -> str:
    return "".join(dice.choices(ODD, k=dice.randint(0, 6)))


def test_json_is_written_and_read_as_by_the_library() -> None:
    dice = random.Random(seed_of("json"))
    for _ in range(500):
        value = a_value(dice)
        text = json.dumps(value)
        assert dumps(value) == text
        assert loads(text.encode()) == value
        cut = text[: dice.randint(0, len(text))].encode() + dice.choice([b"", b"}", b" ", b"\xff", b"x"])
        assert outcome(loads, cut) == outcome(json.loads, cut), cut


def outcome(read: Any, body: bytes) -> Any:
    try:
        return read(body)
    except ValueError as error:
        return type(error), str(error)


def test_addresses_are_escaped_as_by_the_library() -> None:
    dice = random.Random(seed_of("addresses"))
    for _ in range(300):
        path, query = f"/api/{a_text(dice)}", {a_text(dice): a_text(dice) for _ in range(dice.randint(0, 3))}
        assert target(path, query) == quote(path) + ("?" + urlencode(query, quote_via=quote, safe="") if query else "")
    assert target("/a", {"b": None, "c": 1}) == "/a?c=1"
    assert target("/a\udcff", {}) == "/a%FF"  # a word that is no text keeps its bytes


@pytest.mark.parametrize("module", ["codes", "following", "hot", "link", "place", "session", "straight", "terse"])
def test_light_modules_import_nothing_heavy_at_their_top(module: str) -> None:
    text = (Path(__file__).parents[2] / "polysync" / "cli" / f"{module}.py").read_text(encoding="utf-8")
    found = re.findall(r"^(?:from|import) (\S+)", text, re.MULTILINE)
    assert {name for name in found if not name.startswith("polysync")} <= {"__future__", "os", "sys"}
