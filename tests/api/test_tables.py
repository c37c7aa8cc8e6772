"""Answers as text: the same lines that the command line prints, for the screen that was named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from polysync.api.tables import Screen, screen_of, status, troubles
from polysync.domain.admission import Need
from polysync.domain.render import ASCII, UNICODE, painted
from polysync.domain.run import Lack, Reason, State
from tests.api.stage import NOON, Stage, a_run, staged

NOW = NOON + timedelta(hours=2)


def fill(stage: Stage) -> None:
    """Three runs: one that failed, one that waits, one that runs."""
    stage.books.keep(
        a_run(1, State.FAILED, end_reason=Reason.EXIT_CODE, exit_code=3, started_at=NOON, ended_at=NOW, slots=2),
        a_run(2, State.QUEUED),
        a_run(3, State.RUNNING, started_at=NOW - timedelta(seconds=3), task="a-rather-long-name"),
    )
    stage.desk.lives[2] = stage.books.stored[2]
    stage.desk.lacks[2] = [Need(Lack.CONTENTION, "db")]


async def told(stage: Stage, target: str, accept: str) -> tuple[int, str, Mapping[str, str]]:
    got = await stage.ask("GET", target, headers={"Accept": accept})
    return got.status, got.body.decode(), got.headers


RUNS = [
    "Run  Task                State               When        Took  Why",
    "  3  a-rather-long-name  → running           3s ago      3.0s  cron",
    "  2  backup              · queued            1h 58m ago        cron: waits for contention db",
    "  1  backup              ✗ failed/exit_code  2h ago        2h  cron x2: exit 3",
]


async def test_runs_are_a_table(tmp_path: Path) -> None:
    async with staged(tmp_path, now=lambda: NOW) as stage:
        fill(stage)
        code, text, headers = await told(stage, "/api/runs", "text/plain")
    assert (code, headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert text.splitlines() == RUNS


async def test_a_screen_is_kept_to(tmp_path: Path) -> None:
    async with staged(tmp_path, now=lambda: NOW) as stage:
        fill(stage)
        _, text, headers = await told(stage, "/api/runs?limit=2", "text/plain; width=60; glyphs=ascii")
        assert headers["polysync-next"] == "2"
        assert text.isascii()
        assert max(map(len, text.splitlines())) == 60
        assert "..." in text
        _, coloured, _ = await told(stage, "/api/runs?limit=2", "text/plain;width=60;color=1;glyphs=ascii")
        assert "\x1b[36ma-rather" in coloured
        _, all_of_it, headers = await told(stage, "/api/runs", "text/plain; width=60")
        assert "polysync-next" not in headers
        assert len(all_of_it.splitlines()) == 4


async def test_nothing_is_no_lines(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        code, text, _ = await told(stage, "/api/runs", "text/plain; width=80")
        assert (code, text) == (200, "")


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "text/html;width=3"])
async def test_who_names_no_text_gets_json(tmp_path: Path, accept: str) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        assert len(json.loads((await told(stage, "/api/runs", accept))[1])["items"]) == 3


@pytest.mark.parametrize(
    "words", ["width=0", "width=10001", "width=-1", "width=a", "width=99999999999", "color=yes", "glyphs=runes"]
)
async def test_a_screen_that_cannot_be_is_refused(tmp_path: Path, words: str) -> None:
    async with staged(tmp_path) as stage:
        code, text, _ = await told(stage, "/api/runs", f"text/plain; {words}")
        assert (code, json.loads(text)["error"]["problems"][0]["parameter"]) == (422, "Accept")


async def test_who_asks_one_run_for_text_gets_json(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        fill(stage)
        assert json.loads((await told(stage, "/api/runs/1", "text/plain; width=80"))[1])["id"] == 1


@pytest.mark.parametrize(
    ("accept", "screen"),
    [
        ("text/plain", Screen(NOW)),
        ("application/json, Text/Plain;Width=7 ; color=1", Screen(NOW, 7, colour=True)),
        ("text/plain; glyphs=utf-8; color=0", Screen(NOW, None, colour=False, glyphs=UNICODE)),
        ("text/plain; glyphs=ascii", Screen(NOW, glyphs=ASCII)),
        ("text/*", None),
    ],
)
def test_what_a_screen_is_made_of(accept: str, screen: Screen | None) -> None:
    assert screen_of(accept, NOW) == screen


WELL: dict[str, Any] = {"version": "1", "pid": 7, "uptime": 3700.0}
BUSY: dict[str, Any] = {
    **WELL,
    "config": {"path": "/p.toml", "loaded_at": "2026-03-29T13:00:00Z", "newer": True, "restart_only": ["a", "b"]},
    "home": "/home",
    "runs": {"states": {"running": 2, "held": 0}},
    "next": {"task": "backup", "at": "2026-03-29T14:05:00Z"},
    "disk": {"free": 3 << 30},
    "timezone": "Europe/Berlin",
}
ILL: dict[str, Any] = {
    **WELL,
    "config": {"path": "/p.toml", "error": {"problems": 2, "first": "line 3"}},
    "storage": {"trouble": "full", "logs": "full"},
    "disk": {"low": True, "free": 5 << 20},
    "clock": {"held": True},
    "watchdog": {"stuck": ["driver"]},
}


NEWER = "the file is newer: polysync reload takes it, --dry-run shows what changes"


def lines_of(data: Mapping[str, Any]) -> list[str]:
    return [painted(line, colour=False) for line in status(data, Screen(NOW)).lines]


def test_a_status_says_what_there_is() -> None:
    assert lines_of(WELL) == ["polysync 1, up 1h 1m, pid 7  ✓", "runs           none at the moment"]
    assert lines_of(BUSY)[1:] == [
        f"configuration  /p.toml; read 1h ago; {NEWER}; waits for a restart: a, b",
        "home           /home",
        "runs           2 running",
        "next           backup in 5m",
        "disk           3.0 GB free",
        "time zone      Europe/Berlin, zone data unknown",
    ]


def test_a_status_says_what_is_wrong() -> None:
    said = lines_of(ILL)
    assert "✗ needs attention" in said[0]
    assert len([line for line in said if line.startswith("trouble")]) == len(list(troubles(ILL))) == 7
    assert "disk           5 MB free, low" in said
    assert status(ILL, Screen(NOW)).headers == {"Polysync-Troubles": "7"}
