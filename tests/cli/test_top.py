"""`polysync top` on a terminal of its own: what it paints, how it ends, and what it leaves behind."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from polysync.cli.entry import run
from polysync.cli.screen import ENTER, HOME, LEAVE, Screen, is_screen
from polysync.cli.session import Session
from tests.cli.asking import terminal_in
from tests.cli.terminal import Terminal
from tests.service.daemons import READY, daemon

pytestmark = pytest.mark.slow

DEADLINE = 20.0
TASKS = '[tasks.long]\nrun = "sleep 600"\nmax_concurrent = 99\n[tasks.quick]\nrun = "true"\n'


class Tube:
    """A terminal and the program that runs in it."""

    def __init__(self, folder: Path, *words: str, rows: int = 24, columns: int = 80) -> None:
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("POLYSYNC_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "polysync", "top", *words],
            cwd=folder,
            env={**clean, "TERM": "xterm", "LC_ALL": "C.UTF-8", "NO_COLOR": "1"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - one system call, and no thread runs
        )
        self.slave = slave
        self.seen = ""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, pattern: str) -> str:
        """Everything that came, once it holds the pattern."""
        while not re.search(pattern, self.seen, re.DOTALL):
            assert select.select([self.master], [], [], DEADLINE)[0], f"no {pattern!r} in {self.seen!r}"
            self.seen += os.read(self.master, 65536).decode()
        return self.seen

    def page(self, pattern: str) -> list[str]:
        """The lines of the first page painted from now on that holds the pattern."""
        self.seen = ""
        whole = self.until(re.escape(HOME) + f"(?:(?!{re.escape(HOME)}).)*{pattern}.*?\x1b\\[J")
        page = next(part for part in whole.split(HOME) if re.search(pattern, part, re.DOTALL))
        return [line.replace("\x1b[K", "") for line in page.partition("\x1b[J")[0].split("\r\n")]

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)


def _take_terminal() -> None:
    """Keys that mean a signal reach only whose terminal it is."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def tube(folder: Path, *words: str, rows: int = 24, columns: int = 80) -> Iterator[Tube]:
    made = Tube(folder, *words, rows=rows, columns=columns)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()
        os.close(made.slave)
        os.close(made.master)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("top")
    with daemon(folder, config=TASKS) as running:
        running.until(READY)
        Terminal(folder).polysync("exec", "quick")
        for _ in range(3):
            Terminal(folder).polysync("exec", "long", "--detach")
        yield folder


@pytest.mark.parametrize("keys", [b"q", b"\x03", b"\x04"])
def test_a_key_ends_it_and_the_terminal_is_as_it_was(folder: Path, keys: bytes) -> None:
    with tube(folder) as top:
        page = top.page("quick")
        assert ENTER in top.seen or page
        assert "3 running" in page[1]
        assert [line.split()[1] for line in page[4:8]] == ["long", "long", "long", "quick"]
        assert max(map(len, page)) <= 80
        assert not termios.tcgetattr(top.slave)[3] & termios.ICANON
        top.type(keys)
        top.until(re.escape(LEAVE))
        assert top.process.wait(DEADLINE) == 0
        assert termios.tcgetattr(top.slave) == top.before


def test_other_keys_only_make_it_look_again(folder: Path) -> None:
    with tube(folder, "--every", "500ms") as top:
        top.page("quick")
        top.type(b"xyz")
        top.page("quick")
        assert top.process.poll() is None


def test_it_fits_the_terminal_also_after_that_was_resized(folder: Path) -> None:
    with tube(folder, "--every", "500ms", rows=6) as top:
        assert len(top.page("running")) <= 6
        top.resize(30, 60)
        page = top.page("quick")
        assert len(page) <= 30
        assert max(map(len, page)) <= 60


def test_a_signal_ends_it_with_the_terminal_as_it_was(folder: Path) -> None:
    with tube(folder) as top:
        top.page("running")
        top.process.send_signal(signal.SIGTERM)
        top.until(re.escape(LEAVE))
        assert top.process.wait(DEADLINE) == -signal.SIGTERM
        assert termios.tcgetattr(top.slave) == top.before


def test_it_ends_after_as_many_looks_as_were_wanted(folder: Path) -> None:
    with tube(folder, "-n", "2", "--every", "500ms") as top:
        top.until(re.escape(LEAVE))
        assert top.process.wait(DEADLINE) == 0
        assert top.seen.count(ENTER) == 1


@pytest.mark.slow
def test_a_daemon_that_goes_away_is_waited_for(tmp_path: Path) -> None:
    with daemon(tmp_path, config=TASKS) as first:
        first.until(READY)
        with tube(tmp_path, "--every", "500ms") as top:
            top.page("0 running")
            first.end()
            assert "what is shown is old" in top.page("is old")[0]
            with daemon(tmp_path) as second:
                second.until(READY)
                assert top.page("0 running")[0].startswith("polysync")


def test_what_cannot_be_painted_on_is_no_screen(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    assert not is_screen(Session(terminal.around()))
    terminal.tty = True
    assert not is_screen(Session(terminal.around(env={"TERM": "xterm"})))  # it has no descriptor
    assert not is_screen(Session(terminal.around(env={"TERM": "dumb"})))


@contextmanager
def paper(folder: Path) -> Iterator[tuple[Session, int]]:
    """A session on a terminal in this process."""
    master, slave = pty.openpty()
    terminal = terminal_in(folder)
    with (
        open(slave, "r+b", buffering=0, closefd=False) as raw,
        io.TextIOWrapper(raw, write_through=True) as stream,
    ):
        around = terminal.around(env={"TERM": "xterm"}).but(stdin=stream, stdout=stream, columns=80)
        yield Session(around), master
    os.close(slave)
    os.close(master)


def test_it_is_painted_in_this_process_too(folder: Path) -> None:
    with paper(folder) as (session, master):
        assert is_screen(session)
        assert run(["top", "-n", "2", "--every", "500ms"], session.around) == 0
        said = ""
        while not said.endswith(LEAVE):
            assert select.select([master], [], [], DEADLINE)[0], said
            said += os.read(master, 1 << 16).decode()
        assert "running" in said


def test_an_interrupt_ends_the_block_and_other_troubles_get_out(folder: Path) -> None:
    with paper(folder) as (session, master):
        with Screen(session) as screen:
            screen.paint(["one", "two"])
            screen.paint(["one", "two"])
            assert not screen.ended(0.001)
            os.write(master, b"x")
            assert not screen.ended(DEADLINE)
            os.write(master, b"q")
            assert screen.ended(DEADLINE)
            raise KeyboardInterrupt
        assert os.read(master, 1 << 16).decode().count("two") == 1
        with pytest.raises(ZeroDivisionError), Screen(session):
            raise ZeroDivisionError
