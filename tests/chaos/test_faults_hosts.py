"""The host under the daemon: it reboots, gives numbers out again, or has nobody who buries the dead."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from polysync.api.client import Unreachable
from tests.chaos.scenes import IS_ROOT, ask, ended, run_of, started
from tests.chaos.site import Site, until
from tests.faults import fault

BOOT_ID = "/proc/sys/kernel/random/boot_id"
LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
CAN_UNSHARE = IS_ROOT and shutil.which("unshare") is not None
pytestmark = pytest.mark.slow
CONFIG = """\
[tasks.long]
run = "echo $POLYSYNC_ATTEMPT >>witness; sleep 60"
[tasks.again]
run = "echo $POLYSYNC_ATTEMPT >>witness; [ $POLYSYNC_ATTEMPT = 2 ] || sleep 60"
retry_attempts = 1
retry_delay = "0s"
[tasks.orphan]
run = "(sleep 0.1 & sleep 0.1 & ) ; exit 3"
max_concurrent = "unlimited"
"""


def in_other_namespace(*words: str, script: str = "") -> tuple[str, ...]:
    """What goes before the daemon to give it namespaces of its own."""
    return ("unshare", *words, "sh", "-c", f'{script} exec "$@"', "sh")


@fault("F12")
@pytest.mark.skipif(not CAN_UNSHARE, reason="only root can give a process another boot id")
@pytest.mark.parametrize("failpoint", ["", "local.after_spawn=kill"], ids=["handle stored", "handle not stored"])
def test_after_a_reboot_nothing_is_believed_and_nobody_signalled(failpoint: str, site: Site) -> None:
    site.configure(CONFIG)
    before = started(site, failpoint)
    if failpoint:
        with pytest.raises(Unreachable):
            ended(site, ask(site, "again"))
        before.wait(10)
    else:
        ask(site, "again")
    assert until(lambda: len(site.alive()) == 1, 10)
    if not failpoint:
        site.end(before, signal.SIGKILL)
    # It still runs here: whoever believed in it would signal it now.
    bystander = int(next(site.home.glob("runs/*/*/*.status")).read_text().split()[0])
    (site.folder / "boot").write_text("00000000-1111-2222-3333-444444444444\n")
    site.prefix = in_other_namespace("--mount", script=f"mount --bind {site.folder}/boot {BOOT_ID};")
    after = started(site)
    run = ended(site, 1)
    assert [(one["outcome"], one["exit_code"]) for one in run["attempts"]] == [("crashed", None), ("succeeded", 0)]
    assert "restarted" in run["attempts"][0]["error"]
    assert Path(f"/proc/{bystander}").exists()
    site.end(after)
    last = started(site)
    assert until(lambda: not site.spools(), 10)
    site.end(last)


@fault("F13")
@pytest.mark.skipif(not IS_ROOT, reason="only root can choose the next process number")
@pytest.mark.parametrize(("program", "spared"), [("sound", True), ("bare-pid", False)])
def test_a_number_that_was_given_out_again_is_nobody_of_ours(program: str, spared: bool, site: Site) -> None:
    site.configure(CONFIG)
    site.program = ("-m", "tests.chaos.mutant_daemon", program)
    site.program, later = ("-m", "polysync", "daemon"), site.program
    first = started(site)
    number = ask(site, "long")
    assert until(lambda: len(site.alive()) == 1 and run_of(site, number)["state"] == "running", 10)
    site.end(first, signal.SIGKILL)
    shim = int(next(site.home.glob("runs/*/*/*.status")).read_text().split()[0])
    os.killpg(shim, signal.SIGKILL)
    assert until(lambda: not Path(f"/proc/{shim}").exists(), 10)
    stranger = _born_as(shim)
    try:
        site.program = later
        second = started(site)
        run = ended(site, number)
        assert (run["state"], run["end_reason"]) == ("crashed", "lost")
        assert (stranger.poll() is None) is spared
        site.end(second)
    finally:
        stranger.kill()
        stranger.wait()


def _born_as(number: int) -> subprocess.Popen[bytes]:
    """A stranger with this number, in a session of its own."""
    for _ in range(200):
        LAST_PID.write_text(str(number - 1))
        born = subprocess.Popen(["sleep", "60"], start_new_session=True)  # noqa: S607 - any program will do
        if born.pid == number:
            return born
        born.kill()
        born.wait()
    pytest.skip("other processes are born too fast here")


@fault("F14")
@pytest.mark.skipif(not CAN_UNSHARE, reason="only root can make the daemon the first process")
def test_the_first_process_of_a_container_buries_its_dead(site: Site) -> None:
    site.configure(CONFIG)
    site.prefix = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    process = started(site)
    numbers = [ask(site, "orphan") for _ in range(10)]
    assert {ended(site, number)["exit_code"] for number in numbers} == {3}
    assert until(lambda: _dead_below(process.pid) == 0, 20, 0.2), _dead_below(process.pid)
    process.kill()
    process.wait()


def _dead_below(top: int) -> int:
    """How many of the descendants of a process are dead and not buried."""
    parents, dead = {}, set()
    for place in Path("/proc").iterdir():
        try:
            state, parent = (place / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        parents[place.name] = parent
        if state == "Z":
            dead.add(place.name)
    return sum(_is_below(one, str(top), parents) for one in dead)


def _is_below(one: str, top: str, parents: dict[str, str]) -> bool:
    while one in parents:
        one = parents[one]
        if one == top:
            return True
    return False
