"""Completion scripts, by asking a real bash what it would offer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from polysync.cli.verbs import VERBS
from tests.cli.scripted import scripted
from tests.cli.terminal import Terminal

TASKS = """
include = ["conf.d/*.toml"]
[tasks.backup]
run = "x"
[tasks.etl-one]
run = "x"
[tasks."etl.two"]
run = "x"
[services.web]
command = ["x"]
"""


@pytest.fixture
def shell(terminal: Terminal) -> Terminal:
    """A folder with a configuration and a `polysync` on the path."""
    terminal.write(TASKS)
    terminal.write('[tasks.included]\nrun = "x"\n', "conf.d/more.toml")
    repository = Path(__file__).parents[2]
    program = terminal.write(
        f'#!/bin/sh\nPYTHONPATH="{repository}" exec "{sys.executable}" -m polysync "$@"\n', "bin/polysync"
    )
    program.chmod(0o755)
    return terminal


def offered(shell: Terminal, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    script = shell.write(shell.polysync("completion", "bash").out, "completion.bash")
    typed = " ".join(f"'{word}'" for word in ("polysync", *words))
    asked = f"""
source '{script}'
COMP_WORDS=({typed}); COMP_CWORD={len(words)}
_polysync polysync
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    env = {"PATH": f"{shell.folder / 'bin'}:{os.environ['PATH']}", "HOME": str(shell.folder)}
    done = subprocess.run(
        ["bash", "--norc", "-c", asked],  # noqa: S607 - whichever bash is installed
        capture_output=True,
        text=True,
        check=True,
        cwd=shell.folder,
        env=env,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_completion_offers_commands(shell: Terminal) -> None:
    assert set(VERBS) <= set(offered(shell, ""))
    assert offered(shell, "va") == ["validate"]
    assert offered(shell, "--json", "-c", "polysync.toml", "sim") == ["simulate"]


def test_completion_offers_options_of_the_command(shell: Terminal) -> None:
    assert offered(shell, "next", "--day") == ["--day-match"]
    assert offered(shell, "init", "--dry") == ["--dry-run"]
    assert "--config" in offered(shell, "next", "--c")


def test_completion_offers_parts_and_services(shell: Terminal) -> None:
    assert offered(shell, "service", "st") == ["start", "stop"]
    assert offered(shell, "service", "stop", "w") == ["web"]
    assert offered(shell, "service", "stop", "--no") == ["--no-wait"]


def test_completion_offers_the_values_of_an_option(shell: Terminal) -> None:
    assert offered(shell, "graph", "--format", "m") == ["mermaid"]
    assert offered(shell, "next", "--color", "al") == ["always"]
    assert offered(shell, "init", "--from", "") == ["crontab", "systemd", "runwisp"]


def test_completion_offers_the_words_of_a_command(shell: Terminal) -> None:
    assert offered(shell, "completion", "z") == ["zsh"]
    assert offered(shell, "config", "d") == ["diff"]


def test_completion_offers_task_names_also_of_included_files(shell: Terminal) -> None:
    assert offered(shell, "show", "etl") == ["etl-one", "etl.two"]
    assert offered(shell, "next", "backup", "inc") == ["included"]


def test_completion_offers_options_only_for_a_dash_where_names_follow(shell: Terminal) -> None:
    assert offered(shell, "show", "") == ["backup", "etl-one", "etl.two", "included"]
    assert {"--json", "-h"} <= set(offered(shell, "exec", "-"))
    assert "--export" in offered(shell, "logs", "--")


@pytest.mark.parametrize("body", [b"backup\n$(touch here)\n", b"`touch here`\n", b"a;b\n", b"\xff\n"])
def test_completion_passes_on_nothing_but_names(shell: Terminal, body: bytes) -> None:
    (shell.folder / ".polysync").mkdir()
    with scripted(shell.folder / ".polysync" / "polysync.sock", lambda *_: (200, "text/plain", body)):
        assert offered(shell, "exec", "b") == ["backup"]
    assert not (shell.folder / "here").exists()


def test_completion_follows_the_configuration_that_was_typed(shell: Terminal) -> None:
    shell.write('[tasks.other]\nrun = "x"\n', "other.toml")
    assert offered(shell, "-c", "other.toml", "show", "o") == ["other"]


def test_completion_offers_files_where_a_file_is_wanted(shell: Terminal) -> None:
    assert offered(shell, "-c", "poly") == ["polysync.toml"]


def test_completion_names_survive_every_configuration(terminal: Terminal) -> None:
    assert terminal.polysync("_names", "tasks").status == 0
    terminal.write('[tasks.half-written]\nrun = "x\n[tasks."quoted"]\n[ tasks.spaced ]\n[services.web]\n')
    assert terminal.polysync("_names", "tasks").lines == ["half-written", "quoted"]
    terminal.write(TASKS)
    assert terminal.polysync("_names", "all").lines == ["backup", "etl-one", "etl.two", "web"]
    terminal.write("tasks = 3\ninclude = 7\n")
    assert terminal.polysync("_names", "tasks").out == ""
    terminal.write("#" * (300 << 10) + '\n[tasks.after-much]\nrun = "x"\n')
    assert terminal.polysync("_names", "tasks").lines == ["after-much"]
    assert terminal.polysync("_names", "tasks", "-c", ".").out == ""


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_scripts_are_read_by_their_shell(terminal: Terminal, name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    script = terminal.write(terminal.polysync("completion", name).out, "script")
    done = subprocess.run([name, "-n", str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_scripts_know_every_command(terminal: Terminal, name: str) -> None:
    script = terminal.polysync("completion", name).out
    assert all(verb in script for verb in VERBS)
    assert "_names tasks" in script or "_names $1" in script
    assert re.search("@[A-Z]+@", script) is None  # every mark of the template is filled


def test_completion_of_an_unknown_shell(terminal: Terminal) -> None:
    said = terminal.polysync("completion", "tcsh")
    assert said.status == 2
    assert "bash" in said.err


def test_completion_names_do_not_wait_for_a_pipe(terminal: Terminal) -> None:
    os.mkfifo(terminal.folder / "pipe.toml")
    assert terminal.polysync("_names", "tasks", "-c", "pipe.toml") == (0, "", "")


def test_completion_names_survive_a_pattern_that_cannot_be_followed(terminal: Terminal) -> None:
    terminal.write('include = ["\\u0000"]\n[tasks.backup]\nrun = "x"\n')
    assert terminal.polysync("_names", "tasks") == (0, "backup\n", "")
