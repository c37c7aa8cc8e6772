"""Stopping: everything of the attempt ends, and nobody else does."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from polysync.adapters.local.identity import Identity, boot_id, identity_of, same
from polysync.adapters.local.ladder import Target, gone, is_held, signal_group, signal_one, stop
from polysync.adapters.local.survivors import Found, find, name_of, survivors
from polysync.domain.values import Signal
from tests.adapters_local_io.sessions import number_in, session
from tests.adapters_local_io.spooling import until
from tests.faults import fault

pytestmark = pytest.mark.slow

SOON, LONG = timedelta(milliseconds=300), timedelta(minutes=5)
TOKEN = f"ladder{os.getpid():010d}"  # of this process: tests beside it must not be taken for the same attempt


async def test_well_behaved_work_ends_at_the_signal_with_its_own_code(tmp_path: Path) -> None:
    with session(TOKEN, f"trap 'exit 3' TERM; sleep 100 & echo $$ > {tmp_path}/pid; wait") as (process, shim):
        await until(lambda: number_in(tmp_path / "pid") > 0)
        assert await stop(Target(shim, TOKEN), Signal.TERM, LONG) == ()
        assert process.wait() == 3
        assert survivors(shim.pid, TOKEN) == []


@pytest.mark.parametrize("name", [Signal.INT, Signal.HUP, Signal.QUIT, Signal.USR1])
async def test_signal_is_the_one_that_was_asked_for(tmp_path: Path, name: Signal) -> None:
    with session(TOKEN, f"trap 'exit 5' {name}; sleep 100 & echo $$ > {tmp_path}/pid; wait") as (process, shim):
        await until(lambda: number_in(tmp_path / "pid") > 0)
        assert await stop(Target(shim, TOKEN), name, SOON) == ()  # not LONG: in the background `sleep` ignores INT
        assert process.wait() == 5


@fault("F15")
async def test_work_that_ignores_the_signal_is_killed_after_its_grace(tmp_path: Path) -> None:
    script = f"trap '' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 1; done"
    with session(TOKEN, script) as (process, shim):
        await until(lambda: number_in(tmp_path / "pid") > 0)
        assert await stop(Target(shim, TOKEN), Signal.TERM, SOON) == ()
        assert process.wait() == 137  # by the shim, which lives long enough to tell


@pytest.mark.parametrize(("name", "grace"), [(Signal.TERM, timedelta()), (Signal.KILL, LONG)])
async def test_no_grace_and_the_signal_kill_kill_at_once(tmp_path: Path, name: Signal, grace: timedelta) -> None:
    script = f"trap 'touch {tmp_path}/asked' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 1; done"
    with session(TOKEN, script) as (_, shim):
        await until(lambda: number_in(tmp_path / "pid") > 0)
        assert await stop(Target(shim, TOKEN), name, grace) == ()
        assert not same(shim)
        assert not (tmp_path / "asked").exists()


@fault("F15")
async def test_children_in_other_sessions_and_without_the_mark_end_too(tmp_path: Path) -> None:
    script = f"""
        setsid sh -c 'trap "" TERM; echo $$ > {tmp_path}/escaped; while :; do sleep 1; done' &
        env -i /bin/sh -c 'trap "" TERM; echo $$ > {tmp_path}/unmarked; while :; do sleep 1; done' &
        trap 'exit 0' TERM; wait"""
    with session(TOKEN, script) as (process, shim):
        await until(lambda: all(number_in(tmp_path / name) for name in ("escaped", "unmarked")))
        assert await stop(Target(shim, TOKEN), Signal.TERM, SOON) == ()
        for name in ("escaped", "unmarked"):
            assert identity_of(number_in(tmp_path / name)) is None
        process.wait()


@fault("F15")
async def test_work_that_forks_when_it_is_asked_to_end_ends(tmp_path: Path) -> None:
    script = f"""
        trap 'for i in 1 2 3 4 5; do sh -c "trap : TERM; while :; do sleep 1; done" & done' TERM
        echo $$ > {tmp_path}/pid; while :; do sleep 1; done"""
    with session(TOKEN, script) as (process, shim):
        await until(lambda: number_in(tmp_path / "pid") > 0)
        assert await stop(Target(shim, TOKEN), Signal.TERM, SOON) == ()
        assert survivors(shim.pid, TOKEN) == []
        process.wait()


async def test_stopped_work_is_woken_to_hear_the_signal(tmp_path: Path) -> None:
    with session(TOKEN, f"trap 'exit 4' TERM; echo $$ > {tmp_path}/pid; kill -STOP $$; sleep 9 & wait") as (
        process,
        shim,
    ):
        await until(lambda: any(found.state == "T" for found in find(shim.pid, TOKEN)))
        assert await stop(Target(shim, TOKEN), Signal.TERM, LONG) == ()
        assert process.wait() == 4


async def test_what_outlived_its_shim_is_found_by_its_mark(tmp_path: Path) -> None:
    script = f"trap 'touch {tmp_path}/asked; exit' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.05; done"
    with session(TOKEN, script) as (process, shim):
        await until(lambda: number_in(tmp_path / "pid") > 0)
        process.kill()
        process.wait()
        assert await stop(Target(shim, TOKEN), Signal.TERM, LONG) == ()
        assert (tmp_path / "asked").exists()
        assert identity_of(number_in(tmp_path / "pid")) is None


async def test_stopping_what_is_over_is_fine() -> None:
    with session(TOKEN, "exit 0") as (process, shim):
        process.wait()
        assert await stop(Target(shim, TOKEN), Signal.TERM, LONG) == ()


async def test_stop_that_is_cancelled_can_be_said_again(tmp_path: Path) -> None:
    with session(TOKEN, f"trap '' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 1; done") as (process, shim):
        await until(lambda: number_in(tmp_path / "pid") > 0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await stop(Target(shim, TOKEN), Signal.TERM, LONG)
        assert same(shim)
        assert await stop(Target(shim, TOKEN), Signal.TERM, timedelta()) == ()
        process.wait()


class TestStrangers:
    async def test_number_that_was_given_away_is_never_signalled(self) -> None:
        """The same number, born at another time: its whole session lives on."""
        with session("stranger", "exec sleep 100") as (process, stranger):
            for wrong in (
                stranger._replace(ticks=stranger.ticks - 1),
                stranger._replace(ticks=stranger.ticks + 1),
                stranger._replace(boot="another"),
            ):
                assert await stop(Target(wrong, TOKEN), Signal.TERM, SOON) == ()
                signal_one(wrong, signal.SIGKILL)
                assert not signal_group(wrong, signal.SIGKILL)
            assert process.poll() is None
            assert same(stranger)

    async def test_number_that_the_kernel_gives_away_is_never_signalled(self, tmp_path: Path) -> None:
        pids = Path("/proc/sys/kernel/ns_last_pid")
        if not os.access(pids, os.W_OK):
            pytest.skip("the next process number cannot be chosen here")
        with session(TOKEN, "exit 0") as (process, shim):
            process.wait()
        for _ in range(200):
            pids.write_text(str(shim.pid - 1))  # noqa: ASYNC240 - in memory
            with session("stranger", f"echo > {tmp_path}/on; exec sleep 100") as (stranger, identity):
                if stranger.pid == shim.pid and identity != shim:
                    await until((tmp_path / "on").exists)
                    assert await stop(Target(shim, TOKEN), Signal.TERM, SOON) == ()
                    assert stranger.poll() is None
                    return
        pytest.skip("others were faster to take the number")

    async def test_this_process_is_nobodys_survivor(self) -> None:
        assert all(identity.pid != os.getpid() for identity in survivors(os.getsid(0), TOKEN))

    async def test_session_is_trusted_while_somebody_seen_in_it_is_in_it(self) -> None:
        with session(TOKEN, "exec sleep 100") as (process, shim):
            await until(lambda: len(survivors(shim.pid, TOKEN)) == 2)
            members = find(shim.pid, TOKEN)
            process.kill()
            process.wait()
            assert is_held(shim, members)
            assert not is_held(shim, [])
            assert not is_held(shim, [Found(Identity(os.getpid(), 1, boot_id()), "S", shim.pid)])

    async def test_waiting_for_a_stranger_takes_no_time(self) -> None:
        own = identity_of(os.getpid())
        assert own is not None
        await gone(own._replace(ticks=1))


# Everything is imported before the rights are given up: the interpreter itself may be out of reach afterwards.
POWERLESS = """
import asyncio, os, sys
from datetime import timedelta
from polysync.adapters.local import ladder
from polysync.adapters.local.identity import identity_of
from polysync.domain.values import Signal

shim = identity_of(int(sys.argv[1]))
stop = lambda shim: asyncio.run(ladder.stop(ladder.Target(shim, "x"), Signal.TERM, timedelta()))
stop(shim._replace(ticks=shim.ticks + 1))
ladder.PATIENCE = 0.3
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
print(stop(shim))
"""


def _powerless(pid: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", POWERLESS, str(pid)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )


@fault("F15")
async def test_survivor_of_another_user_is_told_of(tmp_path: Path) -> None:
    """A user without rights over a process says that it is still there, and does not wait for ever."""
    if os.geteuid() != 0:
        pytest.skip("only root can start what it may then not signal")
    with session(TOKEN, f"echo $$ > {tmp_path}/pid; sleep 100") as (process, shim):
        await until(lambda: number_in(tmp_path / "pid") > 0)
        done = await asyncio.to_thread(_powerless, shim.pid)
        assert done.returncode == 0, done.stderr
        assert f"process {shim.pid} (sh) is still running" in done.stdout
        assert process.poll() is None


def test_process_that_is_gone_has_no_name() -> None:
    assert name_of(2**22 + 1) == "?"
