"""POST /api/reload and what health tells of the configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polysync.api.reloading import Outcome
from polysync.config.diff import Moved, Plan
from polysync.domain.errors import Problem, Severity
from polysync.ports import Asker
from tests.api.stage import staged
from tests.simulation.story import NOON

WRONG = Problem("/polysync.toml", 2, 7, "must be a string", key="tasks.t.run")
ODD = Problem("/polysync.toml", 3, 1, "nothing can start it", severity=Severity.WARNING)


class Reader:
    """Says what a test wants it to."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.asked: list[tuple[bool, int]] = []
        self.looks = 0

    async def reload(self, asker: Asker, *, dry_run: bool = False) -> Outcome:
        self.asked.append((dry_run, len(asker.name)))
        return self.outcome

    async def look(self) -> None:
        self.looks += 1

    def facts(self) -> Mapping[str, Any]:
        return {"newer": True, "error": None, "path": "/polysync.toml"}


async def test_the_plan_is_the_answer(tmp_path: Path) -> None:
    plan = Plan(added=("tasks.u",), moved=(Moved("t", NOON, None),))
    reader = Reader(Outcome(plan=plan, warnings=(ODD,), zones={"t": "UTC"}, hash="abc"))
    async with staged(tmp_path, reloads=reader) as stage:
        answer = await stage.ask("POST", "/api/reload", b'{"dry_run": true}')
        told = json.loads(answer.body)
        assert (answer.status, told["added"], told["dry_run"], told["hash"]) == (200, ["tasks.u"], True, "abc")
        assert told["moved"] == [{"task": "t", "old": "2026-06-10T12:00:00Z", "new": None, "timezone": "UTC"}]
        assert told["warnings"][0]["severity"] == "warning"
        await stage.ask("POST", "/api/reload")
        assert [dry_run for dry_run, _ in reader.asked] == [True, False]
        assert (await stage.ask("POST", "/api/reload", b'{"dry": 1}')).status == 422


async def test_errors_are_all_told_with_their_places(tmp_path: Path) -> None:
    async with staged(tmp_path, reloads=Reader(Outcome(errors=(WRONG,), warnings=(ODD,)))) as stage:
        answer = await stage.ask("POST", "/api/reload", b"{}")
        told = json.loads(answer.body)["error"]
        assert (answer.status, told["code"]) == (422, "invalid")
        assert [(one["line"], one["column"], one["severity"]) for one in told["problems"]] == [
            (2, 7, "error"),
            (3, 1, "warning"),
        ]


async def test_health_tells_how_the_configuration_stands(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        assert json.loads((await stage.ask("GET", "/api/health")).body) == {"ok": True}
        assert (await stage.ask("POST", "/api/reload")).status == 503
    reader = Reader(Outcome())
    (tmp_path / "other").mkdir()
    async with staged(tmp_path / "other", reloads=reader, degraded=lambda: ["config_error"]) as stage:
        told = json.loads((await stage.ask("GET", "/api/health")).body)
        assert told == {"ok": True, "degraded": ["config_error"], "config": {"newer": True, "error": None}}
        assert (await stage.ask("GET", "/api/status")).status == 200
        assert reader.looks == 2
