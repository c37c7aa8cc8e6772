"""What holds for every command: options, errors, help, streams, and how the process ends."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from polysync import __version__
from polysync.cli.codes import Unwritten
from polysync.cli.entry import run
from polysync.cli.main import main
from polysync.cli.surroundings import columns, this_process, usable
from polysync.cli.verbs import SECTIONS, VERBS
from polysync.domain.errors import ValueProblem
from tests.cli.terminal import Screen, Terminal

HEAVY = ("textual", "aiosqlite", "structlog", "asyncio", "httpx2", "croniter", "sqlite3", "tomli_w")
REPOSITORY = Path(__file__).parents[2]
TASKS = '[tasks.backup]\nrun = "x"\ncron = "30 2 * * *"\n'


# What this process was given, less what would decide how wide or how colourful the output is.
WITHOUT = ("COLUMNS", "LINES", "NO_COLOR")
INHERITED = {name: value for name, value in os.environ.items() if name not in WITHOUT and "POLYSYNC" not in name}
PLAIN = {**INHERITED, "PYTHONPATH": str(REPOSITORY)}


def process(*words: str, cwd: Path, options: Sequence[str] = (), **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-m", "polysync", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**PLAIN, **env},
    )


def imported(*words: str, cwd: Path) -> set[str]:
    """The modules that a command leaves behind in its process."""
    program = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"
    program += f"; from polysync.cli.main import main; main({list(words)!r})"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
        env=PLAIN,
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["next", "--cron", "0 3 * * *"],
        ["validate"],
        ["explain", "0 3 * * *"],
        ["graph"],
        ["show", "backup"],
        ["simulate"],
        ["schema"],
    ],
)
def test_command_imports_nothing_heavy(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "polysync.toml").write_text(TASKS)
    assert not imported(*words, cwd=tmp_path) & set(HEAVY)


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_command_answers_without_click(tmp_path: Path, words: list[str]) -> None:
    assert not imported(*words, cwd=tmp_path) & {"click", "tomllib", "zoneinfo", "json", "polysync.config"}


def test_importtime_of_the_help_shows_nothing_heavy(tmp_path: Path) -> None:
    told = process("--help", cwd=tmp_path, options=("-X", "importtime")).stderr
    assert "polysync" in told
    assert not [name for name in HEAVY if f"| {name}\n" in told or f" {name}\n" in told]


def test_command_loads_only_its_own_module(tmp_path: Path) -> None:
    found = imported("schema", cwd=tmp_path)
    assert "polysync.cli.schema" in found
    assert not found & {"polysync.cli.simulate", "polysync.cli.next", "polysync.config.load"}


def test_version_is_printed(tmp_path: Path, terminal: Terminal) -> None:
    assert process("--version", cwd=tmp_path).stdout == f"polysync {__version__}\n"
    assert terminal.polysync("-q", "--version").out == f"polysync {__version__}\n"
    assert terminal.polysync("--json", "--version").data == {"name": "polysync", "version": __version__}


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["schema"]])
def test_main_ends_the_process_with_the_status(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    assert capsys.readouterr().out


def test_main_gives_the_status_of_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["nonsense"])
    assert ended.value.code == 2
    assert "nonsense" in capsys.readouterr().err


def test_surroundings_are_those_of_the_process() -> None:
    around = this_process()
    assert around.folder == str(Path.cwd())
    assert around.now().utcoffset() == timedelta(0)
    assert around.zone()
    assert columns("72", around.stdout) == 72
    assert columns("", around.stdout) == columns("many", around.stdout) == columns("99999", around.stdout)
    with usable(None) as swallowing:
        assert swallowing.write("anything") == len("anything")


class Unwilling(Screen):
    """A stream that refuses in the way it is told to."""

    def __init__(self, refusal: BaseException) -> None:
        super().__init__()
        self.refusal = refusal

    def write(self, text: str) -> int:
        del text
        raise self.refusal


@pytest.mark.parametrize(
    ("refusal", "status", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 1, "cannot write: no space left on device"),
        (OSError(errno.EIO, "Input/output error", "a file"), 1, "a file: input/output error"),
        (KeyboardInterrupt(), 130, ""),
        (ValueProblem("that is not it", "try this"), 2, "that is not it"),
    ],
)
def test_failures_of_the_world_are_told_in_one_place(
    terminal: Terminal, refusal: BaseException, status: int, words: str
) -> None:
    errors = Screen()
    around = terminal.around().but(stdout=Unwilling(refusal), stderr=errors)
    assert run(["schema"], around) == status
    assert words in errors.getvalue()


def test_status_of_a_failure_stands_where_its_words_find_no_room(terminal: Terminal) -> None:
    class Full(Screen):
        def write(self, _text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    around = terminal.around().but(stdout=Full(), stderr=Full())
    for words, status in ((["nonsense"], 2), (["nonsense", "--json"], 2), (["next", "--cron", "@daily"], 1)):
        with pytest.raises(Unwritten) as end:
            run(words, around)
        assert end.value.status == status


def test_front_page_fits_a_narrow_terminal(terminal: Terminal) -> None:
    terminal.columns = 60
    assert max(map(len, terminal.polysync("--help", "-q").lines)) <= 60


def test_reader_that_goes_away_is_for_main_to_handle(terminal: Terminal) -> None:
    around = terminal.around().but(stdout=Unwilling(BrokenPipeError()))
    with pytest.raises(BrokenPipeError):
        run(["schema"], around)


def test_help_lists_every_command(terminal: Terminal) -> None:
    for words in (["--help"], ["-h"], ["--json", "--help"]):
        said = terminal.polysync(*words)
        assert said.status == 0
        assert all(f"  {verb} " in said.out for verb in VERBS)
        assert all(title in said.out for title in SECTIONS)
        assert all(len(line) <= 90 for line in said.lines)


@pytest.mark.parametrize("verb", [*VERBS, "_names"])
def test_help_of_each_command_fits_eighty_columns(terminal: Terminal, verb: str) -> None:
    terminal.columns = 80
    said = terminal.polysync(verb, "--help")
    assert said.status == 0
    assert said.out.startswith(f"Usage: polysync {verb}")
    assert all(len(line) <= 110 for line in said.lines)  # an example stays on its line
    assert "see polysync --help" in said.out


def test_bare_command_says_what_to_do_next(terminal: Terminal) -> None:
    said = terminal.polysync()
    assert said.status == 0
    assert "polysync init" in said.out
    assert terminal.polysync("--json").data["configuration"] is None
    terminal.write(TASKS)
    assert "Configuration: polysync.toml" in terminal.polysync().out
    assert terminal.polysync("--json").data["configuration"] == "polysync.toml"


@pytest.mark.parametrize(
    "words",
    [
        ["-c", "other.toml", "validate", "--json"],
        ["--json", "validate", "--config", "other.toml"],
        ["-c", "missing.toml", "validate", "--json", "-c", "other.toml"],
    ],
)
def test_global_options_stand_before_or_after_the_command(terminal: Terminal, words: list[str]) -> None:
    terminal.write(TASKS, "other.toml")
    assert terminal.polysync(*words).data["valid"] is True


def test_global_options_come_from_the_environment_too(terminal: Terminal) -> None:
    terminal.write(TASKS, "other.toml")
    env = {"POLYSYNC_CONFIG": "other.toml", "POLYSYNC_JSON": "1"}
    assert terminal.polysync("validate", env=env).data["valid"] is True
    assert terminal.polysync("validate", env={**env, "POLYSYNC_JSON": "0", "POLYSYNC_QUIET": "yes"}).out == ""
    said = terminal.polysync("validate", env={"POLYSYNC_COLOR": "sometimes"})
    assert said.status == 2
    assert "POLYSYNC_COLOR" in said.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["validat"], "did you mean validate?"),
        (["frobnicate"], "polysync --help"),
        (["next", "--unitl", "x"], "did you mean --until?"),
        (["next", "--dst"], "did you mean --dst-gap?"),
        (["next", "--zzz"], "polysync next --help"),
        (["next", "-n"], "polysync next --help"),
        (["next", "-n", "many"], "polysync next --help"),
        (["show"], "polysync show --help"),
        (["-c", "", "next"], "leave the option out"),
        (["completion"], "polysync completion --help"),
        (["--unknown"], "polysync --help"),
        (["--color", "blue", "next"], "polysync --help"),
    ],
)
def test_usage_errors_exit_with_two_and_a_hint(terminal: Terminal, words: list[str], hint: str) -> None:
    said = terminal.polysync(*words)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("error: ")
    assert hint in said.err
    told = terminal.polysync(*words, "--json")
    assert (told.status, told.err) == (2, "")
    assert told.data["error"]["code"] == "usage"
    assert told.data["error"]["problems"] == []


def test_errors_show_nothing_that_acts_on_the_terminal(terminal: Terminal) -> None:
    for words in (
        ["\x1b[2J"],
        ["next", "--\x1b[2J"],
        ["next", "\x1b[2J\u202e"],
        ["-c", "\x1b]0;x\x07", "next"],
        ["explain", "\x1b"],
    ):
        said = terminal.polysync(*words)
        assert said.status in {2, 3}
        assert "\x1b" not in said.err
        assert "\u202e" not in said.err
        assert terminal.polysync(*words, "--json").out.isascii()


def test_colour_only_on_a_terminal_and_never_against_the_will(terminal: Terminal) -> None:
    terminal.write(TASKS)
    assert "\x1b" not in terminal.polysync("validate").out
    assert "\x1b" in terminal.polysync("validate", "--color", "always").out
    terminal.tty = True
    assert "\x1b" in terminal.polysync("validate").out
    assert "\x1b" not in terminal.polysync("validate", "--color", "never").out
    assert "\x1b" not in terminal.polysync("validate", env={"NO_COLOR": "1"}).out
    assert "\x1b" not in terminal.polysync("validate", env={"TERM": "dumb"}).out
    assert "\x1b" in terminal.polysync("validate", "--color=always", env={"NO_COLOR": "1"}).out
    assert "\x1b" in terminal.polysync("show", "backupp").err


def test_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    command = f"'{sys.executable}' -m polysync next --cron '* * * * * *' --until +10d | head -n 2"
    done = subprocess.run(
        ["bash", "-c", f"{command}; echo ${{PIPESTATUS[0]}}"],  # noqa: S607 - whichever bash is installed
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=PLAIN,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[2:] == ["141"]


def test_interrupt_ends_quietly_with_130(tmp_path: Path) -> None:
    words = ["next", "--cron", "* * * * * *", "--until", "+3650d"]
    with subprocess.Popen(
        [sys.executable, "-m", "polysync", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=PLAIN,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate()
    assert (running.returncode, errors) == (130, b"")


def test_closed_or_full_output_is_told(tmp_path: Path) -> None:
    start = f"'{sys.executable}' -m polysync"
    for command, status in (
        (f"{start} schema >&-", 0),
        (f"{start} schema > /dev/full", 1),
        (f"{start} nonsense 2>&-", 2),
        (f"{start} nonsense 2> /dev/full", 2),
        (f"{start} --help > /dev/full", 1),
        (f"{start} --version > /dev/full", 1),
        (f"{start} next --cron @daily --json > /dev/full", 1),
        (f"{start} --help > /dev/full 2>&-", 1),
        (f"{start} --version > /dev/full 2> /dev/full", 1),
    ):
        done = subprocess.run(
            ["bash", "-c", command],  # noqa: S607 - whichever bash is installed
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=PLAIN,
        )
        assert done.returncode == status, command
        assert "Traceback" not in done.stderr
        assert ("no space left on device" in done.stderr) == (command.endswith("> /dev/full") and "2>" not in command)


def test_output_survives_a_terminal_of_few_letters(tmp_path: Path) -> None:
    (tmp_path / "polysync.toml").write_text('[tasks.backup]\nrun = "x"\ndescription = "žltý kôň"\ncron = "@daily"\n')
    for words in (["show", "backup"], ["validate"], ["--help"], ["simulate"]):
        done = process(*words, cwd=tmp_path, PYTHONIOENCODING="ascii")
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii()


def test_signs_are_plain_where_the_locale_says_so(terminal: Terminal) -> None:
    terminal.write(TASKS)
    assert not terminal.polysync("validate").out.isascii()
    terminal.env["LANG"] = "C"
    assert terminal.polysync("validate").out.isascii()
    terminal.env["LC_ALL"] = "sk_SK.UTF-8"
    assert not terminal.polysync("validate").out.isascii()


def test_lines_do_not_end_with_blanks(terminal: Terminal) -> None:
    terminal.write(TASKS + '[tasks.t-with-a-long-name]\nrun = "x"\ncron = "@every 9h"\n')
    for words in (["next"], ["next", "backup"], ["simulate"], ["show", "backup"], ["graph"], ["validate"]):
        assert all(line == line.rstrip() for line in terminal.polysync(*words).lines)


def test_width_follows_columns(tmp_path: Path) -> None:
    (tmp_path / "polysync.toml").write_text(TASKS.replace('"x"', '"' + "long " * 40 + '"'))
    narrow = process("show", "backup", cwd=tmp_path, COLUMNS="60").stdout
    assert max(map(len, narrow.splitlines()[:4])) == 60
    assert "long " * 40 in process("show", "backup", cwd=tmp_path).stdout


def test_folder_that_was_deleted_is_no_traceback(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"rmdir '{gone}'; '{sys.executable}' -m polysync validate"
    done = subprocess.run(
        ["bash", "-c", command],  # noqa: S607 - whichever bash is installed
        capture_output=True,
        text=True,
        check=False,
        cwd=gone,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "HOME": str(tmp_path)},
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
