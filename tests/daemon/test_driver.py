"""The loop: journal before effect, effect before broadcast, and what becomes of a commit that fails."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from polysync.domain.effects import EventName, Refusal
from polysync.domain.inputs import Configure, ConfirmClock, SetDiskLow, Stop, Submit
from polysync.domain.outcome import Exit
from polysync.domain.run import State
from polysync.domain.settings import Configuration, Daemon
from polysync.domain.task import Task
from polysync.domain.values import Catchup
from polysync.ports import PortError
from polysync.store.errors import StorageBroken, StorageBusy, StorageFull
from tests.daemon.rig import ANNA, NOON, Rig, daemon, until
from tests.daemon.virtual import passing, within
from tests.faults import fault

WORK = Task(name="work", run="true")
BUSY, FULL = StorageBusy("busy"), StorageFull("full")


def test_a_run_goes_its_whole_way() -> None:
    async def story(rig: Rig) -> None:
        answer = await rig.ask()
        assert answer.run_id == 1
        await until(lambda: "follow" in rig.platform.calls)
        await until(lambda: rig.rows.runs[1].state is State.RUNNING)
        rig.platform.end()
        await until(lambda: "forget" in rig.platform.calls)
        await passing(1)
        assert len(rig.attempts) == 0

    rig = daemon(story, WORK)
    assert rig.states() == ["succeeded"]
    assert [e.name for e in rig.published] == [EventName.RUN_QUEUED, EventName.RUN_STARTED, EventName.RUN_SUCCEEDED]
    assert [(entry.verb, entry.subject, entry.actor, entry.outcome) for entry in rig.memory.audit] == [
        ("run", "task work", "anna", "done")
    ]


def test_slots_fire_at_their_time() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.lasts = 1
        await passing(185)

    rig = daemon(story, Task(name="work", run="true", cron=("* * * * *",)))
    slots = [run.scheduled_for for run in rig.rows.runs.values()]
    assert slots == [NOON + timedelta(minutes=minute) for minute in (1, 2, 3)]
    assert rig.states() == ["succeeded"] * 3
    assert rig.driver.gauges.lateness < timedelta(milliseconds=10)


@fault("F19")
def test_nobody_is_told_yes_before_the_commit() -> None:
    async def story(rig: Rig) -> None:
        rig.memory.gate = asyncio.Event()
        asked = rig.tasks.spawn(rig.ask(), "ask")
        await passing(5)
        assert not asked.done()
        assert rig.platform.calls == []
        assert rig.published == []
        rig.memory.gate.set()
        assert (await asked).run_id == 1
        await until(lambda: "start" in rig.platform.calls)

    daemon(story, WORK)


def test_a_refusal_is_an_answer_and_stands_in_the_audit() -> None:
    async def story(rig: Rig) -> None:
        answer = await rig.ask("nothing")
        assert answer.refusal is Refusal.UNKNOWN
        rig.desk.deny(ANNA, "stop", "run 7", {"role": "viewer"})
        await until(lambda: len(rig.memory.audit) == 2)

    rig = daemon(story, WORK)
    assert [entry.outcome for entry in rig.memory.audit] == ["unknown", "denied"]


@fault("F19")
@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("error", [BUSY, FULL])
def test_a_request_whose_commit_failed_was_not_promised(stored: bool, error: PortError) -> None:
    async def story(rig: Rig) -> None:
        rig.memory.fates = [(stored, error)]
        with pytest.raises(PortError, match="not stored"):
            await rig.ask()
        await until(lambda: not rig.driver.gauges.trouble)
        assert rig.driver.gauges.rebuilds == 1
        assert len(rig.rows.runs) == stored
        if stored:  # what was stored goes on, whoever knows of it
            await until(lambda: not rig.disk.low)
            await until(lambda: "start" in rig.platform.calls)
        assert rig.platform.calls.count("start") == stored
        assert (await rig.ask()).run_id == 1 + stored

    daemon(story, WORK)


@pytest.mark.parametrize("stored", [False, True])
def test_facts_that_were_lost_are_told_again(stored: bool) -> None:
    async def story(rig: Rig) -> None:
        await rig.ask()
        await until(lambda: rig.rows.runs[1].state is State.RUNNING)
        rig.memory.fates = [(stored, BUSY), (False, BUSY), (stored, BUSY)]
        rig.platform.end(exit_=Exit(code=3))
        await until(lambda: "forget" in rig.platform.calls)
        assert rig.platform.calls.count("start") == 1
        assert rig.platform.calls.count("follow") == 1

    rig = daemon(story, WORK)
    assert rig.states() == ["failed/exit_code"]


def test_a_handle_that_was_lost_is_told_again() -> None:
    async def story(rig: Rig) -> None:
        rig.memory.fates = [None, (False, BUSY)]
        await rig.ask()
        await until(lambda: rig.rows.runs[1].state is State.RUNNING)
        assert rig.rows.attempts[1].handle is not None
        assert rig.platform.calls == ["start", "follow"]

    daemon(story, WORK)


@fault("F17")
def test_a_full_disk_keeps_new_attempts_waiting_until_there_is_space() -> None:
    async def story(rig: Rig) -> None:
        rig.memory.failing = FULL
        with pytest.raises(PortError, match="not stored"):
            await rig.ask()
        with pytest.raises(PortError, match="nothing can be stored"):
            await rig.ask()
        assert rig.desk.status()["state"] == "degraded"
        await passing(60)
        assert not rig.reserve.held
        rig.memory.failing = None
        rig.space = 0
        await until(lambda: not rig.driver.gauges.trouble)
        assert (await rig.ask()).run_id == 1
        await passing(60)
        assert rig.states() == ["queued"]
        rig.space = 10**12
        await until(lambda: "start" in rig.platform.calls, 31)
        assert rig.reserve.held

    daemon(story, WORK)


@fault("F17", "F21")
def test_slots_that_pass_while_nothing_can_be_stored_are_late_and_not_lost() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.lasts = 1
        await passing(30)
        rig.memory.failing = BUSY
        await passing(120)
        rig.memory.failing = None
        await passing(60)

    rig = daemon(story, Task(name="work", run="true", cron=("* * * * *",), catch_up=Catchup.ALL))
    slots = [run.scheduled_for for run in rig.rows.runs.values()]
    assert slots == [NOON + timedelta(minutes=minute) for minute in (1, 2, 3)]


@fault("F19")
def test_a_broken_journal_ends_the_daemon() -> None:
    async def story(rig: Rig) -> None:
        rig.memory.fates = [(False, StorageBroken("torn"))]
        with pytest.raises(PortError, match="not stored: torn"):
            await rig.ask()
        with pytest.raises(StorageBroken):
            await rig.beating

    with pytest.raises(StorageBroken):
        daemon(story, WORK)


def test_a_bug_in_an_attempt_ends_the_daemon() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.troubles["start"] = [ZeroDivisionError("a bug")]
        await rig.ask()
        await asyncio.wait((rig.beating,))

    with pytest.raises(ZeroDivisionError):
        daemon(story, WORK)


@fault("F52")
def test_a_dead_writer_ends_the_daemon_even_while_a_commit_waits() -> None:
    async def story(rig: Rig) -> None:
        rig.memory.gate = asyncio.Event()
        rig.tasks.spawn(rig.ask(), "ask")
        await passing(1)
        rig.driver.fail(RuntimeError("the writer died"))
        await asyncio.wait((rig.beating,))

    with pytest.raises(RuntimeError, match="writer died"):
        daemon(story, WORK)


def test_shutdown_with_stop_waits_for_what_must_end() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.held["stop"] = asyncio.Event()
        await rig.ask()
        await until(lambda: rig.rows.runs[1].state is State.RUNNING)
        closing = rig.tasks.spawn(rig.driver.close(stop=True, budget=timedelta(seconds=30)), "close")
        await passing(5)
        assert not rig.beating.done()
        with pytest.raises(PortError, match="shutting down"):
            await rig.ask()
        assert rig.desk.status()["state"] == "stopping"
        rig.platform.held["stop"].set()
        await within(5, closing)
        await within(1, rig.beating)

    assert daemon(story, WORK).states() == ["cancelled/shutdown"]


@pytest.mark.parametrize("stop", [False, True])
def test_shutdown_ends_within_its_budget_and_leaves_what_goes_on(stop: bool) -> None:
    async def story(rig: Rig) -> None:
        rig.platform.obeys = False
        await rig.ask()
        await until(lambda: rig.rows.runs[1].state is State.RUNNING)
        await within(31, rig.driver.close(stop=stop, budget=timedelta(seconds=30)))
        await within(1, rig.beating)

    assert daemon(story, WORK).states() == ["stopping" if stop else "running"]


def test_shutdown_does_not_wait_for_a_journal_that_stores_nothing() -> None:
    async def story(rig: Rig) -> None:
        await rig.ask()
        await until(lambda: rig.rows.runs[1].state is State.RUNNING)
        rig.memory.failing = BUSY
        await within(40, rig.driver.close(stop=True, budget=timedelta(seconds=30)))
        await within(1, rig.beating)

    daemon(story, WORK)


def test_a_restart_takes_up_what_was_under_way() -> None:
    async def story(rig: Rig) -> None:
        await rig.ask()
        await until(lambda: rig.rows.runs[1].state is State.RUNNING)
        await rig.down()
        rig.assemble()
        await rig.up()
        await until(lambda: rig.platform.calls == ["start", "follow", "follow"])
        rig.platform.end()
        await until(lambda: rig.rows.runs[1].state is State.SUCCEEDED)

    daemon(story, WORK)


def test_a_corrected_clock_is_told_which_slots_are_taken() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.lasts = 1
        await passing(65)
        rig.memory.uncounted = [BUSY, BUSY]
        rig.clock.step(timedelta(hours=-5))
        await passing(65)
        assert EventName.CLOCK_CHANGED in [event.name for event in rig.published]

    rig = daemon(story, Task(name="work", run="true", cron=("* * * * *",)))
    slots = [run.scheduled_for for run in rig.rows.runs.values()]
    assert slots == sorted(set(slots), key=slots.index)
    assert len(slots) >= 2


def test_a_journal_that_breaks_while_slots_are_counted_ends_the_daemon() -> None:
    async def story(rig: Rig) -> None:
        rig.memory.uncounted = [StorageBroken("torn")]
        rig.clock.step(timedelta(hours=-5))
        await asyncio.wait((rig.beating,))

    with pytest.raises(StorageBroken):
        daemon(story, WORK)


def test_a_journal_that_breaks_while_the_memory_is_built_anew_ends_the_daemon() -> None:
    async def story(rig: Rig) -> None:
        rig.memory.fates = [(False, BUSY), (False, StorageBroken("torn"))]
        with pytest.raises(PortError, match="not stored"):
            await rig.ask()
        rig.inbox.tell(SetDiskLow(low=True))
        await passing(1)
        with pytest.raises(PortError):
            await rig.ask()
        await asyncio.wait((rig.beating,))

    with pytest.raises(StorageBroken):
        daemon(story, WORK)


@fault("F17")
def test_a_start_on_a_full_disk_waits_for_space() -> None:
    async def story(rig: Rig) -> None:
        await rig.down()
        rig.assemble()
        rig.memory.failing = FULL
        starting = rig.tasks.spawn(rig.up(), "up")
        await passing(60)
        assert not starting.done()
        rig.memory.failing = None
        await within(10, starting)
        assert rig.driver.gauges.rebuilds == 0

    daemon(story, WORK)


@fault("F29")
def test_a_clock_that_cannot_be_right_holds_until_somebody_confirms_it() -> None:
    async def story(rig: Rig) -> None:
        await rig.down()
        rig.clock.step(timedelta(days=-1))
        rig.assemble()
        await rig.up()
        assert rig.desk.status()["clock"]["held"]
        rig.inbox.tell(ConfirmClock())
        await until(lambda: not rig.desk.status()["clock"]["held"])

    daemon(story, Task(name="work", run="true", cron=("* * * * *",)))


def test_a_new_configuration_survives_a_failed_commit() -> None:
    async def story(rig: Rig) -> None:
        rig.memory.fates = [(False, BUSY), (False, BUSY)]
        new = Configuration(tasks={"other": Task(name="other", run="true", cron=("* * * * *",))})
        rig.inbox.tell(Configure(new))
        await until(lambda: rig.driver.configuration is new)
        await until(lambda: rig.desk.status()["next"] is not None)
        assert rig.desk.status()["next"]["task"] == "other"

    daemon(story, WORK)


@fault("F37")
def test_a_burst_leaves_the_loop_to_others_in_between() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.lasts = 3600
        seen: list[int] = [0]

        async def others() -> None:
            while seen[-1] < 100:
                quiet = seen[-40:].count(seen[-1]) >= 40
                await passing(0.01 if quiet else 0)  # time passes only while nobody is in a hurry
                seen.append(rig.platform.calls.count("start"))

        watching = rig.tasks.spawn(others(), "others")
        for number in range(100):  # whoever asked has left already
            rig.inbox.ask(Submit(task="work", key=str(number)), ANNA).cancel()
        await within(60, watching)
        assert len(seen) > 7
        assert len(set(seen)) >= 4  # at least between two slices of the engine's, and between two of the driver's
        assert len(rig.memory.audit) == 100

    daemon(story, Task(name="work", run="true", max_concurrent=200), daemon=Daemon(max_running=200))


def test_status_counts_and_desk_shows_live_runs() -> None:
    async def story(rig: Rig) -> None:
        assert rig.desk.status()["next"] is None
        await rig.ask()
        await rig.ask()
        await rig.ask(hold=True)
        await until(lambda: rig.rows.runs[1].state is State.RUNNING)
        status = rig.desk.status()
        assert status["runs"] == {
            "running": 1,
            "queued": 1,
            "waiting": 1,
            "states": {"running": 1, "queued": 1, "held": 1},
        }
        assert status["state"] == "running"
        live = rig.desk.live(1)
        assert live is not None
        assert live.state is State.RUNNING
        assert [need.lack for need in rig.desk.why(2)] == ["slot"]
        assert (await rig.desk.ask(Stop(1), ANNA)).run_id == 1
        await until(lambda: rig.desk.live(1) is None)

    daemon(story, WORK)
