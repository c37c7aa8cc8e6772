"""What admins and machines look at: audit, metrics, the trace of a run, and what is sensitive."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from polysync.api.asked import Asked
from polysync.api.auth import Doorkeeper, Peer
from polysync.api.office import Office
from polysync.api.response import Response
from polysync.api.route import Route, document
from polysync.api.trace import spans
from polysync.domain.effects import Record, RunCreated, RunMoved, RunNoted
from polysync.domain.rows import Attempt
from polysync.domain.run import State
from polysync.domain.settings import Access
from polysync.domain.values import Role
from polysync.ports import AuditFilter, AuditPage, AuditRow, AuditVerdict
from tests.api.stage import NOON, Stage, a_run, staged

ROW = AuditRow(
    seq=7,
    at=NOON,
    actor="anna",
    role="admin",
    channel="socket",
    verb="stop",
    subject="run 3",
    outcome="done",
    detail={"before": "b", "after": "a", "comment": "enough"},
)


class Book:
    """An audit of one row that notes what it was asked."""

    def __init__(self, verdict: AuditVerdict) -> None:
        self.asked: list[tuple[AuditFilter, int, int | None]] = []
        self.verdict = verdict

    async def page(self, wanted: AuditFilter, limit: int, before: int | None) -> AuditPage:
        """The row."""
        self.asked.append((wanted, limit, before))
        return AuditPage(rows=[ROW], next=7 if before is None else None)

    async def verify(self) -> AuditVerdict:
        """As the test says."""
        return self.verdict


def later(seconds: float) -> Any:
    return NOON + timedelta(seconds=seconds)


async def data(stage: Stage, target: str) -> tuple[int, Any]:
    got = await stage.ask("GET", target)
    return got.status, json.loads(got.body)


async def test_a_page_of_the_audit(tmp_path: Path) -> None:
    book = Book(AuditVerdict(rows=1, pruned=0))
    async with staged(tmp_path, audit=book) as stage:
        status, told = await data(stage, "/api/audit?actor=anna&since=2026-03-29T00:00:00Z&limit=5")
        assert (status, told["next"]) == (200, "7")
        assert told["items"] == [
            {
                "seq": 7,
                "at": "2026-03-29T12:00:00Z",
                "actor": "anna",
                "role": "admin",
                "channel": "socket",
                "verb": "stop",
                "subject": "run 3",
                "outcome": "done",
                "before": "b",
                "after": "a",
                "detail": {"comment": "enough"},
            }
        ]
        assert (await data(stage, f"/api/audit?cursor={told['next']}"))[1]["next"] is None
        assert (await data(stage, "/api/audit?actors=anna"))[0] == 422
    since = NOON.replace(hour=0)
    assert book.asked == [(AuditFilter(actor="anna", since=since), 5, None), (AuditFilter(), 50, 7)]


async def test_the_verdict_about_the_chain(tmp_path: Path) -> None:
    for verdict, broken in (
        (AuditVerdict(rows=2, pruned=3, first=4, last=5, tip="ab"), None),
        (AuditVerdict(rows=2, pruned=3, broken=4, what="changed"), {"seq": 4, "what": "changed"}),
    ):
        async with staged(tmp_path, audit=Book(verdict)) as stage:
            status, told = await data(stage, "/api/audit/verify")
        assert (status, told["ok"], told["broken"], told["pruned"]) == (200, broken is None, broken, 3)


async def test_where_nobody_keeps_an_audit_or_counts(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        assert (await data(stage, "/api/audit"))[0] == 503
        assert (await data(stage, "/metrics"))[0] == 404
        assert "[api] metrics = false" in (await data(stage, "/api/metrics"))[1]["error"]["message"]


async def test_metrics_stand_inside_and_outside_of_the_api(tmp_path: Path) -> None:
    async def text() -> AsyncIterator[bytes]:
        yield b"a 1\n"
        yield b"# EOF\n"

    async with staged(tmp_path, metrics=text) as stage:
        for target in ("/metrics", "/api/metrics"):
            got = await stage.ask("GET", target)
            assert (got.status, got.body) == (200, b"a 1\n# EOF\n")
            assert got.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
        assert (await stage.ask("HEAD", "/metrics")).status == 200
        assert (await stage.ask("POST", "/metrics")).status == 405


# ---- spans


def test_spans_tell_where_the_time_went() -> None:
    run = a_run(1, State.HELD, created_at=NOON)
    moves = [
        (2, State.HELD, State.QUEUED),
        (5, State.QUEUED, State.STARTING),
        (6, State.STARTING, State.RUNNING),
        (16, State.RUNNING, State.RETRYING),
        (26, State.RETRYING, State.STARTING),
        (27, State.STARTING, State.RUNNING),
        (40, State.RUNNING, State.STOPPING),
        (43, State.STOPPING, State.CANCELLED),
    ]
    history: list[Record] = [
        RunCreated(run),
        RunNoted(1, {}),
        *(RunMoved(1, later(at), before, state, None, "engine", {}) for at, before, state in moves),
    ]
    attempts = [
        Attempt(1, 1, "t", "local", later(5), started_at=later(6), ended_at=later(16)),
        Attempt(1, 2, "u", "local", later(26), started_at=later(27), ended_at=later(43)),
    ]
    found = spans(history, attempts, later(43))
    assert [(one["name"], one["attempt"], one["seconds"]) for one in found] == [
        ("held", 1, 2),
        ("queue", 1, 3),
        ("attempt", 1, 11),
        ("submit", 1, 1),
        ("run", 1, 10),
        ("backoff", 2, 10),
        ("attempt", 2, 17),
        ("submit", 2, 1),
        ("run", 2, 16),
        ("stop", 2, 3),
    ]
    assert found[1]["from"] == "2026-03-29T12:00:02Z"


def test_what_lasts_has_no_end() -> None:
    run = a_run(1, State.QUEUED, created_at=NOON)
    move = RunMoved(1, later(1), State.QUEUED, State.STARTING, None, "engine", {})
    opened = Attempt(1, 1, "t", "local", later(1))
    found = spans([RunCreated(run), move], [opened], None)
    assert [(one["name"], one["to"], one["seconds"]) for one in found] == [
        ("queue", "2026-03-29T12:00:01Z", 1),
        ("attempt", None, None),
        ("submit", None, None),
    ]


async def test_a_trace_over_the_socket(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(3, ended_at=later(200)))
        stage.books.tries[3] = [Attempt(3, 1, "t", "local", NOON, started_at=NOON, ended_at=later(1))]
        status, told = await data(stage, "/api/runs/3/trace")
        assert (status, told["id"], told["task"], told["seconds"]) == (200, 3, "backup", 20)
        assert {one["name"] for one in told["items"]} >= {"attempt", "run"}
        assert (await data(stage, "/api/runs/4/trace"))[0] == 404


# ---- what is sensitive

SECRETIVE = {"password": "hunter2", "token": "t0k", "plain": "x"}
HIDDEN = frozenset({"password", "token"})


@pytest.mark.parametrize("named", [False, True])
async def test_only_those_whom_access_names_see_it_and_never_a_secret(tmp_path: Path, named: bool) -> None:
    access = Access(viewers=("daemon", "bin"), reveal=("daemon",) if named else ("bin",))
    options: dict[str, Any] = {
        "access": access,
        "peer": lambda _socket: Peer(1, 1, frozenset()),
        "hidden": HIDDEN,
        "secret": lambda _run: frozenset({"token"}),
    }
    async with staged(tmp_path, **options) as stage:
        stage.books.keep(replace(a_run(3), parameters=SECRETIVE))
        status, told = await data(stage, "/api/runs/3")
        assert (status, told["parameters"]) == (200, {"password": "***", "token": "***", "plain": "x"})
        assert stage.desk.noted == []
        status, told = await data(stage, "/api/runs/3?reveal=1")
        assert status == (200 if named else 403)
        if named:
            assert told["parameters"] == {"password": "hunter2", "token": "***", "plain": "x"}
            assert [(asker.name, *row) for asker, *row in stage.desk.noted] == [
                ("daemon", "reveal", "run 3", "done", {"names": ["password"]})
            ]
        else:
            assert "hunter2" not in json.dumps(told)
            assert [(asker.name, verb, subject) for asker, verb, subject, *_ in stage.desk.denied] == [
                ("daemon", "reveal", "run 3")
            ]


async def test_where_nothing_is_known_of_secrets_everything_stays_one(tmp_path: Path) -> None:
    access = Access(viewers=("daemon",), reveal=("daemon",))
    async with staged(tmp_path, access=access, peer=lambda _socket: Peer(1, 1, frozenset())) as stage:
        stage.books.keep(replace(a_run(3), parameters=SECRETIVE))
        told = (await data(stage, "/api/runs/3?reveal=1"))[1]
        assert "hunter2" not in told["parameters"].values()


async def test_who_has_no_role_at_all_stands_in_the_audit(tmp_path: Path) -> None:
    async with staged(tmp_path, peer=lambda _socket: Peer(1, 4713, frozenset())) as stage:
        assert (await data(stage, "/api/status"))[0] == 403
        assert [(asker.name, asker.known, verb) for asker, verb, *_ in stage.desk.denied] == [
            ("uid 4713", False, "connect")
        ]


async def test_who_takes_a_right_from_themselves_still_hears_that_it_is_done(tmp_path: Path) -> None:
    """As whoever reloads a configuration that names them no longer."""
    stages: list[Stage] = []

    async def admitted(_office: Office, _asked: Asked) -> Response:
        stages[0].server.admit(Doorkeeper(Access()))
        return document({"done": True})

    async def streamed(office: Office, asked: Asked) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"for nobody"

        await admitted(office, asked)
        return Response(stream=pieces())

    routes = [Route("GET", "whole", Role.VIEWER, admitted), Route("GET", "stream", Role.VIEWER, streamed)]
    for name in ("whole", "stream"):
        options: dict[str, Any] = {"access": Access(viewers=("daemon",)), "routes": routes}
        (tmp_path / name).mkdir()
        async with staged(tmp_path / name, peer=lambda _socket: Peer(1, 1, frozenset()), **options) as stage:
            stages[:] = [stage]
            said = await stage.raw(f"GET /api/{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert (b'{"done":true}' in said) is (name == "whole")
            assert b"for nobody" not in said
