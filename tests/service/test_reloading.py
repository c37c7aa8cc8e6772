"""Another configuration while the daemon runs: what is told of it, what becomes of runs, and a file under storms."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from polysync.api.client import Client
from polysync.clock import SystemClock
from tests.cli.terminal import Terminal
from tests.faults import fault
from tests.seeds import seed_of
from tests.service.daemons import READY, Daemon, daemon

pytestmark = pytest.mark.slow
ONE = '[tasks.t]\nrun = "true"\ncron = "0 3 * * *"\n'
WRONG = '[tasks.t]\nrun = 5\n[tasks.u]\nrum = "x"\n'


def until(true: Callable[[], object], seconds: float = 20) -> None:
    clock = SystemClock()
    give_up = clock.read().monotonic + timedelta(seconds=seconds)
    while not true():
        assert clock.read().monotonic < give_up, "it never came to be"
        threading.Event().wait(0.02)


class Place:
    """A daemon's folder, and ways to ask."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "polysync.toml"
        self.terminal = Terminal(folder)

    def ask(self, method: str, target: str, body: Any = None) -> tuple[int, Any]:
        with closing(Client(str(self.folder / ".polysync" / "polysync.sock"))) as client:
            answer = client.request(method, target, None if body is None else json.dumps(body).encode())
        return answer.status, json.loads(answer.body)

    def status(self) -> Any:
        return self.ask("GET", "/api/status")[1]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.folder}/.polysync/polysync.db?mode=ro", uri=True)) as connection:
            return connection.execute(statement).fetchall()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_dry_run_shows_the_plan_and_a_reload_takes_it(place: Place) -> None:
    with daemon(place.folder, config=ONE) as running:
        running.until(READY)
        place.file.write_text(ONE.replace("0 3", "0 4") + '[tasks.u]\nrun = "true"\n')
        status, plan = place.ask("POST", "/api/reload", {"dry_run": True})
        assert (status, plan["added"], plan["dry_run"]) == (200, ["tasks.u"], True)
        assert [(one["table"], one["key"]) for one in plan["changed"]] == [("tasks.t", "cron")]
        assert [moved["task"] for moved in plan["moved"]] == ["t"]
        assert place.status()["tasks"] == 1
        said = place.terminal.polysync("reload", "--dry-run")
        assert said.status == 0
        assert "+ tasks.u" in said.lines
        assert said.lines[-1].endswith("1 added, 1 changed; 1 next firing would move")
        said = place.terminal.polysync("reload")
        assert said.lines[-1].endswith("1 next firing moved")
        assert place.status()["tasks"] == 2
        assert place.terminal.polysync("reload").out == ""
        assert "nothing has changed" in place.terminal.polysync("reload").err
        assert place.terminal.polysync("reload", "--json").data["changed"] == []
        entries = place.rows("SELECT verb, subject, outcome FROM audit")
        assert set(entries) == {("reload", "configuration", "done")}
        assert running.end() == 0


def test_a_file_with_errors_changes_nothing_and_shows_everywhere(place: Place) -> None:
    with daemon(place.folder, config=ONE) as running:
        running.until(READY)
        before = place.status()["config"]
        assert (before["path"], before["newer"], before["error"]) == (str(place.file), False, None)
        place.file.write_text(WRONG)
        status, told = place.ask("POST", "/api/reload")
        assert (status, {problem["line"] for problem in told["error"]["problems"]}) == (422, {2, 3, 4})
        said = place.terminal.polysync("reload")
        assert said.status == 2
        assert "polysync.toml:2:7: tasks.t.run" in said.err
        assert "tasks.u.rum: unknown key" in said.err
        assert "the old one stays in force" in said.err
        now = place.status()
        assert (now["state"], now["degraded"]) == ("degraded", ["config_error"])
        assert now["config"]["newer"]
        assert now["config"]["error"]["first"].startswith(f"{place.file}:2:7: tasks.t.run")
        assert now["config"]["hash"] == before["hash"]
        health = place.ask("GET", "/api/health")[1]
        assert (health["ok"], health["degraded"], health["config"]["newer"]) == (True, ["config_error"], True)
        shown = place.terminal.polysync("status")
        assert shown.status == 1
        assert "polysync validate shows all of them" in shown.out
        place.file.write_text(ONE)  # as it was: nothing to complain of
        until(lambda: place.status()["state"] == "running")
        assert place.status()["config"]["error"] is None
        assert running.end() == 0


def test_a_file_that_is_newer_is_told_until_it_is_read(place: Place) -> None:
    (place.folder / "conf.d").mkdir()
    with daemon(place.folder, config='include = ["conf.d/*.toml"]\n' + ONE) as running:
        running.until(READY)
        assert not place.status()["config"]["newer"]
        os.utime(place.file)
        threading.Event().wait(1.1)
        assert not place.status()["config"]["newer"], "touched is not edited"
        (place.folder / "conf.d" / "more.toml").write_text('[tasks.u]\nrun = "true"\n')
        until(lambda: place.status()["config"]["newer"])
        assert "the file is newer: polysync reload takes it" in place.terminal.polysync("status").out
        assert place.terminal.polysync("reload").status == 0
        assert not place.status()["config"]["newer"]
        (place.folder / "conf.d" / "more.toml").unlink()
        until(lambda: place.status()["config"]["newer"])
        assert running.end() == 0


def test_what_can_follow_at_once_does_and_the_rest_is_named(place: Place) -> None:
    with daemon(place.folder, config=ONE) as running:
        running.until(READY)
        settings = '[daemon]\nlog_level = "debug"\nmax_running = 2\ndata_dir = "other"\n'
        place.file.write_text(ONE + settings + '[storage]\nmin_free_space = "1000000gb"\n')
        plan = place.ask("POST", "/api/reload")[1]
        assert plan["restart_only"] == ["daemon.data_dir"]
        assert place.status()["config"]["restart_only"] == ["daemon.data_dir"]
        until(lambda: place.status()["disk"]["low"])
        place.file.write_text(ONE + '[daemon]\nlog_level = "error"\n[access]\nviewers = ["@nogroup"]\n')
        assert place.ask("POST", "/api/reload")[1]["restart_only"] == ["daemon.data_dir", "access"]
        assert place.status()["config"]["restart_only"] == ["access"]
        until(lambda: not place.status()["disk"]["low"])
        lines = len(running.lines)
        assert running.end() == 0
        assert running.process.stderr is not None
        said = [json.loads(line)["event"] for line in running.process.stderr]
        assert "the configuration was read again" in said[lines - len(running.lines) :]
        assert "polysync ended" not in said  # an end is not an error


@fault("F42")
def test_runs_of_a_task_that_is_gone(place: Place) -> None:
    script = "echo $PARAM_WHO begun >> said; read -r x < gate; echo $PARAM_WHO >> said"
    work = f'run = "{script}"\nparameters = {{ who = "old" }}\n'
    with daemon(place.folder, config=f"[tasks.t]\n{work}") as running:
        running.until(READY)
        os.mkfifo(place.folder / "gate")
        numbers = [place.ask("POST", "/api/tasks/t/run")[1]["id"] for _ in range(2)]
        until((place.folder / "said").exists)
        place.file.write_text(f"[tasks.other]\n{work}".replace("old", "new"))
        plan = place.ask("POST", "/api/reload")[1]
        assert (plan["added"], plan["removed"]) == (["tasks.other"], ["tasks.t"])
        gone = place.ask("GET", f"/api/runs/{numbers[1]}")[1]
        assert (gone["state"], gone["end_reason"]) == ("skipped", "removed")
        with (place.folder / "gate").open("w") as gate:
            gate.write("go\n")
        until(lambda: place.ask("GET", f"/api/runs/{numbers[0]}")[1]["state"] == "succeeded")
        assert (place.folder / "said").read_text() == "old begun\nold\n"
        assert running.end() == 0


def file_of(edition: int, filler: str) -> str:
    """A file whose tasks all say which edition they are of, and that goes on for a while behind them."""
    tasks = "".join(
        f'[tasks.t{number}]\nrun = "echo {edition} $PARAM_E $E"\nparameters = {{ e = "{edition}" }}\n'
        f'env = {{ E = "{edition}" }}\ncron = "* * * * * *"\nmax_concurrent = 8\n'
        for number in range(3)
    )
    return f"{tasks}{filler}[tasks.last]\nrun = 'echo {edition}'\n"


def write_slowly(file: Path, text: str) -> None:
    """As an editor that writes in place, in several steps, and leaves something valid after each of them."""
    tables = [f"[tasks{part}" for part in text.split("[tasks")[1:]]
    with file.open("w") as stream:
        for start in range(0, len(tables), 8):
            stream.write("".join(tables[start : start + 8]))
            stream.flush()
            threading.Event().wait(0.03)


def write_beside(file: Path, text: str) -> None:
    """As an editor that renames."""
    scratch = file.with_suffix(".new")
    scratch.write_text(text)
    scratch.rename(file)


def hang_up(running: Daemon, over: threading.Event) -> None:
    """A hundred signals a second."""
    while not over.wait(0.01):
        running.process.send_signal(signal.SIGHUP)


@fault("F41", "F50")
def test_a_storm_of_reloads_and_edits_gives_each_attempt_one_edition_and_the_last_one_holds(place: Place) -> None:
    dice, over = random.Random(seed_of("reloads")), threading.Event()
    filler = "".join(f'[tasks.filler-{number}]\nrun = "true"\nenabled = false\n' for number in range(60))
    with daemon(place.folder, config=file_of(0, filler)) as running:
        running.until(READY)
        lines = list[str]()
        reader = threading.Thread(target=lambda: lines.extend(running.process.stderr or ()), daemon=True)
        reader.start()
        storm = threading.Thread(target=hang_up, args=(running, over))
        storm.start()
        editions = 25
        for edition in range(1, editions + 1):
            dice.choice([write_slowly, write_beside])(place.file, file_of(edition, filler))
            threading.Event().wait(dice.random() * 0.2)
        over.set()
        storm.join()
        running.process.send_signal(signal.SIGHUP)  # the last edit was before it: it must not be lost
        until(lambda: any(said.split()[0] == str(editions) for said in outputs(place)))
        assert place.ask("POST", "/api/reload")[1]["changed"] == []
        said = outputs(place)
        assert running.end() == 0
        reader.join()
    assert all(len(set(words.split())) == 1 for words in said), "an attempt ran under a mix of two editions"
    assert len({words.split()[0] for words in said}) > 3, "the storm reloaded nothing"
    plans = [told for told in map(json.loads, lines) if told["event"] == "the configuration was read again"]
    assert len(plans) > 3
    assert not [told for told in plans if "removed" in told], "half a file was believed"
    assert place.rows("SELECT task, slot, count(*) FROM runs GROUP BY 1, 2 HAVING count(*) > 1") == []


def outputs(place: Place) -> list[str]:
    """What every finished run has said."""
    runs = [run for run in place.ask("GET", "/api/runs?limit=500")[1]["items"] if run["state"] == "succeeded"]
    found = []
    for run in runs:
        with closing(Client(str(place.folder / ".polysync" / "polysync.sock"))) as client:
            found.append(client.request("GET", f"/api/runs/{run['id']}/log", None).body.decode())
    return [text for text in found if text.strip()]
