"""The adapter of this host, with real processes: starting, following, finding and forgetting."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from polysync.adapters.local import LocalAdapter
from polysync.adapters.local.identity import identity_of
from polysync.adapters.local.spawn import spawn_by_subprocess
from polysync.domain.run import Reason
from polysync.domain.values import Signal
from polysync.home import Home
from polysync.ports import PortError, Secret
from tests.adapters_local.attempts import NOW, carry_out, cpu_of, work
from tests.adapters_local.waiting_for import until
from tests.adapters_local_io.spooling import Recorder
from tests.faults import fault


@pytest.mark.parametrize(
    ("command", "code", "signal"),
    [
        (("/bin/true",), 0, None),
        ("exit 7", 7, None),
        ("kill -SEGV $$", 139, "SEGV"),
        ("kill -KILL $$", 137, "KILL"),
        ("exit 200", 200, None),
        ("exit 127", 127, None),
        ("/bin/false", 1, None),
        ("- 2>/dev/null", 127, None),
    ],
)
async def test_an_exit_says_how_it_ended(
    adapter: LocalAdapter, tmp_path: Path, command: str | tuple[str, ...], code: int, signal: str | None
) -> None:
    ended, _ = await carry_out(adapter, work(command, tmp_path))
    assert (ended.code, ended.signal, ended.reason) == (code, signal, None)
    assert cpu_of(ended) >= 0


async def test_output_report_and_usage_are_told(adapter: LocalAdapter, tmp_path: Path) -> None:
    script = """
        echo out; echo err >&2
        echo 'output rows=42' >>"$POLYSYNC_REPORT"
        echo 'retry-after 30s' >>"$POLYSYNC_REPORT"
        echo 'message M1 hello' >>"$POLYSYNC_REPORT"
        i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done
        exit 3"""
    ended, sink = await carry_out(adapter, work(script, tmp_path))
    assert sink.kept == {"out": b"out\n", "err": b"err\n"}
    assert ended.outputs == {"rows": "42"}
    assert ended.retry_after is not None
    assert [message.code for message in ended.messages] == ["M1"]
    assert ended.usage is not None
    assert ended.usage.log_bytes == 8
    assert cpu_of(ended) > 0.01


async def test_what_a_process_is_given(
    adapter: LocalAdapter, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = (
        "import json, os; parameters = open(os.environ['POLYSYNC_PARAMS']).read(); "
        "print(json.dumps([dict(os.environ), os.getcwd(), parameters]))"
    )
    attempt = work(
        (sys.executable, "-c", program),
        tmp_path,
        environment={"PLAIN": "a=b ä", "HIDDEN": Secret("hush")},
        parameters={"n": 1, "secret": Secret("s3")},
        working_dir="inner",
    )
    (tmp_path / "inner").mkdir()
    _, sink = await carry_out(adapter, attempt)
    environment, folder, parameters = json.loads(sink.kept["out"])
    assert environment["PLAIN"] == "a=b ä"
    assert environment["HIDDEN"] == "hush"
    assert environment["POLYSYNC_TOKEN"] == attempt.token
    assert environment["PATH"] == os.environ["PATH"]
    assert folder == str(tmp_path / "inner")
    assert json.loads(parameters) == {"n": 1, "secret": "s3"}
    assert "hush" not in str(capfd.readouterr())


async def test_a_task_may_shadow_a_variable_of_the_daemon(adapter: LocalAdapter, tmp_path: Path) -> None:
    attempt = work("env | grep -c ^PATH=; echo $PATH", tmp_path, environment={"PATH": "/usr/bin:/bin:/elsewhere"})
    _, sink = await carry_out(adapter, attempt)
    assert sink.kept["out"] == b"1\n/usr/bin:/bin:/elsewhere\n"


@pytest.mark.parametrize(
    ("script", "shell", "said"),
    [
        ("echo one\necho two", "/bin/sh", b"one\ntwo\n"),
        ("-x", "/bin/sh", b""),
        ("echo $0", "/bin/sh", b"/bin/sh\n"),
        ("echo ${BASH_VERSION:+bash}", "/bin/bash", b"bash\n"),
        ("/bin/echo  plain   words ", "/bin/sh", b"plain words\n"),
        ("/bin/echo * | wc -l", "/bin/sh", b"1\n"),
        ("\n/bin/echo a\n/bin/echo b\n", "/bin/sh", b"a\nb\n"),
        ("echo ok # " + "x" * 200_000, "/bin/sh", b"ok\n"),
        ("echo ok # " + "ä" * 60_000, "/bin/sh", b"ok\n"),
    ],
)
async def test_scripts_of_all_shapes(
    adapter: LocalAdapter, tmp_path: Path, script: str, shell: str, said: bytes
) -> None:
    _, sink = await carry_out(adapter, work(script, tmp_path, shell=shell))
    assert sink.kept["out"] == said


async def test_the_home_folder_and_the_folder_of_the_configuration(adapter: LocalAdapter, tmp_path: Path) -> None:
    _, at_home = await carry_out(adapter, work(("pwd",), tmp_path, run_id=1, working_dir="~"))
    _, beside = await carry_out(adapter, work(("pwd",), tmp_path, run_id=2))
    assert at_home.kept["out"] == f"{Path.home()}\n".encode()
    assert beside.kept["out"] == f"{tmp_path}\n".encode()


async def test_a_second_start_is_the_same_execution(
    adapter: LocalAdapter, successor: LocalAdapter, tmp_path: Path
) -> None:
    attempt = work(("sh", "-c", "echo ran >>witness; read x <gate; exit 4"), tmp_path)
    os.mkfifo(tmp_path / "gate")
    handles = await asyncio.gather(*[each.start(attempt) for each in (adapter, adapter, successor, successor)])
    handles += [await adapter.start(attempt), await successor.start(attempt)]
    found = await successor.find(attempt.token)
    assert all(handle == found for handle in handles)
    await until((tmp_path / "witness").exists)
    await asyncio.to_thread((tmp_path / "gate").write_text, "go\n")
    ends = await asyncio.gather(*[each.follow(handles[0], Recorder()) for each in (adapter, adapter, successor)])
    ends += [await adapter.follow(handles[0], Recorder()), await successor.follow(handles[0], Recorder())]
    assert [end.code for end in ends] == [4] * 5
    assert handles[0] == await adapter.start(attempt)
    assert (tmp_path / "witness").read_text() == "ran\n"


async def test_a_handle_is_json_without_secrets(adapter: LocalAdapter, tmp_path: Path) -> None:
    attempt = work(("/bin/true",), tmp_path, environment={"HIDDEN": Secret("hush")}, stop_signal=Signal.INT)
    handle = await adapter.start(attempt)
    assert "hush" not in json.dumps(handle)
    assert (await adapter.follow(json.loads(json.dumps(handle)), Recorder())).code == 0
    assert handle == await adapter.find(attempt.token)


async def test_what_was_forgotten_is_gone_and_forgetting_twice_is_fine(
    adapter: LocalAdapter, home: Home, tmp_path: Path
) -> None:
    attempt = work('mkdir -p "$(dirname $POLYSYNC_REPORT)/deep/er"; touch $(dirname $POLYSYNC_REPORT)/deep/x', tmp_path)
    handle = await adapter.start(attempt)
    assert (await adapter.follow(handle, Recorder())).code == 0
    await adapter.forget(handle)
    await adapter.forget(handle)
    assert list(home.runs.iterdir()) == []
    assert await adapter.find(attempt.token) is None


@fault("F38")
async def test_forgetting_never_leaves_the_folder_of_runs(adapter: LocalAdapter, home: Home, tmp_path: Path) -> None:
    handle = await adapter.start(work(("/bin/true",), tmp_path))
    await adapter.follow(handle, Recorder())
    precious = tmp_path / "precious"
    (precious / "1").mkdir(parents=True)
    (precious / "1" / "file").touch()
    (home.runs / "7").symlink_to(precious)
    for folder in ("7/1", "../../precious", "1/..", "/etc/1"):
        with pytest.raises(PortError):
            await adapter.forget({**handle, "folder": folder})
    with pytest.raises(PortError):
        await adapter.forget({**handle, "token": "../x"})
    assert (precious / "1" / "file").exists()


@fault("F7")
async def test_a_late_grandchild_delays_the_end_only_for_its_grace_and_is_told(
    adapter: LocalAdapter, tmp_path: Path
) -> None:
    async with asyncio.timeout(3):
        ended, sink = await carry_out(adapter, work("sleep 60 & echo hi; exit 7", tmp_path))
    assert (ended.code, sink.kept["out"]) == (7, b"hi\n")
    assert [message.code for message in ended.messages] == ["output_open"]


async def test_a_grandchild_that_ends_soon_is_listened_to(adapter: LocalAdapter, tmp_path: Path) -> None:
    ended, sink = await carry_out(adapter, work("(sleep 0.2; echo late) & exit 7", tmp_path))
    assert (ended.code, sink.kept["out"], ended.messages) == (7, b"late\n", ())


@fault("F12")
async def test_another_boot_is_told_before_anything_else(home: Home, adapter: LocalAdapter, tmp_path: Path) -> None:
    handle = await adapter.start(work(("sleep", "60"), tmp_path))
    rebooted = LocalAdapter(home=home, boot="another")
    assert (await rebooted.follow(handle, Recorder())).reason is Reason.HOST_REBOOTED
    await rebooted.stop(handle, NOW)
    rebooted.close()
    assert identity_of(handle["pid"])
    await adapter.stop(handle, NOW)


@fault("F13")
async def test_a_number_that_now_means_another_process_is_neither_followed_nor_signalled(
    adapter: LocalAdapter, successor: LocalAdapter, tmp_path: Path
) -> None:
    stranger = await adapter.start(work(("sleep", "60"), tmp_path, run_id=1))
    ended = await adapter.start(work("exit 5", tmp_path, run_id=2))
    await adapter.follow(ended, Recorder())
    mistaken = {**ended, "pid": stranger["pid"], "ticks": ended["ticks"] - 1000}  # of an older birth
    await successor.stop(mistaken, NOW)
    assert (await successor.follow(mistaken, Recorder())).code == 5
    assert identity_of(stranger["pid"])
    await adapter.stop(stranger, NOW)


async def test_it_works_without_posix_spawn(home: Home, tmp_path: Path) -> None:
    adapter = LocalAdapter(home=home, spawn=spawn_by_subprocess)
    ended, sink = await carry_out(adapter, work("echo hi; readlink /proc/self/fd/0; exit 6", tmp_path))
    adapter.close()
    assert (ended.code, sink.kept["out"]) == (6, b"hi\n/dev/null\n")


async def test_the_check_makes_what_is_missing_and_names_what_it_cannot(adapter: LocalAdapter, home: Home) -> None:
    await adapter.check()
    assert (home.runs.stat().st_mode & 0o777, list(home.runs.iterdir())) == (0o700, [])
    nowhere = LocalAdapter(home=Home(Path("/proc/nowhere")))
    with pytest.raises(PortError, match="cannot write to"):
        await nowhere.check()
    nowhere.close()


async def test_only_the_owner_may_look_into_the_folder_of_an_attempt(
    adapter: LocalAdapter, home: Home, tmp_path: Path
) -> None:
    await carry_out(adapter, work(("/bin/true",), tmp_path))
    modes = {path.stat().st_mode & 0o777 for path in (home.runs, *home.runs.rglob("*"))}
    assert modes == {0o700, 0o600}


def descriptors() -> int:
    """How many descriptors this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_two_hundred_at_once(adapter: LocalAdapter, tmp_path: Path) -> None:
    before = descriptors()
    ends = await asyncio.gather(
        *[carry_out(adapter, work(f"exit {n % 100}", tmp_path, run_id=n)) for n in range(1, 201)]
    )
    assert [ended.code for ended, _ in ends] == [n % 100 for n in range(1, 201)]
    assert descriptors() <= before + 4  # the watch, and nothing for each run
