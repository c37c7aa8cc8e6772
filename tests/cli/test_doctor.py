"""The doctor: every illness it knows, with its remedy; without a daemon, beside one, and beside one that is ill."""

from __future__ import annotations

import fcntl
import os
import resource
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from polysync import __version__
from polysync.cli.checkups.finding import Mark, size_words
from polysync.cli.checkups.host import KEEPERS, SYNCHRONIZED, clock_finding, sqlite_finding, zone_finding
from polysync.cli.checkups.premises import home_findings
from polysync.cli.checkups.running import daemon_findings, descriptor_finding
from polysync.clock import SystemClock
from polysync.domain.settings import Storage
from polysync.home import Home
from tests.chaos.site import until
from tests.cli.terminal import Said, Terminal
from tests.service.daemons import READY, daemon

NOW = datetime(2026, 11, 21, tzinfo=UTC)
GOOD = '[storage]\nmin_free_space = "1mb"\n[tasks.t]\nrun = "true"\n'
WELL: dict[str, Any] = {"version": __version__, "state": "running", "pid": 0, "loop": {"lag_ms": 3, "lateness_ms": 5}}


@pytest.fixture
def here(tmp_path: Path) -> Terminal:
    terminal = Terminal(tmp_path)
    terminal.now = NOW
    return terminal


def checks(said: Said) -> dict[str, dict[str, Any]]:
    """What was found, the worst of each name."""
    worst = {"skip": 0, "ok": 1, "warn": 2, "fail": 3}
    found: dict[str, dict[str, Any]] = {}
    for one in sorted(said.data["checks"], key=lambda one: worst[one["mark"]]):
        found[one["name"]] = one
    return found


def ill(here: Terminal) -> dict[str, dict[str, Any]]:
    said = here.polysync("doctor", "--json")
    assert said.status == (0 if said.data["ok"] else 1)
    found = checks(said)
    assert all(one["remedy"] for one in found.values() if one["mark"] in {"warn", "fail"})
    return found


def marks(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: one["mark"] for name, one in found.items()}


def test_a_healthy_place_without_a_daemon(here: Terminal) -> None:
    here.write(GOOD)
    found = ill(here)
    assert "fail" not in marks(found).values()
    wanted = {"configuration": "ok", "commands": "ok", "home": "skip", "socket": "skip", "daemon": "skip"}
    assert marks(found).items() >= wanted.items()
    assert "no daemon runs here" in found["daemon"]["text"]


def test_beside_a_daemon_everything_is_looked_at(here: Terminal, tmp_path: Path) -> None:
    here.now = SystemClock().read().wall
    with daemon(tmp_path, config=GOOD) as running:
        running.until(READY)
        found = ill(here)
        wanted = "user system sqlite configuration commands home lock polysync.db logs.db reserve snapshots leftovers"
        wanted += " socket daemon descriptors"
        assert {name: marks(found).get(name) for name in wanted.split()} == dict.fromkeys(wanted.split(), "ok")
        assert f"held by process {running.process.pid}" in found["lock"]["text"]
        assert __version__ in found["daemon"]["text"]
        (tmp_path / "polysync.toml").write_text(GOOD + '[tasks.u]\nrun = "true"\n')
        assert until(lambda: marks(ill(here)).get("reload") == "warn", 10)
        (tmp_path / ".polysync" / "polysync.sock").unlink()
        found = ill(here)
        assert (found["socket"]["mark"], found["daemon"]["mark"]) == ("fail", "fail")
        assert running.end() == 0


def test_text_has_a_mark_and_an_arrow_to_the_remedy(here: Terminal) -> None:
    here.write('[tasks.t]\ncommand = ["no-such-program-anywhere"]\n')
    said = here.polysync("doctor")
    assert said.status == 0
    [at] = [n for n, line in enumerate(said.lines) if "no-such-program-anywhere was" in line or "no-such" in line][:1]
    assert said.lines[at].startswith("! commands")
    assert said.lines[at + 1].strip().startswith("→ ")
    quiet = here.polysync("doctor", "-q")
    assert all(line.startswith(("! ", "✗ ", " ")) for line in quiet.lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('command = ["no-such-program"]', "no-such-program"),
        ('run = "true"\nshell = "/no/shell"', "/no/shell"),
        ('run = "true"\nworking_dir = "/no/folder"', "/no/folder"),
        ('run = "true"\nuser = "nobody-of-that-name"', "nobody-of-that-name"),
    ],
)
def test_what_work_needs_and_is_not_there(text: str, said: str, here: Terminal) -> None:
    here.write(f"[tasks.a]\n{text}\n[tasks.b]\n{text}\n[tasks.off]\nenabled = false\n{text}\n")
    found = ill(here)["commands"]
    assert found["mark"] == "warn"
    assert found["text"].startswith("a and 1 more: ")
    assert said in found["text"]


def test_many_lacks_are_counted(here: Terminal) -> None:
    here.write("".join(f'[tasks.t{n}]\ncommand = ["no-such-program-{n}"]\n' for n in range(30)))
    told = [one["text"] for one in here.polysync("doctor", "--json").data["checks"] if one["name"] == "commands"]
    assert (len(told), told[-1]) == (21, "10 more lacks")


def test_a_configuration_that_is_wrong_missing_or_warned_of(here: Terminal) -> None:
    assert ill(here)["configuration"]["text"] == "there is no configuration"
    here.write("[tasks.t]\nrum = 5\n")
    found = ill(here)["configuration"]
    assert (found["mark"], found["remedy"]) == ("fail", "polysync validate shows all of them")
    here.write('[tasks.t]\nrun = "true"\ngraceful_stop = "10h"\n[daemon]\non_shutdown = "stop"\n')
    assert ill(here)["configuration"]["mark"] in {"ok", "warn"}


# ---- the home


def at_home(here: Terminal) -> Home:
    """A home as an ended daemon leaves it."""
    here.write(GOOD)
    with daemon(here.folder) as running:
        running.until(READY)
        assert running.end() == 0
    return Home(here.folder / ".polysync")


def opened(home: Home) -> None:
    home.path.chmod(0o755)


def written(home: Home) -> None:
    home.path.chmod(0o777)


def readable(home: Home) -> None:
    home.database.chmod(0o644)


def strange(home: Home) -> None:
    (home.path / "notes.txt").touch()


def halved(home: Home) -> None:
    home.snapshots.mkdir()
    (home.snapshots / "polysync-schema-1.db.part").write_bytes(bytes(5000))


def unheld(home: Home) -> None:
    home.reserve.unlink()


def swollen(home: Home) -> None:
    with home.database.with_name("polysync.db-wal").open("wb") as file:
        file.truncate(300 << 20)
    home.database.with_name("polysync.db-wal").chmod(0o600)


def newer(home: Home) -> None:
    with closing(sqlite3.connect(home.database)) as database:
        database.execute("PRAGMA user_version = 99")


def garbled(home: Home) -> None:
    home.database.write_bytes(b"no database at all" * 1000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "name", "mark"),
    [
        (opened, "home", "warn"),
        (written, "home", "fail"),
        (readable, "polysync.db", "fail"),
        (strange, "leftovers", "warn"),
        (halved, "snapshots", "warn"),
        (unheld, "reserve", "warn"),
        (swollen, "polysync.db", "warn"),
        (newer, "schema", "fail"),
        (garbled, "schema", "fail"),
    ],
)
def test_each_illness_of_a_home_is_found(spoil: Callable[[Home], None], name: str, mark: str, here: Terminal) -> None:
    home = at_home(here)
    assert "fail" not in marks(ill(here)).values()
    spoil(home)
    assert ill(here)[name]["mark"] == mark


def test_an_owner_that_does_not_answer(here: Terminal) -> None:
    here.write(GOOD)
    home = Home(here.folder / ".polysync")
    home.path.mkdir(0o700)
    with home.lock.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = ill(here)
    assert (found["daemon"]["mark"], found["lock"]["mark"], found["socket"]["mark"]) == ("fail", "ok", "fail")
    assert "without a name" in found["lock"]["text"]


def home_marks(path: Path, minimum: int = 0, mounts: str = "") -> dict[str, Mark]:
    table = path.parent / "mounts"
    if path.parent.is_dir():
        table.write_text(mounts)
    storage = Storage(min_free_space=minimum)
    return {one.name: one.mark for one in home_findings(Home(path), storage, mounts=table)}


def test_the_disk_and_the_file_system(tmp_path: Path) -> None:
    path = tmp_path / "home"
    path.mkdir(0o700)
    free = os.statvfs(path).f_bavail * os.statvfs(path).f_frsize
    assert home_marks(path)["disk"] is Mark.OK
    assert home_marks(path, minimum=2 * free)["disk"] is Mark.FAIL
    assert home_marks(path, minimum=free * 3 // 4)["disk"] is Mark.WARN
    assert home_marks(path, mounts="1 0 0:1 / / rw - ext4 a rw")["file system"] is Mark.OK
    assert home_marks(path, mounts="1 0 0:1 / / rw - nfs4 a rw")["file system"] is Mark.FAIL
    assert home_marks(path, mounts="1 0 0:1 / / rw - tmpfs a rw")["file system"] is Mark.WARN
    assert home_marks(tmp_path / "mounts" / "below") == {"home": Mark.FAIL}


# ---- host and daemon


@pytest.mark.parametrize(
    ("version", "mark", "words"),
    [
        ((3, 34, 1), Mark.FAIL, "too old"),
        ((3, 40, 1), Mark.OK, "can lose commits"),
        ((3, 50, 7), Mark.OK, "3.50.7"),
        ((3, 51, 3), Mark.OK, "3.51.3"),
    ],
)
def test_what_is_known_of_sqlite(version: tuple[int, ...], mark: Mark, words: str) -> None:
    found = sqlite_finding(version)
    assert (found.mark, words in found.text) == (mark, True)
    assert ("lose" in found.text) is (version == (3, 40, 1))


@pytest.mark.parametrize(
    ("zone", "version", "mark"),
    [
        ("Europe/Bratislava", "2026a", Mark.OK),
        ("Europe/Bratislava", "2024a", Mark.WARN),
        ("Europe/Bratislava", "unknown", Mark.WARN),
        ("Nowhere/Land", "2026a", Mark.FAIL),
    ],
)
def test_zone_data(zone: str, version: str, mark: Mark) -> None:
    assert zone_finding(zone, version, NOW).mark is mark


def test_what_can_be_told_of_the_clock() -> None:
    assert clock_finding(NOW.replace(year=1970), lambda _path: True).mark is Mark.FAIL
    assert "synchronized" in clock_finding(NOW, lambda path: path == SYNCHRONIZED).text
    assert "chronyd" in clock_finding(NOW, lambda path: path == KEEPERS["chronyd"]).text
    assert clock_finding(NOW, lambda path: path.name == ".dockerenv").mark is Mark.SKIP
    assert clock_finding(NOW, lambda _path: False).mark is Mark.WARN


@pytest.mark.parametrize(
    ("told", "name", "mark"),
    [
        ({}, "daemon", Mark.OK),
        ({"version": "0.0.1"}, "daemon", Mark.WARN),
        ({"storage": {"trouble": "EIO"}}, "storage", Mark.FAIL),
        ({"storage": {"logs": "EIO"}}, "storage", Mark.FAIL),
        ({"disk": {"low": True}}, "storage", Mark.FAIL),
        ({"clock": {"held": True}}, "clock", Mark.FAIL),
        ({"watchdog": {"stuck": ["journal"]}}, "watchdog", Mark.FAIL),
        ({"config": {"error": {"problems": 2, "first": "x"}}}, "reload", Mark.FAIL),
        ({"config": {"newer": True}}, "reload", Mark.WARN),
        ({"config": {"restart_only": ["[api]"]}}, "reload", Mark.WARN),
        ({"log": {"dropped": 7}}, "log", Mark.WARN),
        ({"loop": {"lag_ms": 9000}}, "pace", Mark.WARN),
    ],
)
def test_what_a_daemon_says_of_itself(told: dict[str, Any], name: str, mark: Mark) -> None:
    assert {one.name: one.mark for one in daemon_findings({**WELL, **told})}[name] is mark


def test_descriptors_are_counted(tmp_path: Path) -> None:
    assert descriptor_finding(Path("/proc/self")).mark is Mark.OK
    assert descriptor_finding(tmp_path).mark is Mark.SKIP
    begun = ["/bin/sh", "-c", "echo begun; read -r _"]
    with subprocess.Popen(begun, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as crowded:
        assert crowded.stdout is not None
        crowded.stdout.readline()  # what it needs to begin is open
        resource.prlimit(crowded.pid, resource.RLIMIT_NOFILE, (3, 3))
        assert descriptor_finding(Path(f"/proc/{crowded.pid}")).mark is Mark.WARN


def test_sizes_are_said_in_the_unit_that_fits() -> None:
    assert [size_words(size) for size in (5, 2048, 3 << 20, 5 << 30)] == ["5 bytes", "2.0 kB", "3.0 MB", "5.0 GB"]


def test_it_starts_light(here: Terminal) -> None:
    here.write(GOOD)
    script = "import sys; from polysync.cli.main import answer; answer(['doctor', '-q']);"
    script += "print([n for n in ('textual', 'aiosqlite', 'structlog', 'rich') if n in sys.modules])"
    said = subprocess.run(
        [sys.executable, "-c", script], cwd=here.folder, capture_output=True, text=True, check=True, env=os.environ
    )
    assert said.stdout.splitlines()[-1] == "[]"


def test_a_socket_that_leads_nowhere(here: Terminal) -> None:
    home = Home(here.folder / ".polysync")
    home.path.mkdir(0o700)
    here.write(GOOD)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(home.socket))
    found = ill(here)
    assert (found["socket"]["mark"], found["daemon"]["mark"]) == ("skip", "skip")
    assert "nobody listens" in found["daemon"]["text"]


def test_what_the_doctor_says_fits_the_terminal(here: Terminal) -> None:
    here.write('[tasks.t]\ncommand = ["/nowhere/' + "x" * 20 + '", "and words"]\n')
    here.columns = 60
    said = here.polysync("doctor")
    here.columns = None

    longest = max(len(word) for word in said.out.split())
    assert max(map(len, said.lines)) <= max(60, 18 + longest)
    assert said.out.split() == here.polysync("doctor").out.split()
