"""What a daemon must get over to stay: no descriptors, no memory, thousands of callers, floods, a full pipe."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from polysync.api.client import Client
from tests.chaos.scenes import EACH_SECOND, IS_ROOT, ask, ended, said, slots, started, unbroken
from tests.chaos.site import Site, monotonic, until
from tests.faults import fault

pytestmark = pytest.mark.slow
CAN_UNSHARE = IS_ROOT and shutil.which("unshare") is not None
MUCH = b'{"parameters": {"a": "' + b"x" * 900_000 + b'"}}'
CROWD = 120  # callers, which together want more than there is
ONE = '[tasks.one]\nrun = "true"\nmax_concurrent = "unlimited"\n'


def status(site: Site) -> dict[str, Any]:
    with Client(str(site.socket)) as client:
        found: dict[str, Any] = json.loads(client.request("GET", "/api/status").body)
        return found


def descriptors(process: subprocess.Popen[bytes]) -> int:
    return len(os.listdir(f"/proc/{process.pid}/fd"))  # noqa: PTH208 - only how many


def whole_again(site: Site) -> bool:
    """Whether slots go on, none is missing, and all that was held up has run."""
    count = len(slots(site))
    more = until(lambda: len(slots(site)) >= count + 3, 30, 0.1)
    last = site.rows("SELECT max(id) FROM runs")[0][0]
    return more and unbroken(slots(site)) and until(lambda: site.open_runs(last - 2) == 0, 30, 0.1)


# ---- descriptors


def refused(crowd: ExitStack, site: Site) -> bytes:
    """Connect again and again until somebody is turned away: what they were told."""
    for _ in range(200):
        line = crowd.enter_context(socket.socket(socket.AF_UNIX))
        line.settimeout(2)
        line.connect(str(site.socket))
        line.sendall(b"GET /api/health HTTP/1.1\r\nHost: polysync\r\n\r\n")
        try:
            answer = line.recv(4096)
        except ConnectionResetError:
            continue
        if b" 503 " in answer:
            return answer
    raise AssertionError("everybody was let in")


@fault("F32")
def test_without_descriptors_callers_are_refused_starts_wait_and_all_recovers(site: Site) -> None:
    site.configure(EACH_SECOND + ONE)
    site.prefix = ("sh", "-c", 'ulimit -n 80; exec "$@"', "sh")
    process = started(site)
    assert until(lambda: len(slots(site)) >= 2, 20)
    with ExitStack() as crowd:
        assert b"no descriptor free" in refused(crowd, site)
        held = len(slots(site))
        assert until(lambda: len(slots(site)) >= held + 4, 30, 0.1), said(site)
        assert b" 503 " in refused(crowd, site)
        assert process.poll() is None, said(site)
    assert whole_again(site), said(site)
    ended(site, ask(site, "one"))
    complaints = [line for line in said(site).splitlines() if "no descriptor is free" in line]
    assert 1 <= len(complaints) <= 2
    assert len(said(site).splitlines()) < 200
    assert "Traceback" not in said(site)
    assert {run[0] for run in site.rows("SELECT DISTINCT state FROM runs WHERE ended_at IS NOT NULL")} == {"succeeded"}
    assert site.end(process) == 0


@fault("F32")
def test_the_daemon_takes_all_descriptors_it_may_and_gives_its_work_what_was_usual(site: Site) -> None:
    site.configure('[tasks.one]\nrun = "ulimit -Sn; ulimit -Hn"\n')
    site.prefix = ("sh", "-c", 'ulimit -Sn 700 && ulimit -Hn 3000 && exec "$@"', "sh")
    process = started(site)
    assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (3000, 3000)
    run = ended(site, ask(site, "one"))
    with Client(str(site.socket)) as client:
        assert client.request("GET", f"/api/runs/{run['id']}/log").body == b"700\n3000\n"
    assert site.end(process) == 0


@fault("F33")
def test_ten_thousand_callers_who_half_close_leave_no_descriptor(site: Site) -> None:
    site.configure(ONE)
    process = started(site)
    status(site)
    assert until(lambda: descriptors(process) == before(site, process), 10)
    flat = descriptors(process)
    for number in range(10_000):
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(site.socket))
            line.sendall(
                [b"GET /api/health HTTP/1.1\r\n", b"", b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n"][number % 3]
            )
            line.shutdown(socket.SHUT_WR)
            if number % 50 == 0:  # those before are done with
                read_to_the_end(line)
    assert until(lambda: descriptors(process) <= flat, 20), (flat, descriptors(process))
    assert site.end(process) == 0


def read_to_the_end(line: socket.socket) -> None:
    line.settimeout(20)
    while line.recv(4096):
        continue


def before(site: Site, process: subprocess.Popen[bytes]) -> int:
    """How many are open while nobody is connected."""
    with Client(str(site.socket)) as client:
        client.request("GET", "/api/health")
        return descriptors(process) - 1


# ---- memory


@fault("F34")
def test_memory_that_cannot_be_had_fails_requests_and_not_the_daemon(site: Site) -> None:
    site.configure(ONE + '[tasks.wordy]\nrun = "head -c 60000000 /dev/zero"\n')
    process = started(site)
    ended(site, ask(site, "wordy"))
    used = int(Path(f"/proc/{process.pid}/statm").read_text().split()[0]) * resource.getpagesize()
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_AS)
    resource.prlimit(process.pid, resource.RLIMIT_AS, (used + (1 << 20), hard))
    with ExitStack() as crowd:
        lines = [crowd.enter_context(_half_asked(site)) for _ in range(CROWD)]
        failed = [_answered(line) for line in lines]
    assert process.poll() is None, said(site)
    resource.prlimit(process.pid, resource.RLIMIT_AS, (hard, hard))
    assert any(what in {"500", "hung up"} for what in failed), failed
    assert status(site)["pid"] == process.pid
    assert ended(site, ask(site, "one"))["state"] == "succeeded"
    assert site.end(process) == 0


def _half_asked(site: Site) -> socket.socket:
    """Send nearly all of a request that needs memory; what comes of it is another matter."""
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(20)
    line.connect(str(site.socket))
    size = len(MUCH)
    with suppress(OSError):
        line.sendall(b"POST /api/tasks/none/run HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + MUCH[:-1])
    return line


def _answered(line: socket.socket) -> str:
    """What becomes of the request when the rest of it comes."""
    try:
        line.sendall(MUCH[-1:])
        return line.recv(64).decode()[9:12] or "hung up"
    except OSError:
        return "hung up"


# ---- floods

FLOODS = {
    "fast": "exec head -c 300000000 /dev/zero",
    "one line": "exec head -c 100000000 /dev/zero | tr '\\\\0' x",
    "empty lines": "exec head -c 1000000 /dev/zero | tr '\\\\0' '\\\\n'",
    "no text": "exec head -c 20000000 /dev/urandom",
    "returns": "exec head -c 20000000 /dev/zero | tr '\\\\0' '\\\\r'",
}


@fault("F35")
def test_floods_of_every_kind_hold_up_nobody_else(site: Site) -> None:
    tasks = "".join(f'[tasks.flood-{n}]\nrun = "{script}"\n' for n, script in enumerate(FLOODS.values()))
    site.configure(EACH_SECOND + ONE + f'[defaults]\nlog_max_size = "5mb"\n{tasks}')
    process = started(site)
    runs = [ask(site, f"flood-{n}") for n in range(len(FLOODS))]
    waits = []
    while site.open_runs(max(runs)) > 0:
        at = monotonic()
        with Client(str(site.socket)) as client:
            client.request("GET", "/api/health")
        waits.append(monotonic() - at)
    assert {ended(site, number)["state"] for number in runs} == {"succeeded"}
    assert sorted(waits)[len(waits) * 9 // 10] < 0.5, sorted(waits)[-5:]
    assert whole_again(site), said(site)
    assert status(site)["loop"]["lateness_ms"] < 2000
    assert site.end(process) == 0


# ---- nobody reads


@contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """A pipe that takes nothing more, blocking as a service manager's does."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(writing, False)
    try:
        while os.write(writing, b"x" * 4096):
            pass
    except BlockingIOError:
        os.set_blocking(writing, True)
    try:
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


@fault("F49")
def test_nobody_reads_the_log_and_the_daemon_goes_on_counts_and_tells_it_later(site: Site) -> None:
    site.configure('[daemon]\nlog_level = "debug"\n' + EACH_SECOND + ONE)
    with full_pipe() as (reading, writing):
        site.prefix = saying_into(writing)
        process = site.start()
        assert site.ready(process)
        while not status(site)["log"]["dropped"]:
            talk(site)
        assert until(lambda: len(slots(site)) >= 3, 20)
        assert unbroken(slots(site))
        words = b""
        while b"lines of this log were dropped" not in words:
            words = words[-200:] + os.read(reading, 1 << 20)
        process.send_signal(signal.SIGTERM)
        os.set_blocking(reading, False)
        assert until(lambda: _drained(reading, process), 30)
        assert process.wait(10) == 0


def talk(site: Site) -> None:
    """Give the daemon many lines to say."""
    with Client(str(site.socket)) as client:
        for _ in range(100):
            client.request("POST", "/api/tasks/one/run", b"{}")


def saying_into(descriptor: int) -> tuple[str, ...]:
    """What goes before the daemon so that its log goes into a descriptor of ours."""
    return ("sh", "-c", f'exec "$@" 2>/proc/{os.getpid()}/fd/{descriptor}', "sh")


def _drained(reading: int, process: subprocess.Popen[bytes]) -> bool:
    with suppress(BlockingIOError):  # nothing new
        os.read(reading, 1 << 20)
    return process.poll() is not None


@fault("F49")
def test_a_crash_is_no_halt_where_nobody_reads_about_it(site: Site) -> None:
    site.configure(EACH_SECOND)
    with full_pipe() as (_, writing):
        site.prefix = saying_into(writing)
        process = site.start("journal.before_commit=raise:EIO@6+")
        assert process.wait(30) == 1


# ---- where the home lies


@fault("F23")
@pytest.mark.skipif(not CAN_UNSHARE, reason="only root can mount")
def test_a_home_on_an_overlay_is_warned_of(site: Site) -> None:
    site.configure(ONE)
    below = " ".join(f"{site.folder}/{name}" for name in ("low", "up", "work", ".polysync"))
    mount = f"mkdir {below}; chmod 700 {site.folder}/.polysync; mount -t tmpfs tmpfs {site.folder}/work;"
    mount += f" mkdir {site.folder}/work/up {site.folder}/work/work; mount -t overlay overlay -o"
    mount += f" lowerdir={site.folder}/low,upperdir={site.folder}/work/up,workdir={site.folder}/work/work"
    mount += f" {site.folder}/.polysync || exit 77; chmod 700 {site.folder}/.polysync;"
    site.prefix = ("unshare", "--mount", "sh", "-c", f'{mount} exec "$@"', "sh")
    process = site.start()
    assert until(lambda: "polysync is ready" in said(site) or process.poll() is not None, 30)
    if process.poll() == 77:
        pytest.skip("no overlay can be mounted here")
    assert "is on overlay, which may be gone with its container" in said(site)
    process.kill()
    process.wait()


@fault("F23")
@pytest.mark.skipif(not CAN_UNSHARE, reason="only root can mount")
def test_a_home_on_a_network_is_refused(site: Site) -> None:
    site.configure(ONE)
    (site.folder / "mounts").write_text(
        f"9 1 0:9 / / rw - ext4 /dev/a rw\n10 9 0:10 / {site.folder} rw - nfs4 far:/ rw\n"
    )
    script = f'mount --bind {site.folder}/mounts /proc/$$/mountinfo && exec "$@"'
    site.prefix = ("unshare", "--mount", "sh", "-c", script, "sh")
    process = site.start()
    assert process.wait(30) == 1
    assert "is on a network file system (nfs4)" in said(site)
    assert not (site.home / "polysync.db").exists()
