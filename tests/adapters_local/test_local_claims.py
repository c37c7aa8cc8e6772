"""The claim and the status file: every row of the table of what may be found."""

from __future__ import annotations

import asyncio
import fcntl
import os
from dataclasses import replace
from pathlib import Path

import pytest

from polysync.adapters.local import LocalAdapter
from polysync.adapters.local.claim import Claim, Found, claim, look, status_path
from polysync.adapters.local.identity import Identity, boot_id, identity_of, parse_stat, same
from polysync.adapters.local.spawn import Order, PosixSpawn
from polysync.adapters.local.status import EMPTY, Status, parse_status, read_status
from polysync.domain.run import Reason
from polysync.home import Home
from polysync.ports import Handle, PortError, Work
from tests.adapters_local.attempts import carry_out, work
from tests.adapters_local_io.spooling import Recorder, spawn
from tests.faults import fault

TOKEN = "a1"  # noqa: S105 - the name of an attempt, not a secret
STAT = "77 (a b) c) S 1 77 78 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2 3"
SHIM = Identity(77, 4242, "boot")


@fault("F6")
@pytest.mark.parametrize(
    ("text", "identity", "signal", "code", "executed", "cpu"),
    [
        ("", None, "TERM", None, True, None),
        (f"{STAT} boot TERM", None, "TERM", None, True, None),
        (f"{STAT} boot TERM\n", SHIM, "TERM", None, True, None),
        (f"{STAT} boot USR1\n1", SHIM, "USR1", None, True, None),
        (f"{STAT} boot TERM\n13\n", SHIM, "TERM", 13, True, None),
        (f"{STAT} boot TERM\n0\n0m0.01", SHIM, "TERM", 0, True, None),
        (f"{STAT} boot TERM\n0\n0m0.01s 0m0.01s\n", SHIM, "TERM", 0, True, None),
        (f"{STAT} boot TERM\n0\n0m0.010000s 0m0.020000s\n1m0.5s 0m1,25s\n", SHIM, "TERM", 0, True, 61.78),
        (f"{STAT} boot TERM\nunexecuted\n", SHIM, "TERM", None, False, None),
        (f"{STAT} boot TERM\nunexecuted\n127\n", SHIM, "TERM", 127, False, None),
    ],
)
def test_a_status_counts_only_as_far_as_its_lines_are_whole(
    text: str, identity: Identity | None, signal: str, code: int | None, executed: bool, cpu: float | None
) -> None:
    status = parse_status(text)
    assert (status.identity, status.signal, status.code, status.executed) == (identity, signal, code, executed)
    assert status.cpu_seconds == (cpu if cpu is None else pytest.approx(cpu))


def test_a_stat_line_is_read_from_its_last_bracket() -> None:
    stat = parse_stat(STAT)
    assert (stat.pid, stat.state, stat.group, stat.session, stat.ticks) == (77, "S", 77, 78, 4242)


def test_this_process_is_the_same_and_others_are_not() -> None:
    mine = identity_of(os.getpid())
    assert mine is not None
    assert same(mine)
    assert not same(mine._replace(ticks=mine.ticks - 1))
    assert not same(mine._replace(boot="another"))
    assert identity_of(2**22 + 1) is None


def test_a_claim_is_given_once_and_again_when_it_was_not_used(home: Home) -> None:
    folder = home.attempt(1, 1)
    first = claim(str(folder), TOKEN)
    path = status_path(str(folder), TOKEN)
    assert first.descriptor >= 0
    assert claim(str(folder), TOKEN) == Claim(found=Found.STARTING, status=EMPTY)
    os.close(first.descriptor)
    assert look(path).found is Found.UNUSED
    second = claim(str(folder), TOKEN)
    assert second.descriptor >= 0
    os.write(second.descriptor, f"{STAT} boot TERM\n".encode())
    assert claim(str(folder), TOKEN) == Claim(found=Found.STARTED, status=Status(f"{STAT} boot TERM"))
    os.close(second.descriptor)
    assert look(path) == Claim(found=Found.STARTED, status=Status(f"{STAT} boot TERM"))
    assert read_status(status_path(str(folder), "missing")) is None
    assert look(status_path(str(folder), "missing")).found is Found.UNUSED


def claimed(home: Home, attempt: Work, content: str = "") -> int:
    """A claim as another daemon would have left it, its lock still held."""
    taken = claim(str(home.attempt(attempt.run_id, attempt.number)), attempt.token)
    os.write(taken.descriptor, content.encode())
    return taken.descriptor


@fault("F6")
async def test_a_free_and_empty_claim_never_ran_and_is_started(
    adapter: LocalAdapter, home: Home, tmp_path: Path
) -> None:
    attempt = work("echo ran >>witness; exit 3", tmp_path)
    os.close(claimed(home, attempt))
    assert await adapter.find(attempt.token) is None
    ended, _ = await carry_out(adapter, attempt)
    assert (ended.code, (tmp_path / "witness").read_text()) == (3, "ran\n")


async def test_attempts_come_and_go_in_the_folder_of_one_run(adapter: LocalAdapter, tmp_path: Path) -> None:
    attempt = work(("/bin/true",), tmp_path)

    async def come_and_go(number: int) -> None:
        numbered = replace(attempt, number=number, token=f"{number:032x}")
        handle = await adapter.start(numbered)
        assert (await adapter.follow(handle, Recorder())).code == 0
        await adapter.forget(handle)

    await asyncio.gather(*[come_and_go(number) for number in range(1, 101)])


async def test_a_held_claim_is_waited_for_until_it_says_who_it_is(
    adapter: LocalAdapter, home: Home, tmp_path: Path
) -> None:
    attempt = work("echo ran >>witness", tmp_path)
    descriptor = claimed(home, attempt)
    starting, finding = spawn(adapter.start(attempt)), spawn(adapter.find(attempt.token))
    probe = spawn(adapter.find("ffff"))  # comes back after them, so both have looked at least once
    assert await probe is None
    assert not starting.done()
    os.write(descriptor, f"{STAT} {boot_id()} INT\n9\n".encode())
    os.close(descriptor)
    handle: Handle = await starting
    assert handle == await finding
    assert (handle["pid"], handle["ticks"], handle["signal"]) == (77, 4242, "INT")
    assert (await adapter.follow(handle, Recorder())).code == 9
    assert not (tmp_path / "witness").exists()


async def test_a_held_claim_that_is_let_go_unused_is_started(adapter: LocalAdapter, home: Home, tmp_path: Path) -> None:
    attempt = work("exit 3", tmp_path)
    descriptor = claimed(home, attempt)
    starting = spawn(adapter.start(attempt))
    assert await adapter.find("ffff") is None
    os.close(descriptor)
    assert (await adapter.follow(await starting, Recorder())).code == 3


@fault("F6")
async def test_an_identity_without_a_status_and_without_a_process_is_lost(
    adapter: LocalAdapter, home: Home, tmp_path: Path
) -> None:
    attempt = work("echo ran >>witness", tmp_path)
    mine = identity_of(os.getpid())
    assert mine is not None
    content = f"{STAT.replace('4242', str(mine.ticks - 1)).replace('77', str(os.getpid()), 1)} {boot_id()} TERM\n"
    os.close(claimed(home, attempt, content))
    handle = await adapter.start(attempt)
    ended = await adapter.follow(handle, Recorder())
    assert (ended.code, ended.reason) == (None, Reason.LOST)
    assert not (tmp_path / "witness").exists()


def on_a_full_disk(order: Order) -> int:
    """Start a shim that has no room for who it is."""
    full = os.open("/dev/full", os.O_WRONLY | os.O_CLOEXEC)
    try:
        return PosixSpawn().spawn(order._replace(status=full))
    finally:
        os.close(full)


async def test_a_shim_that_cannot_say_who_it_is_does_not_run_the_command(home: Home, tmp_path: Path) -> None:
    adapter = LocalAdapter(home=home, spawn=on_a_full_disk)
    ended, _ = await carry_out(adapter, work("echo ran >>witness", tmp_path))
    adapter.close()
    assert (ended.code, ended.reason) == (None, Reason.START_FAILED)
    assert "status file" in ended.error
    assert not (tmp_path / "witness").exists()


async def test_a_claim_that_nobody_uses_is_named_in_the_end(home: Home, tmp_path: Path) -> None:
    adapter = LocalAdapter(home=home, patience=3)
    attempt = work("exit 0", tmp_path)
    descriptor = claimed(home, attempt)
    with pytest.raises(PortError, match="holds the claim"):
        await adapter.start(attempt)
    with pytest.raises(PortError, match="holds the claim"):
        await adapter.find(attempt.token)
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
    adapter.close()
