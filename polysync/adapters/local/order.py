"""From an attempt to a process: which program with which arguments, environment and folder."""

from __future__ import annotations

import json
import os
import pwd
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from polysync.adapters.local.precheck import (
    check_folder,
    check_program,
    check_shell,
    check_sizes,
    check_total,
    refuse,
    refuse_error,
)
from polysync.adapters.local.spawn import Order
from polysync.domain.task import Process
from polysync.ports import Secret, Work

SHIM_SHELL: Final = "/bin/sh"
LONG_SCRIPT: Final = 100 << 10  # one argument takes 128 KiB; more goes through a file
# One program by its full path, with words that mean nothing to any shell: a shell would only pass it on.
PLAIN: Final = re.compile(r"\s*(/[A-Za-z0-9_./-]+(?:[ \t]+[A-Za-z0-9_./:@%+,=-]+)*)\s*")
COMMENT: Final = re.compile(r"^#.*\n", re.MULTILINE)


def shim_text() -> str:
    """The shim, without its comments."""
    return COMMENT.sub("", files(__package__).joinpath("shim.sh").read_text(encoding="utf-8")).strip()


class Orders:
    """Makes orders; what is the same for every attempt is made once."""

    def __init__(self, environment: Callable[[Process], Mapping[str, str]], shell: str = SHIM_SHELL) -> None:
        self._environment = environment
        self._shim = [os.fsencode(word) for word in (shell, "-c", shim_text(), "polysync")]
        self._shim_size = check_sizes(self._shim, "the shim")

    def order(self, work: Work, place: str, status: int, before: Sequence[str] = ()) -> Order:
        """What to start for an attempt whose files are in the folder `place`; everything is looked at before."""
        folder = working_folder(work)
        check_folder(folder)
        environment = self._variables(work, place)
        argv = [*before, *command_of(work, place)]
        if before:
            check_program(argv[0], environment, folder)
        _check_command(work, environment, folder)
        words = _encoded([work.process.stop_signal.value, *argv], "an argument")
        strings = _encoded([f"{name}={value}" for name, value in environment.items()], "a variable")
        check_total(self._shim_size + check_sizes(words, "the argument") + check_sizes(strings, "the variable"))
        where = os.fsencode(place)
        return Order([*self._shim, *words], strings, os.fsencode(folder), where + b"/out", where + b"/err", status)

    def _variables(self, work: Work, place: str) -> dict[str, str]:
        variables = dict(self._environment(work.process))
        for name, value in work.environment.items():
            variables[name] = value.reveal() if isinstance(value, Secret) else value
        variables["POLYSYNC_TOKEN"] = work.token
        variables["POLYSYNC_REPORT"] = f"{place}/report"
        if work.parameters:
            variables["POLYSYNC_PARAMS"] = f"{place}/params.json"
            _write(f"{place}/params.json", json.dumps(dict(work.parameters), default=_revealed).encode())
        return variables


def working_folder(work: Work) -> str:
    """Where an attempt runs: its working_dir, `~` and relative paths resolved, else the folder of the configuration."""
    wanted = work.process.working_dir
    if wanted is None:
        return work.folder
    if wanted == "~" or wanted.startswith("~/"):
        wanted = _home_of(work.process.user) + wanted[1:]
    return os.path.join(work.folder, os.path.expanduser(wanted))  # noqa: PTH111, PTH118 - as written, not normalised


def command_of(work: Work, place: str) -> list[str]:
    """The argument list to execute; a script goes through its shell only where it needs one."""
    command = work.command
    if command is None or (command.script is None and not command.argv):
        refuse(f"{work.task} has nothing to execute: set run or command")
    if command.script is None:
        return list(command.argv)
    plain = PLAIN.fullmatch(command.script) if work.process.shell == SHIM_SHELL else None
    if plain:
        return plain[1].split()
    if len(command.script) > LONG_SCRIPT // 4 and len(os.fsencode(command.script)) > LONG_SCRIPT:
        return [work.process.shell, _script_file(work, command.script, place)]
    # A script that begins like an option would be taken for one.
    return [work.process.shell, "-c", "\n" * command.script.startswith(("-", "+")) + command.script]


def _check_command(work: Work, environment: Mapping[str, str], folder: str) -> None:
    """Look for what the command itself starts with."""
    command = work.command
    if command is None or command.script is None:
        check_program(command.argv[0] if command else "", environment, folder)
    elif work.process.shell != SHIM_SHELL or not PLAIN.fullmatch(command.script):
        check_shell(work.process.shell)
    else:
        check_program(command.script.split(None, 1)[0], environment, folder)


def _script_file(work: Work, script: str, place: str) -> str:
    if work.process.user is not None:
        refuse(f"a script of more than {LONG_SCRIPT} bytes cannot run as another user; put it into a file and run that")
    path = f"{place}/script"
    _write(path, os.fsencode(script))
    return path


def _write(path: str, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(path, flags, 0o600), "wb") as file:  # noqa: PTH123 - only `os.open` takes these flags
            file.write(content)
    except OSError as error:
        refuse_error(error, f"write {Path(path).name}")


def _home_of(user: str | None) -> str:
    try:
        return pwd.getpwnam(user.partition(":")[0]).pw_dir if user else str(Path.home())
    except KeyError:
        refuse(f"there is no user {user}; correct user")


def _encoded(words: Sequence[str], noun: str) -> list[bytes]:
    try:
        strings = [word.encode("utf-8", "surrogateescape") for word in words]
    except UnicodeEncodeError as error:
        refuse(f"{noun} cannot be passed to a process: {error.reason} at character {error.start}")
    if b"\0" in b"".join(strings):
        refuse(f"{noun} holds a zero byte, which cannot be passed to a process")
    return strings


def _revealed(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else str(value)
