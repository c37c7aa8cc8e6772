"""What the API tells and does about runs, over a real socket and with the real client."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import polysync
from polysync.domain.admission import Need
from polysync.domain.effects import Answer, Refusal
from polysync.domain.inputs import Release, Stop, Submit
from polysync.domain.rows import Attempt, BlockedOn, Message
from polysync.domain.run import Blocker, Lack, Reason, State
from polysync.domain.values import Outcome, Trigger
from polysync.ports import PortError, RunFilter
from tests.api.stage import NOON, a_run, staged

RUN_KEYS = set(
    "id uid task job state end_reason outcome retry_status blocked_on trigger scheduled_for created_at available_at "
    "started_at ended_at priority attempt attempts exit_code signal outputs messages error progress parameters "
    "correlation_id parent_id rerun_of external_id external_account_id external_user_id category subject description "
    "tags unlisted archived start_after expires_at status_code turn generation definition actor updated_at "
    "updated_by url".split()
)
ATTEMPT_KEYS = set(
    "number outcome exit_code signal error status_code started_at ended_at platform handle host worker image "
    "claimed_by last_seen_at pid cpu_seconds max_rss log_bytes log_dropped".split()
)


async def test_every_answer_names_version_and_request(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        got = await stage.ask("GET", "/api/health", headers={"X-Request-Id": "mine"})
        assert (got.status, json.loads(got.body)) == (200, {"ok": True})
        assert got.headers["polysync-version"] == polysync.__version__
        assert got.headers["x-request-id"] == "mine"
        other = await stage.ask("GET", "/api/nothing", headers={"X-Request-Id": "a" * 101})
        assert other.status == 404
        assert re.fullmatch(r"[0-9a-f]{8}-\d+", other.headers["x-request-id"])


async def test_status_is_what_the_desk_says(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        assert json.loads((await stage.ask("GET", "/api/status")).body) == {"running": 0}


async def test_a_run_shows_every_key(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(
            a_run(
                7,
                State.FAILED,
                end_reason=Reason.EXIT_CODE,
                outcome=Outcome.FAILED,
                parameters={"day": "märz", "password": "s3cret", "deep": MappingProxyType({"at": NOON})},
                outputs={"password": "s3cret", "rows": 3},
                messages=(Message("W1", "beware", error=True),),
                progress=(40, "half"),
                parents=(3, 2),
                tags={"team": "ops"},
                exit_code=2,
                blocked_on=BlockedOn(Blocker.APPROVAL, "after", "look", NOON),
            )
        )
        stage.books.tries[7] = [Attempt(7, 1, "t0ken", "local", NOON, handle={"pid": 12}, cpu_seconds=0.5)]
        got = json.loads((await stage.ask("GET", "/api/runs/7")).body)
    assert set(got) >= RUN_KEYS
    assert set(got["attempts"][0]) >= ATTEMPT_KEYS
    assert got["parameters"] == {"day": "märz", "password": "***", "deep": {"at": "2026-03-29T12:00:00Z"}}
    assert got["outputs"] == {"password": "***", "rows": 3}
    assert got["messages"] == [{"code": "W1", "text": "beware", "error": True}]
    assert got["progress"] == {"percent": 40, "text": "half"}
    assert got["blocked_on"] == {"kind": "approval", "name": "after", "reason": "look", "since": "2026-03-29T12:00:00Z"}
    assert (got["parent_id"], got["category"], got["job"], got["unlisted"]) == (3, "nightly", None, False)
    assert (got["state"], got["end_reason"], got["outcome"], got["exit_code"]) == ("failed", "exit_code", "failed", 2)
    assert got["scheduled_for"] == "2026-03-29T12:07:00Z"
    assert (got["started_at"], got["waiting_for"], got["retry_status"]) == (None, None, None)
    assert (got["updated_at"], got["updated_by"]) == ("2026-03-29T12:00:00Z", "ada")
    assert got["attempts"][0]["pid"] == 12
    assert [step["state"] for step in got["history"]] == ["queued", "failed"]


async def test_a_live_run_is_fresher_than_its_row(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(1), a_run(2, State.QUEUED))
        stage.desk.lives[2] = a_run(2, State.RUNNING)
        one = json.loads((await stage.ask("GET", "/api/runs/2")).body)
        page = json.loads((await stage.ask("GET", "/api/runs")).body)
        queued = json.loads((await stage.ask("GET", "/api/runs?state=queued")).body)
    assert one["state"] == "running"
    assert [run["state"] for run in page["items"]] == ["running", "succeeded"]
    assert queued["items"] == []


@pytest.mark.parametrize(("state", "shown"), [(State.RETRYING, "waiting"), (State.DEAD, "exhausted")])
async def test_retries_have_a_status(tmp_path: Path, state: State, shown: str) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(1, state))
        assert json.loads((await stage.ask("GET", "/api/runs/1")).body)["retry_status"] == shown


async def test_a_queued_run_says_what_it_waits_for(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.desk.lives[1] = a_run(1, State.QUEUED, blocked_on=BlockedOn(Blocker.TIMER, "t", "", NOON))
        stage.books.keep(stage.desk.lives[1])
        stage.desk.lacks[1] = [Need(Lack.CONTENTION, "db", NOON)]
        run = json.loads((await stage.ask("GET", "/api/runs/1")).body)
        why = json.loads((await stage.ask("GET", "/api/runs/1/why")).body)
    needs = [{"kind": "contention", "name": "db", "until": "2026-03-29T12:00:00Z"}]
    assert run["waiting_for"] == why["waiting_for"] == needs
    assert why["blocked_on"]["kind"] == "timer"


async def test_pages_are_walked_by_their_cursor(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(*map(a_run, range(1, 8)))
        seen: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            target = f"/api/runs?limit=3{'&cursor=' + cursor if cursor else ''}"
            page = json.loads((await stage.ask("GET", target)).body)
            seen += [run["id"] for run in page["items"]]
            cursor = page["next"]
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    assert [before for _, _, before in stage.books.asked] == [None, 5, 2]


async def test_all_filters_reach_the_reader(tmp_path: Path) -> None:
    query = (
        "task=backup&state=failed&trigger=cron&tag=team%3Dops&correlation_id=c&external_id=e"
        "&since=2026-01-01T00:00:00%2B02:00&until=2026-01-02T00:00:00+01:00&limit=500"
    )
    async with staged(tmp_path) as stage:
        assert (await stage.ask("GET", f"/api/runs?{query}")).status == 200
        wanted, limit, before = stage.books.asked[0]
    assert wanted == RunFilter(
        task="backup",
        state=State.FAILED,
        trigger=Trigger.CRON,
        tag="team=ops",
        correlation_id="c",
        external_id="e",
        since=datetime(2025, 12, 31, 22, tzinfo=UTC),
        until=datetime(2026, 1, 1, 23, tzinfo=UTC),
    )
    assert (limit, before) == (501, None)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("state=sleeping", "state"),
        ("trigger=moon", "trigger"),
        ("limit=501", "limit"),
        ("limit=0", "limit"),
        ("limit=%D9%A3", "limit"),
        ("since=yesterday", "since"),
        ("since=2026-01-01T00:00:00", "since"),
        ("until=0001-01-01T00:00:00%2B02:00", "until"),
        ("cursor=abc", "cursor"),
        ("cursor=99999999999999999999", "cursor"),
        ("stat=failed", "stat"),
        ("task=", "task"),
        ("task=a%00b", "task"),
        ("limit=1&limit=2", "limit"),
    ],
)
async def test_bad_filters_are_named(tmp_path: Path, query: str, parameter: str) -> None:
    async with staged(tmp_path) as stage:
        got = await stage.ask("GET", f"/api/runs?{query}")
        error = json.loads(got.body)["error"]
        assert (got.status, error["code"]) == (422, "invalid")
        assert [problem["parameter"] for problem in error["problems"]] == [parameter]
        assert stage.books.asked == []


@pytest.mark.parametrize("query", ["%ff=1", "a=%ff", "&".join(f"a{n}=1" for n in range(40))])
async def test_queries_that_are_no_text_are_refused(tmp_path: Path, query: str) -> None:
    async with staged(tmp_path) as stage:
        assert (await stage.ask("GET", f"/api/runs?{query}")).status == 400


@pytest.mark.parametrize("number", ["99", "abc", "-1", "9999999999999999999", "%2e%2e", "1%2f2"])
@pytest.mark.parametrize("tail", ["", "/history", "/why", "/log"])
async def test_unknown_runs_are_not_found(tmp_path: Path, number: str, tail: str) -> None:
    async with staged(tmp_path) as stage:
        got = await stage.ask("GET", f"/api/runs/{number}{tail}")
        assert (got.status, json.loads(got.body)["error"]["code"]) == (404, "not_found")


async def test_the_wrong_method_names_the_right_ones(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        got = await stage.ask("DELETE", "/api/runs/1")
        assert (got.status, got.headers["allow"]) == (405, "GET, HEAD")
        assert (await stage.ask("GET", "/api/runs/1/stop")).headers["allow"] == "POST"


async def test_head_has_the_headers_of_get_and_no_body(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(1))
        head = await stage.ask("HEAD", "/api/runs/1")
        full = await stage.ask("GET", "/api/runs/1")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(full.body))
        assert (await stage.ask("HEAD", "/api/runs/1/log?follow=1")).body == b""


async def test_a_refused_head_has_no_body_either(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        said = await stage.raw(b"HEAD /api/runs HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 417 ")
        assert said.endswith(b"\r\n\r\n")
        said = await stage.raw(b"GET /api/runs HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n")
        assert said.endswith(b"}}")


async def test_a_start_carries_everything(tmp_path: Path) -> None:
    body = {
        "parameters": {"day": "mon", "password": "x"},
        "hold": True,
        "start_at": "2026-03-29T03:00:00+02:00",
        "expires_after": "1h30m",
        "priority": -5,
        "external_id": "ext",
        "correlation_id": "cor",
        "tags": {"team": "ops"},
    }
    async with staged(tmp_path) as stage:
        got = await stage.ask("POST", "/api/tasks/backup/run", json.dumps(body).encode())
        request, asker = stage.desk.requests[0]
    run = json.loads(got.body)
    assert (got.status, got.headers["location"]) == (201, f"/api/runs/{run['id']}")
    assert run["parameters"] == {"day": "mon", "password": "***"}
    assert asker.role == "admin"
    assert request == Submit(
        task="backup",
        parameters={"day": "mon", "password": "x"},
        hold=True,
        start_at=datetime(2026, 3, 29, 1, tzinfo=UTC),
        expires_after=timedelta(minutes=90),
        priority=-5,
        external_id="ext",
        correlation_id="cor",
        tags={"team": "ops"},
    )


async def test_a_start_needs_no_body(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        assert (await stage.ask("POST", "/api/tasks/backup/run")).status == 201
        assert (await stage.ask("POST", "/api/tasks/backup/run", b"  ")).status == 201


@pytest.mark.parametrize(
    ("body", "parameters"),
    [
        ({"hold": "perhaps"}, ["hold"]),
        ({"hold": 1.0, "priority": 1.5}, ["hold", "priority"]),
        ({"hold": []}, ["hold"]),
        ({"priority": True}, ["priority"]),
        ({"priority": 101, "start_at": 5}, ["start_at", "priority"]),
        ({"expires_after": 15}, ["expires_after"]),
        ({"start_at": "9999-12-31T00:00:00Z", "expires_after": "36525d"}, ["start_at"]),
        ({"tags": {"a": 1}}, ["tags"]),
        ({"tags": []}, ["tags"]),
        ({"parameters": "x"}, ["parameters"]),
        ({"external_id": "a\nb"}, ["external_id"]),
        ({"correlation_id": ""}, ["correlation_id"]),
        ({"nonsense": 1, "hold": {}}, ["nonsense", "hold"]),
    ],
)
async def test_bad_bodies_are_problems_by_name(tmp_path: Path, body: dict[str, Any], parameters: list[str]) -> None:
    async with staged(tmp_path) as stage:
        got = await stage.ask("POST", "/api/tasks/backup/run", json.dumps(body).encode())
        assert got.status == 422
        assert [p["parameter"] for p in json.loads(got.body)["error"]["problems"]] == parameters
        assert stage.desk.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        b"\xff",
        b'{"parameters":{"a":NaN}}',
        b'{"hold":true,"hold":false}',
        b'{"external_id":"\\ud800"}',
        b"[" * 200_000,
        b'{"priority":' + b"9" * 5000 + b"}",
    ],
)
async def test_what_is_no_json_object_is_refused(tmp_path: Path, body: bytes) -> None:
    async with staged(tmp_path) as stage:
        got = await stage.ask("POST", "/api/tasks/backup/run", body)
        assert (got.status, stage.desk.requests, stage.said) == (400, [], [])


async def test_an_unknown_task_comes_with_a_guess(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        got = await stage.ask("POST", "/api/tasks/bakcup/run")
        assert got.status == 404
        assert 'did you mean "backup"?' in json.loads(got.body)["error"]["message"]


@pytest.mark.parametrize(
    ("refusal", "status"),
    [(Refusal.UNKNOWN, 404), (Refusal.FORBIDDEN, 403), (Refusal.CONFLICT, 409), (Refusal.INVALID, 422)],
)
async def test_what_the_engine_refuses_has_a_status(tmp_path: Path, refusal: Refusal, status: int) -> None:
    async with staged(tmp_path) as stage:
        stage.desk.refusal = refusal
        got = await stage.ask("POST", "/api/tasks/backup/run")
        error = json.loads(got.body)["error"]
        assert (got.status, error["message"]) == (status, "because")
        assert ("problems" in error) == (status == 422)


async def test_stop_and_release_reach_the_desk(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(1))
        assert (await stage.ask("POST", "/api/runs/1/stop", b'{"reason":"too\\nloud"}')).status == 200
        assert (await stage.ask("POST", "/api/runs/1/release")).status == 200
        assert (await stage.ask("POST", "/api/runs/1/stop", b'{"reason":5}')).status == 422
        assert (await stage.ask("POST", "/api/runs/2/stop")).status == 404
        assert [request for request, _ in stage.desk.requests] == [Stop(1, comment="too\nloud"), Release(1)]


@pytest.mark.parametrize(("error", "status"), [(RuntimeError("s3cret"), 500), (PortError("s3cret"), 503)])
async def test_a_failure_inside_tells_no_details(tmp_path: Path, error: Exception, status: int) -> None:
    async with staged(tmp_path) as stage:
        stage.books.fails = error
        got = await stage.ask("GET", "/api/runs/1", headers={"X-Request-Id": "abc"})
        assert got.status == status
        assert b"s3cret" not in got.body
        assert stage.said == [("request abc failed", error)]
        assert (await stage.ask("GET", "/api/health")).status == 200


async def test_an_answer_without_a_run_is_a_bug_that_is_told(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(a_run(1))
        stage.desk.ask = _nothing  # type: ignore[method-assign,assignment]  # a desk that breaks its promise
        assert (await stage.ask("POST", "/api/runs/1/stop")).status == 500


async def _nothing(_request: Any, _asker: Any) -> Any:
    return Answer("key")
