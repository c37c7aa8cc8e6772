"""A canary among the secrets of a real run: whatever the run does with it, it is found nowhere afterwards."""

from __future__ import annotations

import signal
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from polysync.api.client import Client
from polysync.domain.masking import forms
from tests.adapters_local.waiting_for import until_now
from tests.service.daemons import READY, Daemon, daemon

CANARY = "p@ss 'w\"ö/rd+&<x>$Zz~\\4711-canary"
TOKEN = "rotated-by-the-work-4712"  # noqa: S105 - it opens nothing
CONFIG = """
[storage]
compress = false
[vaults.v]
type = "env"
[tasks.t]
command = ["{python}", "{job}"]
run_on_start = true
secrets = {{ CANARY = "vault://v/CANARY" }}
[tasks.t.parameters]
pin = {{ value = "pin-4713-canary", sensitive = true }}
"""
JOB = """
import base64, json, os, pathlib, shlex, subprocess, sys, time, urllib.parse

here = pathlib.Path(__file__).parent
canary = os.environ["CANARY"]
raw = canary.encode()

def put(data, fd=1):
    os.write(fd, data if isinstance(data, bytes) else data.encode())

def report(line):
    with open(os.environ["POLYSYNC_REPORT"], "a") as file:
        file.write(line + "\\n")

def step(name):
    (here / name).touch()
    while not (here / ("after-" + name)).exists():
        time.sleep(0.01)

def everything():
    for fd in 1, 2:
        put(canary + "\\n", fd)
        for quoted in urllib.parse.quote, urllib.parse.quote_plus, json.dumps, shlex.quote, repr:
            put(f"<{quoted(canary)}>", fd)
        put(json.dumps(canary, ensure_ascii=False) + raw.hex() + raw.hex().upper() + "\\n", fd)
        for before in range(3):
            for code in base64.b64encode, base64.urlsafe_b64encode:
                put(code(b"#" * before + raw + b"!!!") + b"\\n", fd)
        subprocess.run(["sh", "-xc", ': "$CANARY" "--key=$CANARY"'], stderr=fd)
        put(os.environ["PARAM_PIN"] + "\\n", fd)
    report("message " + "N" + " is " + canary)
    report("message " + os.environ["PARAM_PIN"] + " code")
    report("progress 40 " + canary)
    report("output plain=" + canary)
    report(json.dumps({"output": {"name": "deep", "value": {canary: [canary, 7]}}}))
    report(json.dumps({"output": {"name": "closed", "value": canary, "sensitive": True}}))
    report(canary + " is no word")
    report("error E " + canary)

everything()
report(json.dumps({"output": {"name": "token", "value": "TOKEN", "sensitive": True}}))
put("TOKEN")
put(raw[:9])
step("half")
put(raw[9:])
put("TOKEN")
everything()
put(raw[:20], 2)
step("alone")
put(raw[20:], 2)
everything()
sys.exit(3)
"""


class Place:
    """A home, and everything that can be read of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / ".polysync"

    def go_on_after(self, step: str) -> None:
        (self.folder / f"after-{step}").touch()

    def reached(self, step: str) -> bool:
        return (self.folder / step).exists()

    def stored(self) -> int:
        """How many bytes of output are stored."""
        with closing(sqlite3.connect(f"file:{self.home}/logs.db?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT coalesce(sum(length), 0) FROM chunks").fetchone()[0])

    def spooled(self) -> int:
        """How many bytes the work has put out."""
        return sum(file.stat().st_size for name in ("out", "err") for file in self.home.glob(f"runs/**/{name}"))

    def answers(self) -> Iterator[bytes]:
        """All that the daemon tells of the run."""
        with Client(str(self.home / "polysync.sock")) as client:
            for target in ("runs/1", "runs", "runs/1/history", "runs/1/log", "runs/1/log?stream=err", "status"):
                answer = client.request("GET", f"/api/{target}")
                assert answer.status == 200, answer.body
                yield answer.body

    def state(self) -> bytes:
        return next(self.answers())

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Every file of the home that is no socket."""
        for file in self.home.rglob("*"):
            if file.is_file():
                yield str(file.relative_to(self.home)), file.read_bytes()


def found(data: bytes, known: Iterable[bytes]) -> list[bytes]:
    """What of the secrets stands in `data`, over the borders of pages too."""
    return [form for form in known if form in data]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "job.py").write_text(JOB.replace("TOKEN", TOKEN))
    text = CONFIG.format(python=sys.executable, job=tmp_path / "job.py")
    (tmp_path / "polysync.toml").write_text(text)
    return Place(tmp_path)


def lines(running: Daemon) -> bytes:
    """All that the daemon wrote to its own log, to its end."""
    out, err = running.process.communicate(timeout=15)
    return repr(running.lines).encode() + out.encode() + err.encode()


@pytest.mark.slow
@pytest.mark.parametrize("then", [CANARY, "changed-while-nobody-looked-4714"])
def test_a_canary_is_found_nowhere(place: Place, then: str) -> None:
    """Also where the vault holds another one by the time that the work is found again."""
    env, told = {"CANARY": CANARY}, b""
    with daemon(place.folder, env=env, leave=True) as first:
        first.until(READY)
        until_now(lambda: place.reached("half"))
        held = 9
        until_now(lambda: place.stored() == place.spooled() - held)
        answers = b"".join(place.answers())
        first.process.send_signal(signal.SIGKILL)
        told += lines(first)
    place.go_on_after("half")
    until_now(lambda: place.reached("alone"))  # nobody looks: the spool keeps it
    with daemon(place.folder, env={"CANARY": then}) as second:
        second.until(READY)
        until_now(lambda: place.stored() == place.spooled() - 20)
        assert any(CANARY.encode() in data for name, data in place.files() if name.startswith("runs/"))
        assert not any(kept.stat().st_mode & 0o077 for kept in place.home.glob("runs/**/*") if kept.name != "report")
        answers += b"".join(place.answers())
        place.go_on_after("alone")
        until_now(lambda: b'"failed"' in place.state())
        answers += b"".join(place.answers())
        until_now(lambda: not any(place.home.glob("runs/*/*/out")))
        alive = list(place.files())
        second.process.send_signal(signal.SIGTERM)
        told += lines(second)
    secrets = {*forms(CANARY), *forms(TOKEN), *forms("pin-4713-canary")}
    assert answers.count(b"*" * len(CANARY.encode())) > 20
    assert [found(data, secrets) for data in (answers, told)] == [[], []]
    # What is sensitive but in no vault is kept for those it is meant for; their database says no more than that.
    vault = set(forms(CANARY))
    for files in (alive, list(place.files())):
        assert {name: found(data, vault) for name, data in files if found(data, vault)} == {}
        logs = [(name, data) for name, data in files if name.startswith("logs.db")]
        assert {name: found(data, secrets) for name, data in logs if found(data, secrets)} == {}
        assert any(b"*" * len(CANARY.encode()) in data for _, data in logs)


@pytest.mark.slow
def test_output_whose_secrets_are_gone_is_left_out(place: Place) -> None:
    with daemon(place.folder, env={"CANARY": CANARY}, leave=True) as first:
        first.until(READY)
        until_now(lambda: place.reached("half"))
        until_now(lambda: place.stored() == place.spooled() - 9)
        before = place.stored()
    place.go_on_after("half")
    place.go_on_after("alone")
    with daemon(place.folder, env={}) as second:
        second.until(READY)
        until_now(lambda: b'"failed"' in place.state())
        run = place.state()
        files = list(place.files())
    assert before < place.stored()  # what was left out is counted
    assert b"could not be fetched again" in run
    vault = set(forms(CANARY))
    assert {name: found(data, vault) for name, data in files if found(data, vault)} == {}
