"""Stopping, and what is done about a shim that died."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from polysync.adapters.local import LocalAdapter
from polysync.domain.outcome import Exit
from polysync.domain.run import Reason
from polysync.domain.values import Signal
from polysync.ports import Handle, Work
from tests.adapters_local.attempts import NOW, SOON, work
from tests.adapters_local.waiting_for import until
from tests.adapters_local_io.spooling import Recorder, spawn
from tests.faults import fault

READY = "echo >ready; "


async def started(adapter: LocalAdapter, attempt: Work) -> Handle:
    """Start an attempt, and wait until its command runs."""
    handle = await adapter.start(attempt)
    await until((Path(attempt.folder) / "ready").exists)
    return handle


def alive(pid: int | str) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("script", "stop_signal", "code", "name"),
    [
        ("exec sleep 60", Signal.TERM, 143, "TERM"),
        ("exec sleep 60", Signal.INT, 130, "INT"),
        ("trap 'exit 3' TERM; sleep 60 & wait", Signal.TERM, 3, None),
        ("trap 'echo usr; exit 4' USR1; sleep 60 & wait", Signal.USR1, 4, None),
    ],
)
async def test_it_is_asked_with_its_own_signal(
    adapter: LocalAdapter, tmp_path: Path, script: str, stop_signal: Signal, code: int, name: str | None
) -> None:
    handle = await started(adapter, work(READY + script, tmp_path, stop_signal=stop_signal))
    following = spawn(adapter.follow(handle, Recorder()))
    await adapter.stop(handle, SOON)
    ended = await following
    assert (ended.code, ended.signal) == (code, name)
    await adapter.stop(handle, SOON)


async def test_a_successor_knows_the_signal_too(adapter: LocalAdapter, successor: LocalAdapter, tmp_path: Path) -> None:
    attempt = work(
        READY + "trap 'exit 4' USR1; trap '' TERM; while :; do sleep 1; done", tmp_path, stop_signal=Signal.USR1
    )
    await started(adapter, attempt)
    found = await successor.find(attempt.token)
    assert found is not None
    await successor.stop(found, SOON)
    assert (await successor.follow(found, Recorder())).code == 4


@fault("F15")
async def test_who_does_not_listen_is_killed_with_all_of_its_children(adapter: LocalAdapter, tmp_path: Path) -> None:
    script = (
        "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ >escaped; while :; do sleep 1; done' & "
        "while [ ! -s escaped ]; do sleep 0.01; done; echo >ready; while :; do sleep 1; done"
    )
    handle = await started(adapter, work(script, tmp_path))
    escaped = (tmp_path / "escaped").read_text().strip()
    following = spawn(adapter.follow(handle, Recorder()))
    await adapter.stop(handle, NOW)
    ended: Exit = await following
    assert ended.signal == "KILL"
    assert not alive(escaped)
    assert not alive(handle["pid"])


async def test_stopping_what_is_over_or_was_forgotten_is_fine(adapter: LocalAdapter, tmp_path: Path) -> None:
    handle = await adapter.start(work(("/bin/true",), tmp_path))
    await adapter.follow(handle, Recorder())
    await adapter.stop(handle, SOON)
    await adapter.forget(handle)
    await adapter.stop(handle, NOW)


@fault("F6")
@pytest.mark.parametrize("adopted", [False, True])
async def test_a_killed_group_is_lost_with_all_its_output(
    adapter: LocalAdapter, successor: LocalAdapter, tmp_path: Path, adopted: bool
) -> None:
    handle = await started(adapter, work("echo said; " + READY + "exec sleep 60", tmp_path))
    sink = Recorder()
    following = spawn((successor if adopted else adapter).follow(handle, sink))
    os.killpg(handle["pid"], signal.SIGKILL)
    ended = await following
    assert (ended.code, ended.reason, ended.signal) == (None, Reason.LOST, None if adopted else "KILL")
    assert sink.kept["out"] == b"said\n"


@fault("F6")
@pytest.mark.parametrize("adopted", [False, True])
async def test_what_outlives_its_shim_is_ended_first(
    adapter: LocalAdapter, successor: LocalAdapter, tmp_path: Path, adopted: bool
) -> None:
    script = "trap 'echo last words; exit 1' TERM; echo $$ >pid; " + READY + "while :; do sleep 0.05; done"
    handle = await started(adapter, work(script, tmp_path))
    command = (tmp_path / "pid").read_text().strip()
    sink = Recorder()
    following = spawn((successor if adopted else adapter).follow(handle, sink))
    os.kill(handle["pid"], signal.SIGKILL)
    ended = await following
    assert (ended.code, ended.reason) == (None, Reason.LOST)
    assert not alive(command)
    assert sink.kept["out"] == b"last words\n"


async def test_every_follower_hears_of_a_lost_shim(
    adapter: LocalAdapter, successor: LocalAdapter, tmp_path: Path
) -> None:
    handle = await started(adapter, work(READY + "exec sleep 60", tmp_path))
    followings = [spawn(each.follow(handle, Recorder())) for each in (adapter, adapter, successor)]
    os.killpg(handle["pid"], signal.SIGKILL)
    ends = await asyncio.gather(*followings)
    ends.append(await successor.follow(handle, Recorder()))
    assert {end.reason for end in ends} == {Reason.LOST}


async def test_a_cancelled_start_is_found_again(adapter: LocalAdapter, tmp_path: Path) -> None:
    attempt = work("echo ran >>witness; exit 5", tmp_path)
    starting = spawn(adapter.start(attempt))
    await asyncio.gather(starting, _cancelled(starting), return_exceptions=True)
    assert starting.cancelled()
    ended = await adapter.follow(await adapter.start(attempt), Recorder())
    assert ended.code == 5
    assert (tmp_path / "witness").read_text() == "ran\n"


async def _cancelled(task: asyncio.Task[object]) -> None:
    task.cancel()
