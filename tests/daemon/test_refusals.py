"""Refusals in the audit: each by itself up to a bound, then counted; and rows that somebody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from polysync.daemon import refusals
from polysync.daemon.inbox import Denied
from polysync.daemon.refusals import Refusals
from polysync.domain.approvals import Decision
from polysync.domain.inputs import Archive, Decide, Pause, Release, Resume, SkipNext, Stop, Submit
from polysync.domain.run import State
from polysync.domain.task import Task
from polysync.domain.values import Role
from polysync.ports import Asker, PortError
from polysync.store.errors import StorageBusy
from polysync.store.rows import row_hash
from tests.daemon.rig import ANNA, NOON, Rig, daemon, until

EVE = Asker("eve", Role.VIEWER)
WORK = Task(name="work", run="true", cron=("0 3 * * *",))


class Desk:
    """Where refusals go, and a clock that a test winds by hand."""

    def __init__(self) -> None:
        self.rows: list[Denied] = []
        self.alarms: list[Callable[[], None]] = []
        self.refusals = Refusals(self.rows.append, lambda _seconds, call: self.alarms.append(call))

    def deny(self, name: str, subject: str = "run 7") -> None:
        self.refusals.add(Denied(Asker(name, Role.VIEWER), "stop", subject))


def test_who_is_refused_all_the_time_is_counted() -> None:
    desk = Desk()
    for number in range(refusals.EACH + 30):
        desk.deny("eve", f"run {number}")
    desk.deny("bob")
    assert len(desk.rows) == refusals.EACH + 1
    assert len(desk.alarms) == 1
    desk.alarms.pop()()
    last = desk.rows[-1]
    assert (last.asker.name, last.subject, last.detail["times"]) == ("eve", "run 49", 30)
    desk.deny("eve")
    assert len(desk.rows) == refusals.EACH + 3
    desk.alarms.pop()()
    assert len(desk.rows) == refusals.EACH + 3
    assert desk.refusals.total == refusals.EACH + 32


def test_names_without_end_share_a_count() -> None:
    desk = Desk()
    for number in range(refusals.ASKERS + refusals.EACH + 5):
        desk.deny(f"u{number}")
    assert len(desk.rows) == refusals.ASKERS + refusals.EACH
    desk.alarms.pop()()
    assert desk.rows[-1].detail["times"] == 5


def test_a_refusal_that_was_lost_with_a_commit_is_put_down_later() -> None:
    async def story(rig: Rig) -> None:
        rig.memory.fates = [(False, StorageBusy("busy"))]
        rig.desk.deny(EVE, "stop", "run 7")
        await until(lambda: rig.memory.audit)

    rig = daemon(story, WORK)
    assert [(row.actor, row.outcome) for row in rig.memory.audit] == [("eve", "denied")]


def test_who_waits_for_a_row_hears_when_it_is_stored_or_that_it_is_not() -> None:
    async def story(rig: Rig) -> None:
        rig.memory.gate = asyncio.Event()
        noting = rig.tasks.spawn(rig.desk.note(ANNA, "reveal", "run 1", detail={"names": []}), "note")
        await until(lambda: len(rig.inbox) == 0)
        assert not noting.done()
        rig.memory.gate.set()
        await noting
        rig.memory.fates = [(False, StorageBusy("busy"))]
        with pytest.raises(PortError, match="not stored"):
            await rig.desk.note(ANNA, "reveal", "run 2")

    rig = daemon(story, WORK)
    assert [(row.verb, row.subject, row.outcome) for row in rig.memory.audit] == [("reveal", "run 1", "done")]


def test_an_inbox_that_is_full_takes_no_such_row() -> None:
    async def story(rig: Rig) -> None:
        rig.memory.gate = asyncio.Event()
        rig.inbox._bound = 0  # noqa: SLF001 - a full one would take ten thousand requests
        with pytest.raises(PortError, match="more is asked"):
            await rig.desk.note(ANNA, "reveal", "run 1")
        rig.memory.gate.set()

    daemon(story, WORK)


def test_requests_leave_the_hash_of_what_they_changed() -> None:
    async def story(rig: Rig) -> None:
        await rig.ask(hold=True)
        held = row_hash(rig.rows.runs[1])
        await rig.desk.ask(Release(1), ANNA)
        await rig.desk.ask(Stop(1, comment="enough"), ANNA)
        await until(lambda: rig.rows.runs[1].ended_at)
        await rig.desk.ask(Archive(1), ANNA)
        for request in (Pause("work", until=NOON, reason="why"), Resume("work"), SkipNext("work")):
            await rig.desk.ask(request, ANNA)
        assert rig.memory.audit[0].detail == {"after": held, "run": 1}
        assert rig.memory.audit[1].detail["before"] == held

    rig = daemon(story, WORK)
    rows = rig.memory.audit
    assert [(row.verb, row.subject) for row in rows] == [
        ("run", "task work"),
        ("release", "run 1"),
        ("stop", "run 1"),
        ("archive", "run 1"),
        ("pause", "task work"),
        ("resume", "task work"),
        ("skip-next", "task work"),
    ]
    assert rows[2].detail["comment"] == "enough"
    assert rows[4].detail["until"] == NOON.isoformat()
    assert all(row.detail["before"] != row.detail["after"] for row in (rows[1], *rows[4:]))
    assert rows[6].detail["after"] == row_hash(rig.rows.tasks["work"])
    assert rows[6].detail["before"] == rows[5].detail["after"], "nothing lies between them"


def test_requests_that_come_together_share_their_hashes() -> None:
    async def story(rig: Rig) -> None:
        asked = [rig.desk.ask(request, ANNA) for request in (Pause("work"), Resume("work"), Submit(task="work"))]
        await asyncio.gather(*asked)

    rig = daemon(story, WORK)
    pause, resume, run = rig.memory.audit
    assert pause.detail == resume.detail
    assert "before" not in run.detail


def test_a_decision_and_a_rerun_have_their_own_words() -> None:
    async def story(rig: Rig) -> None:
        await rig.ask()
        await rig.desk.ask(Decide(1, Decision.REQUEST_CHANGES, comment="no"), ANNA)
        await rig.desk.ask(Submit(task="work", rerun_of=1), ANNA)
        await rig.desk.ask(Archive(1, undo=True), ANNA)
        assert rig.rows.runs[1].state is not State.HELD

    rig = daemon(story, WORK)
    told = [(row.verb, row.outcome, dict(row.detail)) for row in rig.memory.audit[1:]]
    assert told[0][:2] == ("request-changes", "conflict")
    assert "after" not in told[0][2]
    assert (told[1][0], told[1][2]["rerun_of"]) == ("rerun", 1)
    assert told[2][2]["undo"] is True
