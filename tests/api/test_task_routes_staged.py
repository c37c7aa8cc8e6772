"""Routes about tasks and limits over a real socket, on an engine of its own: what they ask for, and what they show."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from polysync.config.origin import Origin
from polysync.domain import inputs as ins
from polysync.domain.approvals import Decision
from polysync.domain.effects import Refusal
from polysync.domain.glances import Ending, Glance, Past
from polysync.domain.limit_views import ContentionView, PlatformView
from polysync.domain.rows import Run
from polysync.domain.run import State
from polysync.domain.settings import Calendar, Configuration, Profile, Vault
from polysync.domain.task import Edge, Job, JobParameter
from polysync.domain.task_views import TaskView
from polysync.domain.values import (
    DayMatch,
    Direction,
    Mode,
    OnShutdown,
    Parameter,
    ParamType,
    ProfileType,
    Trigger,
    VaultType,
)
from tests.api.stage import Stage, a_run, staged
from tests.simulation.simulator import Simulator
from tests.simulation.story import MINUTE, NOON, a_task, story, submit

DAY = timedelta(days=1)
HOURLY = ("0 * * * *",)


@dataclass
class Told:
    """A board of what a simulated daemon knows."""

    simulator: Simulator
    ended: list[OnShutdown | None] = field(default_factory=list)

    @property
    def configuration(self) -> Configuration:
        return self.simulator.configuration

    def now(self) -> datetime:
        return self.simulator.clock.read().wall

    def task(self, name: str) -> TaskView:
        assert self.simulator.engine is not None
        return self.simulator.engine.task(name)

    def platforms(self) -> Sequence[PlatformView]:
        assert self.simulator.engine is not None
        return self.simulator.engine.platforms()

    def contention(self) -> Sequence[ContentionView]:
        assert self.simulator.engine is not None
        return self.simulator.engine.contention()

    def _runs(self, task: str) -> list[Run]:
        return [run for run in self.simulator.journal.runs.values() if run.task == task]

    async def past(self, tasks: Collection[str]) -> Mapping[str, Past]:
        return {task: self._past(task) for task in tasks}

    def _past(self, task: str) -> Past:
        runs = self._runs(task)
        if not runs:
            return Past()
        last = runs[-1]
        times = last.created_at, last.started_at, last.ended_at
        glance = Glance(last.id, task, last.state, last.end_reason, *times, last.trigger, last.priority)
        return Past(glance, tuple((run.id, run.state) for run in runs if run.ended_at))

    async def endings(self, task: str, since: datetime, limit: int) -> Sequence[Ending]:
        runs = [run for run in self._runs(task) if run.created_at >= since]
        return [Ending(run.state, run.started_at, run.ended_at, run.slots) for run in runs][:limit]

    async def slot_rows(self, task: str, until: datetime, limit: int) -> Sequence[Run]:
        runs = [run for run in self._runs(task) if run.scheduled_for and run.scheduled_for <= until]
        return sorted(runs, key=lambda run: -run.id)[:limit]

    async def origins(self, task: str) -> Sequence[Origin]:
        assert task in {"backup", "report"}
        return [Origin("run", "true", "task", "polysync.toml", 7, 1), Origin("log_max_size", 100 << 20, "default")]

    async def conditions(self, task: str) -> Mapping[str, Any]:
        return {"task": task}

    def end(self, mode: OnShutdown | None) -> OnShutdown:
        self.ended.append(mode)
        return mode or OnShutdown.DETACH


def world() -> Simulator:
    """A daemon that has run for a while."""
    job = Job(
        name="etl",
        parameters={
            "day": JobParameter(default="mon"),
            "key": JobParameter(type=ParamType.SECRET, default="hunter2"),
            "vaulted": JobParameter(default="vault://main/x"),
            "rows": JobParameter(direction=Direction.OUT),
        },
    )
    simulator = story(
        a_task("backup", cron=HOURLY, title="Backup", group="Nightly", tags={"team": "ops"}),
        a_task("report", job="etl", parameters={"at": Parameter(value="${run.date}"), "plain": Parameter(value="x")}),
        a_task("shut", cron=HOURLY, skip_on=("ever",)),
        a_task("after", depends_on=(Edge(task="backup"),), unlisted=True, contention=("few", "often")),
        a_task("base", mode=Mode.TEMPLATE),
        jobs={"etl": job, "hidden": Job(name="hidden", unlisted=True)},
        calendars={"ever": Calendar(name="ever", weekdays=(0, 1, 2, 3, 4, 5, 6))},
        vaults={"main": Vault(name="main", type=VaultType.ENV)},
        contention={
            "few": Profile(name="few", type=ProfileType.CONCURRENCY, max=2),
            "often": Profile(name="often", type=ProfileType.RATE, limit=3, window=DAY),
        },
    )
    simulator.run_for(125 * MINUTE)
    return simulator


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Stage, Told]]:
    """A server of that daemon."""
    board = Told(world())
    async with staged(folder, names=tuple(board.configuration.tasks), board=board) as stage:
        yield stage, board


async def got(stage: Stage, target: str) -> Any:
    answer = await stage.ask("GET", f"/api/{target}")
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


async def posted(stage: Stage, target: str, status: int = 200, **body: Any) -> Any:
    answer = await stage.ask("POST", f"/api/{target}", json.dumps(body).encode())
    assert answer.status == status, answer.body
    return json.loads(answer.body)


async def test_tasks_are_told_as_they_stand(tmp_path: Path) -> None:
    async with opened(tmp_path) as (stage, board):
        everything = await got(stage, "tasks")
        assert [one["name"] for one in everything["items"]] == ["backup", "report", "shut"]
        backup, report, shut = everything["items"]
        assert (backup["title"], backup["timezone"], backup["next_at"]) == ("Backup", "UTC", "2026-06-10T15:00:00Z")
        assert backup["outcomes"] == ["succeeded", "succeeded"]
        assert backup["last"]["duration"] == 120.0
        assert (report["last"], report["next_at"]) == (None, None)
        assert shut["next_at"] is None
        assert shut["outcomes"] == ["skipped"]

        board.simulator.tell(ins.Pause("backup", "asked", reason='he said "no"', actor="ada"))
        board.simulator.tell(ins.SkipNext("shut", "asked"))
        backup, _, shut = (await got(stage, "tasks"))["items"]
        assert (backup["paused"], backup["paused_by"], backup["pause_reason"]) == (True, "ada", 'he said "no"')
        assert (backup["next_at"], shut["skip_next"]) == (None, 1)

        page = await got(stage, "tasks?limit=1&cursor=backup&all=1")
        assert ([one["name"] for one in page["items"]], page["next"]) == (["report"], "report")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("all=1", ["after", "backup", "report", "shut"]),
        ("match=*e*t", ["report"]),
        ("group=N*", ["backup"]),
        ("tag=team", ["backup"]),
        ("tag=team=dev", []),
        ("match=after", []),
    ],
)
async def test_tasks_are_sieved(tmp_path: Path, query: str, names: list[str]) -> None:
    async with opened(tmp_path) as (stage, _):
        assert [one["name"] for one in (await got(stage, f"tasks?{query}"))["items"]] == names


async def test_a_run_under_way_is_told_as_the_engine_has_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as (stage, board):
        number = submit(board.simulator, "report")
        stored = board.simulator.journal.runs[number]
        stage.desk.lives[number] = a_run(number, State.STOPPING, task="report")
        assert stored.ended_at is None
        found = await got(stage, "tasks/report")
        assert (found["last"]["id"], found["last"]["state"], found["running"]) == (number, "stopping", 1)
        del stage.desk.lives[number]
        assert (await got(stage, "tasks/report"))["last"]["state"] == stored.state


async def test_a_task_in_full_and_what_is_to_come(tmp_path: Path) -> None:
    async with opened(tmp_path) as (stage, _):
        found = await got(stage, "tasks/backup")
        assert [(one["key"], one["value"], one["line"]) for one in found["definition"]] == [
            ("run", "true", 7),
            ("log_max_size", "100mb", None),
        ]
        coming = (await got(stage, "tasks/backup/next?n=2"))["items"]
        assert [(one["at"], one["runs"]) for one in coming] == [
            ("2026-06-10T15:00:00Z", True),
            ("2026-06-10T16:00:00Z", True),
        ]
        assert (await got(stage, "tasks/shut/next?n=1"))["items"][0]["reason"] == "calendar"
        assert (await got(stage, "tasks/report/next"))["items"] == []
        assert await got(stage, "tasks/backup/conditions") == {"task": "backup"}
        stats = await got(stage, "tasks/backup/stats?window=3h")
        assert (stats["counts"], stats["success_rate"], stats["duration"]["p50"]) == ({"succeeded": 2}, 1.0, 120.0)
        assert (await got(stage, "tasks/report/stats"))["duration"] == {"p50": None, "p95": None, "max": None}
        assert (await stage.ask("GET", "/api/tasks/bakup")).status == 404


async def test_slots_are_accounted_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as (stage, board):
        at = f"{NOON + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        (one,) = (await got(stage, f"tasks/backup/slots?at={at}"))["items"]
        assert (one["fate"], one["run"]["state"]) == ("run", "succeeded")
        board.simulator.tell(ins.SkipNext("backup", "asked"))
        whole = await got(stage, f"tasks/backup/slots?at={at}&until=2026-06-10T17:00:00Z")
        assert [one["fate"] for one in whole["items"]] == ["run", "run", "will_not_run", "coming", "coming"]
        assert (whole["more"], whole["next_at"]) == (False, "2026-06-10T18:00:00Z")
        none = await got(stage, f"tasks/report/slots?at={at}")
        assert (none["scheduled"], none["items"][0]["fate"], none["items"][0]["local"]) == (False, "no_slot", None)
        assert (await got(stage, f"tasks/report/slots?at={at}&until={at}"))["items"] == []
        for wrong in (f"at={at}&until=2020-01-01T00:00:00Z", "at=0001-01-01T00:00:00Z", "until=2020-01-01T00:00:00Z"):
            assert (await stage.ask("GET", f"/api/tasks/backup/slots?{wrong}")).status == 422


@pytest.mark.parametrize("target", ["next?n=25&after=", "slots?until=0850-01-01T00:00:00Z&at="])
async def test_a_rare_schedule_holds_up_nobody_else(tmp_path: Path, target: str) -> None:
    board, over = Told(story(a_task("rare", cron=("0 0 29 2 1",), day_match=DayMatch.ALL))), asyncio.Event()
    async with staged(tmp_path, names=("rare",), board=board) as stage:

        async def others() -> int:
            count = 0
            while not over.is_set():
                count += (await stage.ask("GET", "/api/health")).status == 200
            return count

        async def slots() -> int:
            try:
                return len((await got(stage, f"tasks/rare/{target}0100-01-01T00:00:00Z"))["items"])
            finally:
                over.set()

        found, answered = await asyncio.gather(slots(), others())
        assert found >= 20
        assert answered > 2


async def test_words_about_a_schedule_reach_the_engine(tmp_path: Path) -> None:
    async with opened(tmp_path) as (stage, _):
        assert (await posted(stage, "tasks/backup/pause", until="2026-06-11T00:00:00Z", reason="r"))["name"] == "backup"
        await posted(stage, "tasks/backup/resume")
        await posted(stage, "tasks/backup/skip-next")
        asked = [request for request, _ in stage.desk.requests]
        assert asked == [
            ins.Pause("backup", until=datetime.fromisoformat("2026-06-11T00:00:00+00:00"), reason="r"),
            ins.Resume("backup"),
            ins.SkipNext("backup"),
        ]
        await posted(stage, "tasks/backup/pause", 422, until="2026-06-10T00:00:00Z")
        stage.desk.refusal = Refusal.CONFLICT
        await posted(stage, "tasks/backup/skip-next", 409)


async def test_words_about_a_run_reach_the_engine(tmp_path: Path) -> None:
    async with opened(tmp_path) as (stage, _):
        stage.books.keep(a_run(1, State.SUCCEEDED, task="report"))
        for word in ("approve", "deny", "request-changes"):
            assert (await posted(stage, f"runs/1/{word}", comment="why"))["id"] == 1
        assert (await posted(stage, "runs/1/archive", undo=True))["id"] == 1
        asked = [request for request, _ in stage.desk.requests]
        assert asked == [*(ins.Decide(1, one, comment="why") for one in Decision), ins.Archive(1, undo=True)]
        await posted(stage, "runs/9/approve", 404)


async def test_a_run_is_done_again_with_what_it_had(tmp_path: Path) -> None:
    had = {"day": "tue", "key": "hunter3", "at": "old", "plain": "y", "gone": 1, "vaulted": "s", "rows": 5}
    before = a_run(
        1,
        State.FAILED,
        task="report",
        parameters=had,
        overrides={"day": "tue", "at": "given"},
        tags={"a": "1", "b": "2"},
        correlation_id="together",
    )
    async with opened(tmp_path) as (stage, _):
        stage.books.keep(before, a_run(2, State.RUNNING, task="report"), a_run(3, task="web", instance=1), a_run(4))
        made = await posted(stage, "runs/1/rerun", 201, parameters={"plain": "z"}, tags={"b": "3"}, priority=7)
        assert made["id"] == 5
        (asked,) = [request for request, _ in stage.desk.requests if isinstance(request, ins.Submit)]
        assert asked.parameters == {"day": "tue", "key": "hunter3", "plain": "z", "at": "given"}
        assert asked.tags == {"a": "1", "b": "3"}
        assert (asked.trigger, asked.rerun_of, asked.priority) == (Trigger.RERUN, 1, 7)
        assert (asked.logical_at, asked.correlation_id) == (before.scheduled_for, "together")
        stage.books.stored[3].state = State.FAILED
        for number in (2, 3):
            await posted(stage, f"runs/{number}/rerun", 409)
        stage.desk.refusal = Refusal.FORBIDDEN
        await posted(stage, "runs/4/rerun", 403)


async def test_what_stands_around_is_told_without_secrets(tmp_path: Path) -> None:
    async with opened(tmp_path) as (stage, board):
        (job,) = (await got(stage, "jobs"))["items"]
        assert (job["parameters"]["key"]["default"], job["tasks"]) == ("***", ["report"])
        assert len((await got(stage, "jobs?all=1"))["items"]) == 2
        assert (await got(stage, "vaults"))["items"] == [{"name": "main", "type": "env"}]
        few, often = (await got(stage, "contention"))["items"]
        assert (few["max"], few["left"], often["window"], often["algorithm"]) == (2, None, 86400.0, "token")
        assert often["left"] == 3 - sum(run.task == "after" for run in board.simulator.journal.runs.values())
        assert [one["name"] for one in (await got(stage, "platforms"))["items"]] == ["local"]
        assert len((await got(stage, "graph?all=1"))["nodes"]) == 4
        assert len((await got(stage, "graph"))["nodes"]) == 3
        assert len((await got(stage, "graph?task=after"))["nodes"]) == 2
        assert (await got(stage, "graph?task=base"))["nodes"] == []


async def test_the_end_of_the_daemon_is_noted_before_it_comes(tmp_path: Path) -> None:
    async with opened(tmp_path) as (stage, board):
        assert await posted(stage, "shutdown", mode="stop") == {"mode": "stop"}
        assert await posted(stage, "shutdown") == {"mode": "detach"}
        assert board.ended == [OnShutdown.STOP, OnShutdown.DETACH]
        await posted(stage, "shutdown", 422, mode="now")


async def test_without_a_board_there_is_nothing_to_tell(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        assert (await stage.ask("GET", "/api/tasks")).status == 503
