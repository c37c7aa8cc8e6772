"""What the API tells and does about services, over a real socket."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from polysync.domain.effects import Refusal
from polysync.domain.inputs import SetService
from polysync.domain.rows import Attempt
from polysync.domain.run import Reason, State
from polysync.domain.service_views import InstanceView, ServiceView, Standing
from polysync.domain.settings import HealthCheck, Service
from tests.api.stage import NOON, WEB, Stage, a_run, staged

ONE = InstanceView(1, Standing.UNWELL, 7, NOON, 2, 5, None, well=False, text="it answers 503", outdated=True)
TWO = InstanceView(2, Standing.BACKOFF, 6, None, 1, 1, NOON + timedelta(seconds=3), well=None, text="", outdated=False)
FULL = replace(WEB, state=Standing.DEGRADED, waits_for=("db",), instances=(ONE, TWO))
GONE = ServiceView("gone", "", Standing.STOPPING, wanted=False, why="removed", waits_for=(), instances=())
SERVICE = Service(
    name="web",
    run="x",
    title="The web",
    description="Pages",
    unlisted=True,
    depends_on=("db",),
    health_check=HealthCheck(http="http://x"),
)


LASTS = {
    "number": 1,
    "state": "unwell",
    "run_id": 7,
    "pid": 4711,
    "end_reason": None,
    "exit_code": None,
    "signal": None,
    "error": None,
    "since": "2026-03-29T12:00:00Z",
    "failures": 2,
    "restarts": 5,
    "next_start_at": None,
    "well": False,
    "text": "it answers 503",
    "trouble": "the vault is closed",
    "outdated": True,
    "log": "/api/runs/7/log",
}
RESTS = {
    "number": 2,
    "state": "backoff",
    "run_id": 6,
    "pid": None,
    "end_reason": "exit_code",
    "exit_code": 3,
    "signal": None,
    "error": "",
    "since": None,
    "failures": 1,
    "restarts": 1,
    "next_start_at": "2026-03-29T12:00:03Z",
    "well": None,
    "text": "",
    "trouble": None,
    "outdated": False,
    "log": "/api/runs/6/log",
}


async def answered(stage: Stage, method: str, target: str, body: bytes | None = None) -> tuple[int, Any]:
    got = await stage.ask(method, target, body)
    return got.status, json.loads(got.body)


async def test_services_are_told_with_all_their_instances(tmp_path: Path) -> None:
    more: dict[str, Any] = {
        "services": lambda: (GONE, FULL),
        "service_of": {"web": SERVICE}.get,
        "trouble_of": {7: "the vault is closed"}.get,
    }
    async with staged(tmp_path, **more) as stage:
        stage.books.keep(a_run(6, State.FAILED, end_reason=Reason.EXIT_CODE, exit_code=3))
        stage.books.tries[7] = [Attempt(7, 1, "token", "local", NOON, handle={"pid": 4711})]
        status, told = await answered(stage, "GET", "/api/services")
    assert status == 200
    assert told["next"] is None
    gone, web = told["items"]
    assert (gone["state"], gone["wanted"], gone["why"], gone["check"]) == ("stopping", False, "removed", None)
    assert (gone["title"], gone["group"], gone["unlisted"], gone["instances"]) == (None, "", False, [])
    assert (web["title"], web["description"], web["unlisted"], web["check"]) == ("The web", "Pages", True, "http")
    assert (gone["depends_on"], web["depends_on"]) == ([], ["db"])
    assert (web["state"], web["wanted"], web["waits_for"]) == ("degraded", True, ["db"])
    assert web["instances"] == [LASTS, RESTS]


async def test_one_that_never_began_and_one_that_is_beginning_have_no_process(tmp_path: Path) -> None:
    never = replace(TWO, run_id=None)
    async with staged(tmp_path, services=lambda: (replace(FULL, instances=(never, ONE)),)) as stage:
        _, told = await answered(stage, "GET", "/api/services")
    assert [(one["run_id"], one["pid"], one["log"]) for one in told["items"][0]["instances"]] == [
        (None, None, None),
        (7, None, "/api/runs/7/log"),
    ]


async def test_nothing_can_be_asked_of_the_list(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        assert (await answered(stage, "GET", "/api/services?name=web"))[0] == 422


@pytest.mark.parametrize(
    ("word", "request_"),
    [
        ("start", SetService("web", up=True)),
        ("stop", SetService("web", up=False)),
        ("restart", SetService("web", up=True, restart=True)),
    ],
)
async def test_an_operators_word_reaches_the_engine(tmp_path: Path, word: str, request_: SetService) -> None:
    async with staged(tmp_path) as stage:
        status, told = await answered(stage, "POST", f"/api/services/web/{word}", b"{}")
        assert [asked for asked, _ in stage.desk.requests] == [request_]
    assert (status, told["name"], told["state"]) == (200, "web", "running")


async def test_what_cannot_be_is_refused_with_a_reason(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        status, told = await answered(stage, "POST", "/api/services/wed/start")
        assert (status, told["error"]["message"]) == (404, 'no service wed; did you mean "web"?')
        assert (await answered(stage, "POST", "/api/services/x/stop"))[0] == 404
        assert (await answered(stage, "POST", "/api/services/web/start", b'{"now": true}'))[0] == 422
        assert (await answered(stage, "POST", "/api/services/web/reload"))[0] == 404
        assert stage.desk.requests == []
        stage.desk.refusal = Refusal.CONFLICT
        status, told = await answered(stage, "POST", "/api/services/web/start")
        assert (status, told["error"]["message"]) == (409, "because")


async def test_one_that_is_removed_meanwhile_is_told(tmp_path: Path) -> None:
    found = [(WEB,), ()]
    async with staged(tmp_path, services=lambda: found.pop(0)) as stage:
        assert (await answered(stage, "POST", "/api/services/web/start"))[0] == 409
