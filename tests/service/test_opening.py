"""What has to be true before a daemon begins."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from polysync.clock import SystemClock
from polysync.config.decode import decode
from polysync.config.diff import restart_only
from polysync.daemon.chronicle import chronicle
from polysync.daemon.leftovers import leftovers, remove
from polysync.daemon.opening import CannotStart, check_host, is_shared, take_home
from polysync.domain.effects import EventName, Publish
from polysync.domain.settings import Configuration
from polysync.store.filesystem import UnfitFileSystem

NOW = datetime(2026, 3, 29, tzinfo=UTC)


@pytest.mark.parametrize("release", ["5.4.0", "6.18.2-cloud", "10.0", "strange"])
def test_hosts_that_will_do(release: str) -> None:
    check_host("linux", release)


@pytest.mark.parametrize(("platform", "release"), [("darwin", "25.0"), ("linux", "4.19.0-1"), ("linux", "5.3.9")])
def test_hosts_that_will_not(platform: str, release: str) -> None:
    with pytest.raises(CannotStart) as caught:
        check_host(platform, release)
    assert caught.value.status == 1


def test_a_home_is_taken_once(tmp_path: Path) -> None:
    clock = SystemClock()
    lock, warning = take_home(tmp_path / "home", clock, lambda _path: "it forgets")
    assert (lock.held, warning) == (True, "it forgets")
    with pytest.raises(CannotStart, match="another daemon owns") as caught:
        take_home(tmp_path / "home", clock, lambda _path: None, timedelta(0))
    assert caught.value.status == 4
    lock.release()


def test_a_home_that_is_unfit_is_refused(tmp_path: Path) -> None:
    def refuse(path: Path) -> str | None:
        raise UnfitFileSystem(f"{path} is far away")

    with pytest.raises(CannotStart, match="is far away"):
        take_home(tmp_path / "home", SystemClock(), refuse)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("", False),
        ('[tasks.t]\nrun = "x"', False),
        ('[tasks.t]\nrun = "x"\nuser = "www"', True),
        ('[services.s]\nrun = "x"\nuser = "www"', True),
        ('[access]\nviewers = ["@staff"]', True),
    ],
)
def test_the_socket_is_shared_where_others_have_a_part(text: str, shared: bool) -> None:
    loaded = decode(text)
    assert loaded.config is not None, loaded.problems
    assert is_shared(loaded.config) is shared


def test_what_only_a_start_takes_up_is_named() -> None:
    before = Configuration()
    api = replace(before.api, listen="127.0.0.1:9477")
    after = replace(before, daemon=replace(before.daemon, data_dir="x", max_running=3), api=api)
    assert restart_only(before, after) == ("daemon.data_dir",)


def test_spools_of_finished_runs_are_left_over(tmp_path: Path) -> None:
    for name in ("1", "2", "17", "strange"):
        (tmp_path / name / "1").mkdir(parents=True)
    found = leftovers(tmp_path, {2}.__contains__)
    assert sorted(path.name for path in found) == ["1", "17"]
    assert remove(found) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "strange"]
    assert leftovers(tmp_path / "gone", {2}.__contains__) == []


class Said:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def __getattr__(self, level: str) -> object:
        return lambda event, **values: self.lines.append((level, event, values))


class Told:
    def __init__(self, *events: Publish | None) -> None:
        self._events = iter(events)

    def __aiter__(self) -> Told:
        return self

    async def __anext__(self) -> Publish | None:
        for event in self._events:
            return event
        raise StopAsyncIteration


async def test_events_become_lines() -> None:
    log = Said()
    events = Told(
        Publish(EventName.RUN_FAILED, NOW, 7, "t", {"reason": "timeout"}),
        None,
        Publish(EventName.RUN_STARTED, NOW, 8, "t"),
        Publish(EventName.DISK_LOW, NOW),
    )
    await chronicle(events, log)
    assert log.lines == [
        ("warning", "run.failed", {"run": 7, "task": "t", "reason": "timeout"}),
        ("warning", "events were lost on the way to this log", {}),
        ("debug", "run.started", {"run": 8, "task": "t"}),
        ("warning", "disk.low", {}),
    ]
