"""What others do to the files of an attempt: none of it ends the daemon, and none of it is taken for a success."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from polysync.adapters.local import LocalAdapter
from polysync.domain.outcome import Usage
from polysync.domain.run import Reason
from polysync.home import Home
from polysync.ports import PortError
from tests.adapters_local.attempts import NOW, work
from tests.adapters_local_io.spooling import Recorder, spawn, until


async def test_a_folder_that_is_removed_under_a_live_attempt_is_no_end_of_the_daemon(
    adapter: LocalAdapter, home: Home, tmp_path: Path
) -> None:
    handle = await adapter.start(work("echo one; until [ -e go ]; do sleep 0.01; done; echo two", tmp_path))
    sink = Recorder()
    following = spawn(adapter.follow(handle, sink))
    await until(lambda: bool(sink.live))
    shutil.rmtree(home.runs / "1")
    (tmp_path / "go").touch()
    ended = await following
    assert (ended.code, ended.reason, sink.kept["out"]) == (None, Reason.LOST, b"one\n")
    await adapter.forget(handle)


async def test_a_spool_that_was_cut_waits_where_that_cannot_be_noted(
    adapter: LocalAdapter, home: Home, tmp_path: Path
) -> None:
    handle = await adapter.start(
        work("echo one one; until [ -e go ]; do sleep 0.01; done; echo x >/dev/stdout", tmp_path)
    )
    sink = Recorder()
    following = spawn(adapter.follow(handle, sink))
    await until(lambda: bool(sink.live))
    in_the_way = home.attempt(1, 1) / "out.new"
    in_the_way.mkdir()
    (tmp_path / "go").touch()
    with pytest.raises(PortError, match="out") as caught:
        await following
    assert not caught.value.permanent
    in_the_way.rmdir()
    assert (await adapter.follow(handle, sink)).code == 0
    assert sink.kept["out"] == b"one one\nx\n"


async def test_a_status_that_somebody_wrote_over_is_no_status(
    adapter: LocalAdapter, successor: LocalAdapter, home: Home, tmp_path: Path
) -> None:
    attempt = work("true", tmp_path)
    handle = await adapter.start(attempt)
    assert (await adapter.follow(handle, Recorder())).code == 0
    status = home.attempt(1, 1) / f"{attempt.token}.status"
    identity = status.read_bytes().split(b"\n")[0]
    status.write_bytes(identity + b"\n\0\0not a number\n")
    ended = await successor.follow(handle, Recorder())
    assert (ended.code, ended.reason) == (None, Reason.LOST)


async def test_an_identity_that_nobody_can_read_is_never_taken_for_a_command_that_did_not_run(
    adapter: LocalAdapter, successor: LocalAdapter, home: Home, tmp_path: Path
) -> None:
    attempt = work("touch ran; exec sleep 60", tmp_path)
    handle = await adapter.start(attempt)
    await until((tmp_path / "ran").exists)
    (home.attempt(1, 1) / f"{attempt.token}.status").write_bytes(b"\0\0\0 nothing of sense\n")
    for asked in (successor.find(attempt.token), successor.start(attempt)):
        with pytest.raises(PortError) as caught:
            await asked
        assert (caught.value.permanent, caught.value.reason) == (True, Reason.LOST)
    await adapter.stop(handle, NOW)


async def test_what_was_written_before_a_reboot_is_stored(home: Home, adapter: LocalAdapter, tmp_path: Path) -> None:
    handle = await adapter.start(work('echo said; echo "message M told" >>"$POLYSYNC_REPORT"', tmp_path))
    assert (await adapter.follow(handle, Recorder())).code == 0
    rebooted, sink = LocalAdapter(home=home, boot="another"), Recorder()
    ended = await rebooted.follow(handle, sink)
    rebooted.close()
    assert (ended.code, ended.reason, ended.usage) == (None, Reason.HOST_REBOOTED, Usage(log_bytes=5))
    assert sink.kept["out"] == b"said\n"
    assert [message.code for message in ended.messages] == ["M"]


@contextmanager
def no_free_descriptor() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = os.open("/dev/null", os.O_RDONLY)
    os.close(probe)
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_a_free_descriptor_everything_is_tried_again_later(
    adapter: LocalAdapter, successor: LocalAdapter, tmp_path: Path
) -> None:
    attempt = work("until [ -e go ]; do sleep 0.01; done", tmp_path)
    handle = await adapter.start(attempt)
    await successor.find("0")  # its threads are there
    with no_free_descriptor():
        for asked in (
            successor.follow(handle, Recorder()),
            successor.find(attempt.token),
            successor.start(work("true", tmp_path, run_id=2)),
            successor.stop(handle, NOW),
        ):
            with pytest.raises(PortError) as caught:
                await asked
            assert not caught.value.permanent
    (tmp_path / "go").touch()
    assert (await successor.follow(handle, Recorder())).code == 0
