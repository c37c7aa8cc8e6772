"""`polysync wait` and `polysync events`, beside a real daemon that comes and goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pytest

from polysync.clock import SystemClock
from tests.cli.terminal import Terminal
from tests.service.daemons import READY, daemon

pytestmark = pytest.mark.slow

TASKS = r"""
[tasks.three]
run = 'read _ < go; exit 3'
max_concurrent = 9
[tasks.fine]
run = "true"
[tasks.slow]
run = 'sleep 60'
timeout = "100ms"
[tasks.held]
run = "true"
[tasks.twice]
run = '''
echo "attempt $POLYSYNC_ATTEMPT"
test "$POLYSYNC_ATTEMPT" = 2 && read _ < go
echo over
exit "$((2 - POLYSYNC_ATTEMPT))"
'''
retry_attempts = 1
retry_delay = "10ms"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("waiting")
    os.mkfifo(folder / "go")
    with daemon(folder, config=TASKS) as running:
        running.until(READY)
        yield folder


@pytest.fixture
def here(folder: Path) -> Terminal:
    terminal = Terminal(folder)
    terminal.now = SystemClock().read().wall
    return terminal


def started(here: Terminal, task: str, *words: str) -> int:
    return int(here.polysync("exec", task, "--detach", *words).out)


@contextmanager
def program(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The command line in a process of its own, gone afterwards."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("POLYSYNC_")}
    running = subprocess.Popen(
        [sys.executable, "-m", "polysync", *words],
        cwd=folder,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def until_connected(waiting: subprocess.Popen[str], count: int) -> None:
    """Wait until a command has so many sockets open."""
    found = 0
    while found < count:
        assert waiting.poll() is None
        found = 0
        for path in Path("/proc", str(waiting.pid), "fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                found += str(path.readlink()).startswith("socket:")


def let_go(folder: Path) -> None:
    """One of those who read the pipe goes on; this waits until one does."""
    with (folder / "go").open("w") as pipe:
        pipe.write("go\n")


def event(stream: IO[str] | None, **wanted: Any) -> Mapping[str, Any]:
    """The next event that looks like this."""
    assert stream is not None
    for line in stream:
        found: dict[str, Any] = json.loads(line)
        if wanted.items() <= found.items():
            return found
    raise AssertionError(f"no {wanted}")


def test_it_ends_as_the_run_ends(here: Terminal, folder: Path) -> None:
    number = started(here, "three")
    with program(folder, "wait", str(number)) as waiting:
        let_go(folder)
        assert waiting.wait(20) == 3
    assert here.polysync("wait", str(number)).status == 3  # over already
    assert here.polysync("wait", str(started(here, "fine"))).status == 0
    slow = here.polysync("wait", str(started(here, "slow")))
    assert (slow.status, "timeout" in slow.err) == (124, True)


def test_of_several_the_first_that_is_not_well_decides(here: Terminal, folder: Path) -> None:
    fine, slow, three = (started(here, task) for task in ("fine", "slow", "three"))
    let_go(folder)
    assert here.polysync("wait", f"{fine}", f"{slow}", f"{three}").status == 124
    said = here.polysync("wait", f"{fine}", f"{three}", f"{slow}", "--json")
    assert said.status == 3
    assert [run["id"] for run in said.data["items"]] == [fine, three, slow]
    assert here.polysync("wait", f"{fine}", "--json").data["state"] == "succeeded"


def test_what_cannot_be_waited_for_is_125_and_a_time_limit_124(here: Terminal, tmp_path: Path) -> None:
    number = started(here, "held", "--hold")
    late = here.polysync("wait", str(number), "--timeout", "50ms")
    assert (late.status, "not over yet" in late.err) == (124, True)
    assert here.polysync("wait", str(number), "--timeout", "0s").status == 124
    here.polysync("stop", str(number))
    assert here.polysync("wait", str(number)).status == 125  # it never ran
    assert here.polysync("wait", "99999").status == 125
    soon = here.polysync("wait", "1", "--timeout", "soon")
    assert (soon.status, "--timeout: soon is not a duration" in soon.err) == (2, True)
    assert "not a valid run id" in here.polysync("wait", "nobody").err
    nobody = Terminal(tmp_path).polysync("wait", "1")
    assert (nobody.status, "no daemon runs here" in nobody.err) == (125, True)


def test_recent_events_are_shown_and_chosen(here: Terminal) -> None:
    number = started(here, "fine")
    assert here.polysync("wait", str(number)).status == 0
    said = here.polysync("events", "--run", str(number))
    assert [line.split()[2] for line in said.lines] == ["run.queued", "run.started", "run.succeeded"]
    assert f"run {number}" in said.out
    found = [json.loads(line) for line in here.polysync("events", "--json", "--types", "run.q*,run.*").lines]
    assert found == [] or "there is no event" in here.polysync("events", "--types", "run.q*").err
    newest = json.loads(here.polysync("events", "--json", "-n", "1").lines[0])
    assert here.polysync("events", "--since", str(newest["seq"])).out == ""
    lost = here.polysync("events", "--since", "5", "-n", "1")
    assert (len(lost.lines), "not known any more" in lost.err) == (1, True)


@pytest.mark.slow
def test_followers_wait_and_logs_go_on_over_a_restart(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    here = Terminal(tmp_path)
    programs = ExitStack()
    with daemon(tmp_path, config=TASKS, leave=True) as first:
        first.until(READY)
        words = ["events", "-f", "--json", "--since", "0", "--types", "run.*"]
        events = programs.enter_context(program(tmp_path, *words))
        number = started(here, "fine")
        before = event(events.stdout, run_id=number, event="run.succeeded")
        number = started(here, "twice")
        logs, waiting = (
            programs.enter_context(program(tmp_path, *words, str(number))) for words in (["logs", "-f"], ["wait"])
        )
        assert logs.stdout is not None
        assert [logs.stdout.readline() for _ in range(3)] == ["attempt 1\n", "over\n", "attempt 2\n"]
        event(events.stdout, run_id=number, event="run.retrying")
        until_connected(waiting, 2)  # one for events, and then one to look at the run
        assert first.end() == 0
    with programs, daemon(tmp_path) as second:
        second.until(READY)
        let_go(tmp_path)
        assert (waiting.wait(30), logs.wait(30)) == (0, 0)
        assert logs.stdout.read() == "over\n"
        gap = event(events.stdout, event="gap")
        after = event(events.stdout, run_id=number, event="run.succeeded")
        assert gap["lost"] is None
        assert before["seq"] < gap["seq"] < after["seq"]
        assert after["data"]["attempt"] == 2
