"""A cached configuration is the one that reading the files would give; whatever changed makes it read them again."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from polysync.config.cache import FORMAT, load_cached
from polysync.config.decode import Loaded
from polysync.config.frozen import Freezer, NotPlain
from polysync.config.load import load
from polysync.domain.definition import Substituted, definition_hash
from polysync.domain.engine import Engine
from polysync.domain.inputs import Start
from polysync.domain.rows import Snapshot
from polysync.domain.values import Reading
from tests.config.many import HEAD, KINDS, many
from tests.seeds import seed_of

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
ICS = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20260612\nEND:VEVENT\nEND:VCALENDAR\n"


def was_cached(loaded: Loaded) -> bool:
    return loaded.gathered is None


class Host:
    """A folder with a configuration and a cache."""

    def __init__(self, folder: Path, text: str) -> None:
        self.path, self.cache, self.folder = folder / "polysync.toml", folder / "cache", folder
        self.path.write_text(text, encoding="utf-8")
        self.env: dict[str, str] = {}
        self.zone, self.now = "UTC", NOW

    def load(self) -> Loaded:
        return load_cached(self.path, self.cache, env=self.env, host_zone=self.zone, now=self.now)


def random_text(dice: random.Random) -> str:
    return HEAD + "".join(dice.choice((KINDS[0], *KINDS[2:]))(n) for n in range(dice.randrange(1, 30)))


@pytest.mark.parametrize("turn", range(12))
def test_what_is_cached_is_what_the_files_say(tmp_path: Path, turn: int) -> None:
    dice = random.Random(f"{seed_of('cache')}/{turn}")
    host = Host(tmp_path, random_text(dice) if turn else many(40))
    first, second = host.load(), host.load()
    assert first.config is not None
    assert was_cached(second)
    assert second.config == first.config == load(host.path, env={}, now=NOW).config
    assert (second.problems, second.files, second.documents, second.env) == (
        first.problems,
        first.files,
        first.documents,
        first.env,
    )
    for name, task in first.config.tasks.items():
        assert definition_hash(second.config.tasks[name], second.config) == definition_hash(task, first.config)
        assert vars(second.config.tasks[name]).keys() == vars(task).keys()
    start = [Start(loaded.config, Snapshot(), "b", "h") for loaded in (first, second) if loaded.config]
    reading = Reading(NOW, timedelta(hours=1), timedelta(hours=1))
    assert Engine().handle(start[0], reading) == Engine().handle(start[1], reading)


def edited(host: Host) -> None:
    host.path.write_text(host.path.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")


def another_include(host: Host) -> None:
    (host.folder / "conf.d" / "b.toml").write_text('[tasks.b]\nrun = "b"\n', encoding="utf-8")


def changed_include(host: Host) -> None:
    (host.folder / "conf.d" / "a.toml").write_text('[tasks.a]\nrun = "other"\n', encoding="utf-8")


def removed_include(host: Host) -> None:
    (host.folder / "conf.d" / "a.toml").unlink()


def changed_calendar(host: Host) -> None:
    (host.folder / "busy.ics").write_text(ICS.replace("12", "13"), encoding="utf-8")


def removed_calendar(host: Host) -> None:
    (host.folder / "busy.ics").unlink()


def another_mode(host: Host) -> None:
    host.path.chmod(host.path.stat().st_mode ^ 0o004)


def another_zone(host: Host) -> None:
    host.zone = "Europe/Paris"


def another_day(host: Host) -> None:
    host.now += timedelta(days=1)


def damaged(host: Host) -> None:
    content = bytearray(host.cache.read_bytes())
    content[-5] ^= 1
    host.cache.write_bytes(content)


def cut_short(host: Host) -> None:
    host.cache.write_bytes(host.cache.read_bytes()[:100])


def emptied(host: Host) -> None:
    host.cache.write_bytes(b"")


def written_by_another_version(host: Host) -> None:
    host.cache.write_bytes(b"other" + host.cache.read_bytes()[len(FORMAT) :])


def open_to_others(host: Host) -> None:
    host.cache.chmod(0o620)


CHANGES = (
    edited, another_include, changed_include, removed_include, changed_calendar, removed_calendar, another_mode,
    another_zone, another_day, damaged, cut_short, emptied, written_by_another_version, open_to_others,
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changed_the_files_are_read_again(tmp_path: Path, change: Callable[[Host], None]) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a.toml").write_text('[tasks.a]\nrun = "a"\n', encoding="utf-8")
    (tmp_path / "busy.ics").write_text(ICS, encoding="utf-8")
    host = Host(tmp_path, 'include = ["conf.d/*.toml"]\n[calendars.busy]\nics = "busy.ics"\n[tasks.t]\nrun = "t"\n')
    assert host.load().config is not None
    assert was_cached(host.load())
    change(host)
    again = host.load()
    assert not was_cached(again)
    assert again.config == load(host.path, env={}, host_zone=host.zone, now=host.now).config


@pytest.mark.parametrize(
    "text", ['run = "${env:TOKEN}"', 'run = "${env:NO:-x}"', 'env = { A = "${file:secret}" }\nrun = "x"']
)
def test_what_may_hold_a_secret_is_not_kept(tmp_path: Path, text: str) -> None:
    (tmp_path / "secret").write_text("hush", encoding="utf-8")
    host = Host(tmp_path, f"[tasks.t]\n{text}\n")
    host.env = {"TOKEN": "hush"}
    assert host.load().config is not None
    assert not host.cache.exists()


def test_warnings_are_kept(tmp_path: Path) -> None:
    host = Host(tmp_path, '[tasks.t]\nrun = "t"\nenv = { PASSWORD = "hush hush" }\n')
    host.path.chmod(0o644)
    first, second = host.load(), host.load()
    assert first.warnings
    assert was_cached(second)
    assert second.problems == first.problems


def test_a_file_with_errors_is_not_kept(tmp_path: Path) -> None:
    host = Host(tmp_path, "[tasks.t]\nrun = 1\n")
    assert host.load().config is None
    assert not host.cache.exists()


def test_only_the_owner_reads_the_cache_and_a_folder_that_takes_none_changes_nothing(tmp_path: Path) -> None:
    host = Host(tmp_path, '[tasks.t]\nrun = "t"\n')
    host.load()
    assert host.cache.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".new")] == []
    host.cache = tmp_path / "nowhere" / "cache"
    assert host.load().config is not None


def test_what_is_no_plain_definition_is_refused() -> None:
    for value in (Substituted("hush", "${env:A}"), object(), NOW.astimezone(timezone(timedelta(hours=2)))):
        with pytest.raises(NotPlain):
            Freezer().freeze(value)


def test_cache_is_filled_when_nobody_waits_any_more(tmp_path: Path) -> None:
    host, waiting = Host(tmp_path, many(5)), list[Callable[[], None]]()
    first = load_cached(host.path, host.cache, env={}, now=NOW, later=waiting.append)
    assert not host.cache.exists()
    waiting.pop()()
    second = load_cached(host.path, host.cache, env={}, now=NOW, later=waiting.append)
    assert was_cached(second)
    assert second.config == first.config
    assert not waiting
