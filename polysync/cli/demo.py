"""`polysync demo`: the real thing on a throw-away home, killed in the middle to show what that costs: nothing."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from polysync.cli import runs
from polysync.cli.attach import Lost, attach
from polysync.cli.failure import FAILED, Failure
from polysync.cli.following import follow
from polysync.cli.group import verb
from polysync.cli.outpour import Outpour, data_of
from polysync.cli.session import Session
from polysync.domain.render import Cell, Style

TICK: Final = 0.1
PATIENCE: Final = 200  # ticks that the daemon may take to answer
EXITS_WITH: Final = 3  # the long task
STEPS: Final = b"".join(b"step %d of 6\n" % step for step in range(1, 7))  # what it puts out
CONFIGURATION: Final = """\
[scheduler]
timezone = "UTC"

[tasks.heartbeat]
cron = "*/2 * * * * *"
run = 'echo "still here"'

[tasks.extract]
cron = "*/5 * * * * *"
run = '''
echo "rows found: 42"
echo "output rows=42" >> "$POLYSYNC_REPORT"
'''

[tasks.load]
depends_on = ["extract"]
parameters = { rows = { from = "extract", output = "rows" } }
run = 'echo "loading $PARAM_ROWS rows"'

[tasks.flaky]
cron = "*/6 * * * * *"
retry_attempts = 2
retry_delay = "500ms"
run = '[ "$POLYSYNC_ATTEMPT" -ge 2 ] || { echo "not yet" >&2; exit 1; }'

[tasks.long]
run = 'for step in 1 2 3 4 5 6; do echo "step $step of 6"; sleep 0.5; done; exit 3'
"""


@verb("demo", examples=["polysync demo", "polysync demo --json"])
@click.pass_obj
def command(session: Session) -> int:
    """Run a lively example in a throw-away home for a moment: schedules, a chain, a retry, and a kill -9.

    Nothing of it stays, and nothing outside that home is touched.
    """
    with tempfile.TemporaryDirectory(prefix="polysync-demo-") as folder:
        path = Path(folder) / "polysync.toml"
        path.write_text(CONFIGURATION, encoding="utf-8")
        session.given |= {"config": str(path), "data": str(Path(folder) / "home"), "socket": None}
        stage = Stage(session, path)
        try:
            return _play(session, stage)
        finally:
            stage.leave()


def _play(session: Session, stage: Stage) -> int:
    tell = _Teller(session)
    tell.title("A daemon on a throw-away home, with five tasks:")
    tell.lines([Cell(f"  {line}", Style.DIM)] for line in CONFIGURATION.splitlines())
    stage.enter()
    tell.title("polysync exec long --detach, and in the middle of it: kill -9 of the daemon")
    with attach(session) as daemon:
        number = int(daemon.post("/api/tasks/long/run", {})["id"])
    _pass(1.2)
    stage.kill()
    tell.line("the daemon is gone; the work goes on without it")
    _pass(0.8)
    stage.enter()
    tell.line(f"a new daemon found run {number} again; polysync logs {number} -f")
    ended = follow(session, number, Outpour(session, one_stream=True, quiet=session.json))
    kept = ended.get("exit_code") == EXITS_WITH and _output(session, number) == STEPS
    tell.line(f"exit code {ended.get('exit_code')}, {'every line once' if kept else 'and that is not as it should be'}")
    _pass(3)
    tell.title("polysync runs: what happened meanwhile")
    with attach(session) as daemon:
        page: Mapping[str, Any] = daemon.get("/api/runs", limit=16)
    if session.json:
        session.document({"kept": kept, "run": ended, "runs": page["items"]})
        return 0 if kept else FAILED
    tell.lines(runs.lines(session, page["items"]))
    tell.title("That was real. polysync init starts a configuration of your own.")
    return 0 if kept else FAILED


def _output(session: Session, number: int) -> bytes:
    with attach(session) as daemon:
        return b"".join(map(data_of, daemon.lines(f"/api/runs/{number}/log")))


class _Teller:
    """Tells what goes on, unless one document is wanted in the end."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def title(self, words: str) -> None:
        """What comes now."""
        self.lines([[], [Cell(words, Style.BOLD)]])

    def line(self, words: str) -> None:
        """What happened."""
        self.lines([[words]])

    def lines(self, lines: Iterable[Iterable[Cell | str]]) -> None:
        """Several lines."""
        if not self._session.json:
            self._session.lines(lines)


def _pass(seconds: float) -> None:
    select.select([], [], [], seconds)


class Stage:
    """The daemon of the demo."""

    def __init__(self, session: Session, config: Path) -> None:
        self._session = session
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    def enter(self) -> None:
        """Start it, and wait until it answers."""
        said = self._config.with_name("daemon.log")
        options = ["-c", str(self._config), "--data", self._session.given["data"]]
        with said.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-m", "polysync", "daemon", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
            )
        for _ in range(PATIENCE):
            if self._process.poll() is not None or self._answers():
                break
            _pass(TICK)
        if not self._answers():
            text = said.read_text(encoding="utf-8", errors="replace").strip()
            raise Failure(f"the daemon did not start: {text}", code="demo", status=FAILED)

    def _answers(self) -> bool:
        try:
            with attach(self._session) as daemon:
                daemon.get("/api/health")
        except Lost:
            return False
        return True

    def kill(self) -> None:
        """What no program can prepare for."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def leave(self) -> None:
        """Stop what runs, then the daemon."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()


def _environment() -> dict[str, str]:
    """Ours, without what would name another home."""
    return {name: value for name, value in os.environ.items() if not name.startswith("POLYSYNC_")}
