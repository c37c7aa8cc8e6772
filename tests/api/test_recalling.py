"""A key that an earlier daemon knew: what became of the request is read from the audit."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from polysync.domain.run import State
from polysync.ports import AuditFilter, AuditPage, AuditRow, AuditVerdict, PortError
from tests.api.stage import NOON, a_run, staged

RUN = "/api/tasks/backup/run"
KEY = {"Idempotency-Key": "k"}


class Book:
    """An audit of one row on its second page; broken at first where a test wants that."""

    def __init__(self, outcome: str, failures: int = 0, **detail: Any) -> None:
        self.row = AuditRow(
            seq=3,
            at=NOON,
            actor="root",
            role="admin",
            channel="socket",
            verb="run",
            subject="task backup",
            outcome=outcome,
            detail=detail,
        )
        self.failures = failures
        self.asked: list[tuple[AuditFilter, int | None]] = []

    async def page(self, wanted: AuditFilter, limit: int, before: int | None) -> AuditPage:
        self.asked.append((wanted, before))
        if len(self.asked) <= self.failures:
            raise PortError("the disk does not answer")
        assert limit > 1
        return AuditPage(rows=[], next=4) if before is None else AuditPage(rows=[self.row], next=None)

    async def verify(self) -> AuditVerdict:
        raise NotImplementedError


async def marked(folder: Path, target: str = RUN, body: bytes = b"") -> str:
    """What a daemon puts down of this request."""
    (folder / "before").mkdir()
    async with staged(folder / "before") as stage:
        stage.books.keep(a_run(7))
        await stage.ask("POST", target, body, KEY)
        return stage.desk.requests[0][1].key


async def asked_again(folder: Path, book: Book, target: str = RUN, body: bytes = b"") -> tuple[int, Any, Any]:
    """Status, document and headers of the same request to a daemon that has this audit."""
    (folder / "after").mkdir()
    async with staged(folder / "after", audit=book, now=lambda: NOON) as stage:
        stage.books.keep(a_run(7, State.RUNNING))
        got = await stage.ask("POST", target, body, KEY)
        assert stage.desk.requests == []
        return got.status, json.loads(got.body), got.headers


async def test_the_run_is_told_as_it_stands(tmp_path: Path) -> None:
    book = Book("done", idempotency=await marked(tmp_path), run=7)
    code, told, headers = await asked_again(tmp_path, book)
    assert (code, told["id"], told["state"]) == (201, 7, "running")
    assert (headers["location"], headers["idempotency-replayed"]) == ("/api/runs/7", "true")
    assert [before for _, before in book.asked] == [None, 4]


async def test_what_makes_no_run_has_no_place(tmp_path: Path) -> None:
    stop = "/api/runs/7/stop"
    book = Book("done", idempotency=await marked(tmp_path, stop), run=7)
    code, told, headers = await asked_again(tmp_path, book, stop)
    assert (code, told["id"], "location" in headers) == (200, 7, False)


@pytest.mark.parametrize(("outcome", "status"), [("unknown", 404), ("forbidden", 403), ("conflict", 409)])
async def test_a_refusal_is_one_again(tmp_path: Path, outcome: str, status: int) -> None:
    book = Book(outcome, idempotency=await marked(tmp_path), message="because")
    code, told, headers = await asked_again(tmp_path, book)
    assert (code, told["error"]["message"]) == (status, "because")
    assert headers["idempotency-replayed"] == "true"


async def test_a_key_of_wrong_values_may_come_with_right_ones(tmp_path: Path) -> None:
    book = Book("invalid", idempotency=await marked(tmp_path), message="because")
    (tmp_path / "after").mkdir()
    async with staged(tmp_path / "after", audit=book, now=lambda: NOON) as stage:
        got = await stage.ask("POST", RUN, b'{"hold": true}', KEY)
        assert (got.status, len(stage.desk.requests)) == (201, 1)


async def test_what_cannot_be_shown_is_not_done_again(tmp_path: Path) -> None:
    book = Book("done", idempotency=await marked(tmp_path))
    assert (await asked_again(tmp_path, book))[0] == 409


async def test_another_request_under_the_key_is_refused(tmp_path: Path) -> None:
    book = Book("done", idempotency=await marked(tmp_path), run=7)
    code, told, _ = await asked_again(tmp_path, book, body=b'{"hold": true}')
    assert (code, told["error"]["problems"][0]["parameter"]) == (422, "Idempotency-Key")


async def test_a_key_that_nobody_knew_is_a_new_request(tmp_path: Path) -> None:
    book = Book("done", failures=1, run=7)
    async with staged(tmp_path, audit=book, now=lambda: NOON) as stage:
        assert (await stage.ask("POST", RUN, headers=KEY)).status == 503  # it may be there, and cannot be read
        assert stage.desk.requests == []
        assert (await stage.ask("POST", RUN, headers=KEY)).status == 201
        assert (await stage.ask("POST", RUN, headers={"Idempotency-Key": "other"})).status == 201
        assert len(stage.desk.requests) == 2
        assert len(book.asked) == 3  # once, and not for every key


async def test_without_a_key_nothing_is_looked_up(tmp_path: Path) -> None:
    book = Book("done")
    async with staged(tmp_path, audit=book) as stage:
        assert (await stage.ask("POST", RUN)).status == 201
        assert (book.asked, stage.desk.requests[0][1].key) == ([], "")


async def test_what_was_carried_out_and_could_not_be_shown_is_not_done_twice(tmp_path: Path) -> None:
    book = Book("done", idempotency="another key", run=7)
    async with staged(tmp_path, audit=book, now=lambda: NOON) as stage:
        stage.books.keep(a_run(7))
        assert (await stage.ask("POST", RUN, headers={"Idempotency-Key": "other"})).status == 201
        stage.books.fails = PortError("the disk does not answer")
        assert (await stage.ask("POST", RUN, headers=KEY)).status == 503
        stage.books.fails = None
        book.row = replace(book.row, detail={"idempotency": stage.desk.requests[-1][1].key, "run": 7})
        again = await stage.ask("POST", RUN, headers=KEY)
        assert (again.status, json.loads(again.body)["id"], len(stage.desk.requests)) == (201, 7, 2)
        assert again.headers["idempotency-replayed"] == "true"


async def test_a_key_of_more_than_a_day_ago_is_a_new_one(tmp_path: Path) -> None:
    book = Book("done", idempotency=await marked(tmp_path), run=7)
    (tmp_path / "after").mkdir()
    clock = [NOON]
    async with staged(tmp_path / "after", audit=book, now=lambda: clock[0]) as stage:
        await stage.ask("POST", RUN, headers={"Idempotency-Key": "other"})
        clock[0] += timedelta(days=1)
        assert (await stage.ask("POST", RUN, headers=KEY)).headers.get("idempotency-replayed") is None
        assert len(stage.desk.requests) == 2
