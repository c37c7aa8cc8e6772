"""One owner of a home: the lock, whom it names, what keeps it and what does not; and where a home may lie."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from polysync.clock import SystemClock
from polysync.home import Home
from polysync.store.filesystem import Mount, UnfitFileSystem, check_file_system, kind_of, mounts
from polysync.store.owner import HomeHeld, HomeLock, HomeUnfit, holder
from polysync.store.reserve import Reserve
from tests.faults import fault

SHORT = timedelta(seconds=0.1)
HOLDING = """
import sys
from pathlib import Path
from polysync.clock import SystemClock
from polysync.home import Home
from polysync.store.owner import HomeLock
HomeLock(Home(Path(sys.argv[1])), SystemClock()).acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def another(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that owns the home below `tmp_path`."""
    command = [sys.executable, "-c", HOLDING, str(tmp_path / "home")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def lock_of(tmp_path: Path, patience: timedelta = SHORT) -> HomeLock:
    return HomeLock(Home(tmp_path / "home"), SystemClock(), patience=patience)


def test_a_home_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with lock_of(tmp_path) as lock:
        assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "home" / "lock").stat().st_mode & 0o777 == 0o600
        lock.acquire()  # again, for nothing
        signed = holder(lock.home)
        assert signed is not None
        assert signed[0] == os.getpid()
        assert abs(SystemClock().read().wall - signed[1]) < timedelta(minutes=1)
    lock.release()  # again, for nothing


@fault("F9")
def test_the_second_owner_is_refused_and_told_who_holds_it(tmp_path: Path, another: subprocess.Popen[str]) -> None:
    with pytest.raises(HomeHeld, match=rf"another daemon owns .*: process {another.pid}, since 20") as refused:
        lock_of(tmp_path).acquire()
    assert refused.value.holder == another.pid


def test_a_killed_owner_leaves_the_home_free(tmp_path: Path, another: subprocess.Popen[str]) -> None:
    another.send_signal(signal.SIGKILL)
    another.wait()
    with lock_of(tmp_path, timedelta(0)) as lock:
        assert lock.held


def test_an_owner_that_ends_meanwhile_is_waited_for(tmp_path: Path, another: subprocess.Popen[str]) -> None:
    rests = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        another.kill()
        another.wait()

    lock = HomeLock(Home(tmp_path / "home"), SystemClock(), rest=rest)
    lock.acquire()
    assert len(rests) == 1
    lock.release()


def test_the_waiting_rests(tmp_path: Path, another: subprocess.Popen[str]) -> None:
    clock = SystemClock()
    before = clock.read().monotonic
    with pytest.raises(HomeHeld):
        lock_of(tmp_path).acquire()
    assert clock.read().monotonic - before >= SHORT
    assert another.poll() is None


@fault("F10")
def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    lock = lock_of(tmp_path)
    lock.acquire()
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, close_fds=False) as child:
        lock.release()
        # The kernel lets a spawn return before it closes what the child must not have: hence the patience.
        lock_of(tmp_path, timedelta(seconds=5)).acquire()
        child.kill()


@fault("F9")
def test_a_lock_file_that_is_replaced_meanwhile_guards_nothing(tmp_path: Path, another: subprocess.Popen[str]) -> None:
    def rest(_: float) -> None:
        (tmp_path / "home" / "lock").unlink()
        another.kill()
        another.wait()

    with pytest.raises(HomeHeld, match="was replaced"):
        HomeLock(Home(tmp_path / "home"), SystemClock(), rest=rest).acquire()


def test_a_link_to_a_home_is_that_home(tmp_path: Path, another: subprocess.Popen[str]) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "home")
    with pytest.raises(HomeHeld):
        HomeLock(Home(tmp_path / "link"), SystemClock(), patience=SHORT).acquire()
    assert another.poll() is None


def test_a_home_for_everybody_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o777)
    with pytest.raises(HomeUnfit, match="chmod 0700"):
        lock_of(tmp_path).acquire()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_home_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", 65534, 65534)
    with pytest.raises(HomeUnfit, match="belongs to user 65534"):
        lock_of(tmp_path).acquire()


def test_a_home_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(HomeUnfit, match="cannot be made"):
        lock_of(tmp_path).acquire()
    (tmp_path / "home").unlink()
    (tmp_path / "home" / "lock").mkdir(parents=True)
    with pytest.raises(HomeUnfit, match="lock: "):
        lock_of(tmp_path).acquire()


def test_a_lock_without_a_name_is_held_all_the_same(tmp_path: Path, another: subprocess.Popen[str]) -> None:
    for text in ("", "[]", "{"):
        (tmp_path / "home" / "lock").write_text(text, encoding="utf-8")
        with pytest.raises(HomeHeld, match="left no name"):
            lock_of(tmp_path, timedelta(0)).acquire()
        assert holder(Home(tmp_path / "home")) is None
    assert holder(Home(tmp_path / "nowhere")) is None
    assert another.poll() is None


# ---- where it lies

TABLE = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:5 / /mnt/far\\040away rw - nfs4 server:/x rw
23 21 0:6 / /scratch rw - tmpfs tmpfs rw
24 21 0:7 / /scratch rw - ext4 /dev/sdb rw
25 21 0:8 / /var/lib/box rw - overlay overlay rw
26 21 0:9 / /data rw - fuse.sshfs me@there: rw
broken line
"""


def test_the_newest_mount_that_covers_a_folder_counts() -> None:
    table = mounts(TABLE)
    assert Mount("/mnt/far away", "nfs4") in table
    places = {
        "/home/x": "ext4",
        "/mnt/far away/x": "nfs4",
        "/scratch/a": "ext4",
        "/var/lib/boxes": "ext4",
        "/data": "fuse.sshfs",
    }
    assert {place: kind_of(Path(place), table) for place in places} == places
    assert kind_of(Path("/x"), []) == ""


@fault("F23")
def test_a_network_is_refused_and_what_forgets_is_warned_of(tmp_path: Path) -> None:
    for kind in ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"):
        with pytest.raises(UnfitFileSystem, match=kind):
            check_file_system(tmp_path, written(tmp_path, kind))
    assert "reboot" in (check_file_system(tmp_path, written(tmp_path, "tmpfs")) or "")
    assert "container" in (check_file_system(tmp_path, written(tmp_path, "overlay")) or "")
    assert check_file_system(tmp_path, written(tmp_path, "xfs")) is None
    assert check_file_system(tmp_path, tmp_path / "missing") is None


def written(folder: Path, kind: str) -> Path:
    path = folder / "mountinfo"
    path.write_text(f"1 0 8:1 / / rw - {kind} x rw\n", encoding="utf-8")
    return path


# ---- the reserve


def test_the_reserve_is_real_space_and_is_given_back(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve", 1 << 20)
    assert not reserve.release()
    assert reserve.ensure()
    assert reserve.ensure()
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= 1 << 20
    assert reserve.release()
    assert not (tmp_path / "reserve").exists()
    assert not reserve.release()


def test_a_reserve_that_does_not_fit_takes_nothing(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve", 1 << 60)
    assert not reserve.ensure()
    assert not (tmp_path / "reserve").exists()
