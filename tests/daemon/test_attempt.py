"""One attempt: prepared, started or found, followed, stopped, forgotten; what fails is tried again or told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from polysync.daemon.attempt import Patience
from polysync.domain.inputs import Stop
from polysync.domain.outcome import Exit, Usage
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import Reason, State
from polysync.domain.task import Task
from polysync.domain.values import OnUnknown
from polysync.ports import NoRoom, PortError, Work
from tests.daemon.rig import ANNA, Rig, daemon, prepared, until
from tests.daemon.virtual import passing, within
from tests.faults import fault

WORK = Task(name="work", run="true")


def broken(*, permanent: bool = False, reason: Reason | None = None, words: str = "away") -> PortError:
    return PortError(words, permanent, reason=reason)


async def running(rig: Rig) -> None:
    await rig.ask()
    await until(lambda: rig.rows.runs[1].state is State.RUNNING)


async def ended(rig: Rig) -> str:
    await until(lambda: rig.rows.runs[1].ended_at is not None)
    return rig.states()[0]


def test_a_start_that_fails_for_good_is_told_in_words() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.troubles["start"] = [broken(permanent=True, words="no such shell: /bin/nosh")]
        await rig.ask()
        assert await ended(rig) == "failed/start_failed"
        assert rig.rows.runs[1].error == "no such shell: /bin/nosh"
        assert rig.platform.calls == ["start"]

    daemon(story, WORK)


def test_the_reason_of_the_platform_is_kept() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.troubles["start"] = [broken(permanent=True, reason=Reason.PRECHECK)]
        await rig.ask()
        assert await ended(rig) == "failed/precheck"

    daemon(story, WORK)


def test_a_start_in_passing_trouble_is_tried_again() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.troubles["start"] = [broken(), broken()]
        await running(rig)
        assert rig.platform.calls == ["start", "start", "start", "follow"]

    daemon(story, WORK)


def test_trouble_that_does_not_pass_ends_the_attempt_after_one_more_look() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.troubles["start"] = [broken() for _ in range(3)]
        await rig.ask()
        assert await ended(rig) == "failed/start_failed"
        assert rig.platform.calls == ["start", "start", "start", "find"]

    daemon(story, WORK)


def test_a_start_whose_answer_was_lost_is_found() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.troubles["start"] = [broken() for _ in range(3)]
        rig.platform.held["find"] = asyncio.Event()
        await rig.ask()
        await until(lambda: "find" in rig.platform.calls)
        token = rig.rows.attempts[1].token
        rig.platform.executions[token] = asyncio.get_running_loop().create_future()
        rig.platform.held["find"].set()
        await until(lambda: rig.rows.runs[1].state is State.RUNNING)
        rig.platform.end()
        assert await ended(rig) == "succeeded"

    daemon(story, WORK)


def test_a_start_that_nobody_can_resolve_is_uncertain() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.troubles = {"start": [broken() for _ in range(3)], "find": [broken() for _ in range(3)]}
        await rig.ask()
        assert await ended(rig) == "failed/start_failed"  # and is not tried again, for the task says so

    daemon(story, Task(name="work", run="true", retry_attempts=3, on_unknown=OnUnknown.FAIL))


@pytest.mark.parametrize("permanent", [False, True])
def test_a_secret_that_cannot_be_had_is_no_start(permanent: bool) -> None:
    async def story(rig: Rig) -> None:
        asked = 0

        async def prepare(_run: Run, _attempt: Attempt) -> Work:
            nonlocal asked
            asked += 1
            raise broken(permanent=permanent, reason=Reason.SECRET_ERROR)

        rig.prepare = prepare
        await rig.ask()
        assert await ended(rig) == "failed/secret_error"
        assert asked == (1 if permanent else 3)
        assert rig.platform.calls == []

    daemon(story, WORK)


def test_a_timeout_that_nobody_asked_for_is_a_bug() -> None:
    async def story(rig: Rig) -> None:
        async def prepare(_run: Run, _attempt: Attempt) -> Work:
            raise TimeoutError

        rig.prepare = prepare
        await rig.ask()
        await asyncio.wait((rig.beating,))

    with pytest.raises(TimeoutError):
        daemon(story, WORK)


def test_a_stop_while_secrets_are_fetched_starts_nothing() -> None:
    async def story(rig: Rig) -> None:
        fetching = asyncio.Event()

        async def prepare(run: Run, attempt: Attempt) -> Work:
            fetching.set()
            await asyncio.Event().wait()
            return await prepared(run, attempt)

        rig.prepare = prepare
        await rig.ask()
        await fetching.wait()
        await rig.desk.ask(Stop(1), ANNA)
        assert await ended(rig) == "cancelled/stopped"
        assert rig.platform.calls == []

    daemon(story, WORK)


def test_a_host_without_room_is_waited_for() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.lasts = 1
        rig.platform.troubles["start"] = [NoRoom("no space left on device") for _ in range(12)]
        await rig.ask()
        await until(lambda: rig.platform.calls.count("start") == 13)
        assert await ended(rig) == "succeeded"

    daemon(story, WORK)


def test_a_stop_ends_the_waiting_for_room() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.troubles["start"] = [NoRoom("no space left on device") for _ in range(500)]
        await rig.ask()
        await until(lambda: "start" in rig.platform.calls)
        await rig.desk.ask(Stop(1), ANNA)
        assert await ended(rig) == "cancelled/stopped"

    daemon(story, WORK)


def test_a_stop_between_two_tries_ends_the_tries() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.troubles["start"] = [PortError("away", retry_after=timedelta(hours=1))]
        await rig.ask()
        await until(lambda: "start" in rig.platform.calls)
        await passing(60)
        await rig.desk.ask(Stop(1), ANNA)
        await within(5, ended(rig))
        assert rig.states() == ["cancelled/stopped"]
        assert rig.platform.calls == ["start", "find"]

    daemon(story, WORK)


@pytest.mark.parametrize("fails", [False, True])
def test_a_stop_while_the_start_is_under_way_waits_for_the_handle(fails: bool) -> None:
    async def story(rig: Rig) -> None:
        rig.platform.held["start"] = asyncio.Event()
        rig.platform.troubles["start"] = [broken()] if fails else []
        await rig.ask()
        await until(lambda: "start" in rig.platform.calls)
        await rig.desk.ask(Stop(1), ANNA)
        await passing(5)
        assert rig.platform.calls == ["start"]
        rig.platform.held["start"].set()
        assert await ended(rig) == "cancelled/stopped"
        assert rig.platform.calls[1] == "find" if fails else "stop" in rig.platform.calls

    daemon(story, WORK)


def test_a_stop_is_repeated_until_it_gets_through() -> None:
    async def story(rig: Rig) -> None:
        await running(rig)
        rig.platform.troubles["stop"] = [broken(), broken(permanent=True)]
        await rig.desk.ask(Stop(1), ANNA)
        assert await ended(rig) == "cancelled/stopped"
        assert rig.platform.calls.count("stop") == 3

    daemon(story, WORK)


def test_a_stop_that_fails_ends_with_the_attempt() -> None:
    async def story(rig: Rig) -> None:
        await running(rig)
        rig.platform.troubles["stop"] = [broken() for _ in range(50)]
        await rig.desk.ask(Stop(1), ANNA)
        await passing(5)
        rig.platform.end()
        assert await ended(rig) == "cancelled/stopped"
        await passing(60)
        calls = rig.platform.calls.count("stop")
        await passing(120)
        assert rig.platform.calls.count("stop") == calls

    daemon(story, WORK)


def test_a_stop_of_what_is_not_there_is_an_end() -> None:
    async def story(rig: Rig) -> None:
        rig.attempts.stop(99, 1, timedelta(0))
        rig.attempts.settled(99, 1)
        await passing(1)

    assert daemon(story, WORK).states() == []


def test_following_goes_on_as_often_as_it_takes() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.troubles["follow"] = [broken() for _ in range(20)]
        await running(rig)
        await passing(3600)
        assert rig.platform.calls.count("follow") == 21
        rig.platform.end()
        assert await ended(rig) == "succeeded"

    daemon(story, WORK)


def test_what_can_never_be_followed_is_lost_and_no_success() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.troubles["follow"] = [broken(permanent=True, words="no such run there")]
        await rig.ask()
        assert await ended(rig) == "crashed/lost"
        assert rig.rows.runs[1].error == "no such run there"

    daemon(story, WORK)


@pytest.mark.parametrize("usage", [None, Usage(log_bytes=9)])
def test_output_is_counted_where_the_platform_does_not(usage: Usage | None) -> None:
    async def story(rig: Rig) -> None:
        await running(rig)
        (sink,) = rig.platform.sinks.values()
        await sink.write("out", 0, b"hello")
        rig.platform.end(exit_=Exit(code=0, usage=usage))
        await ended(rig)
        assert rig.rows.attempts[1].log_bytes == (5 if usage is None else 9)

    daemon(story, WORK)


@pytest.mark.parametrize("trouble", [[broken()], [broken() for _ in range(9)], [broken(permanent=True)]])
def test_forgetting_is_tried_and_never_holds_anything_up(trouble: list[PortError]) -> None:
    async def story(rig: Rig) -> None:
        rig.platform.troubles["forget"] = list(trouble)
        await running(rig)
        rig.platform.end()
        assert await ended(rig) == "succeeded"
        await until(lambda: len(rig.attempts) == 0)

    daemon(story, WORK)


async def again(rig: Rig) -> None:
    """Let the daemon die and come back."""
    await rig.down()
    rig.platform.calls.clear()
    rig.assemble()
    await rig.up()


@fault("F12")
def test_after_a_reboot_of_the_host_nothing_is_looked_for() -> None:
    async def story(rig: Rig) -> None:
        await running(rig)
        rig.boot_id = "boot-2"
        await again(rig)
        rig.platform.end()  # a success that nobody saw is none
        assert await ended(rig) == "crashed/host_rebooted"
        await until(lambda: rig.platform.calls == ["follow", "forget"])  # for what it wrote meanwhile

    daemon(story, WORK)


@pytest.mark.parametrize("there", [False, True])
def test_a_start_that_was_interrupted_is_resolved_by_its_token(there: bool) -> None:
    async def story(rig: Rig) -> None:
        rig.platform.held["start"] = asyncio.Event()
        await rig.ask()
        await until(lambda: "start" in rig.platform.calls)
        token = rig.rows.attempts[1].token
        rig.platform.held.clear()
        rig.platform.troubles["find"] = [broken()]
        if there:
            rig.platform.executions[token] = asyncio.get_running_loop().create_future()
        await again(rig)
        await until(lambda: rig.rows.runs[1].state is State.RUNNING)
        assert rig.platform.calls == ["find", "find", *([] if there else ["start"]), "follow"]

    daemon(story, WORK)


def test_what_can_never_be_found_is_lost_and_uncertain() -> None:
    async def story(rig: Rig) -> None:
        rig.platform.held["start"] = asyncio.Event()
        await rig.ask()
        await until(lambda: "start" in rig.platform.calls)
        rig.platform.troubles["find"] = [broken(permanent=True)]
        await again(rig)
        assert await ended(rig) == "crashed/lost"
        assert "start" not in rig.platform.calls

    daemon(story, Task(name="work", run="true", retry_attempts=2, on_unknown=OnUnknown.FAIL))


@pytest.mark.parametrize("there", [False, True])
def test_an_attempt_that_was_being_stopped_is_never_started_again(there: bool) -> None:
    async def story(rig: Rig) -> None:
        rig.platform.held["start"] = asyncio.Event()
        await rig.ask()
        await until(lambda: "start" in rig.platform.calls)
        await rig.desk.ask(Stop(1), ANNA)
        token = rig.rows.attempts[1].token
        if there:
            rig.platform.executions[token] = asyncio.get_running_loop().create_future()
        await again(rig)
        assert await ended(rig) == "cancelled/stopped"
        assert "start" not in rig.platform.calls
        assert ("stop" in rig.platform.calls) is there

    daemon(story, WORK)


def test_patience_grows_to_a_limit_and_listens_to_the_other_side() -> None:
    patience = Patience()
    assert [patience.after(n, PortError("away")) for n in (1, 2, 3, 9, 10**6)] == [1, 2, 4, 30, 30]
    assert patience.after(1, PortError("away", retry_after=timedelta(minutes=2))) == 120
