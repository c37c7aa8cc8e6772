"""From an attempt to a process: which program with which arguments, environment and folder."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from polysync.adapters.local.cgroup import Cgroups
from polysync.adapters.local.environment import account_of, base_environment
from polysync.adapters.local.limits import Place, plan
from polysync.adapters.local.precheck import (
    check_program,
    check_shell,
    check_sizes,
    check_total,
    refuse,
    refuse_error,
)
from polysync.adapters.local.spawn import Environment, Order
from polysync.domain.task import Process
from polysync.domain.values import Command, EnvBase
from polysync.ports import Secret, Work

SHIM_SHELL: Final = "/bin/sh"
LONG_SCRIPT: Final = 100 << 10  # one argument takes 128 KiB; more goes through a file
# One program by its full path, with words that mean nothing to any shell: a shell would only pass it on.
PLAIN: Final = re.compile(r"\s*(/[A-Za-z0-9_./-]+(?:[ \t]+[A-Za-z0-9_./:@%+,=-]+)*)\s*")
PLAINLY: Final = (None,) * 6  # neither another user nor any limit
COMMENT: Final = re.compile(r"^#.*\n", re.MULTILINE)


def shim_text(descriptors: int | None = None) -> str:
    """The shim, without its comments; it sets this soft limit of open files first, where the daemon has another."""
    text = COMMENT.sub("", files(__package__).joinpath("shim.sh").read_text(encoding="utf-8")).strip()
    return text if descriptors is None else f"ulimit -Sn {descriptors} || exit 125\n{text}"


class Orders:
    """Makes orders, in a thread; what is the same for every attempt is made once."""

    def __init__(self, top: Path, cgroups: Cgroups, shell: str = SHIM_SHELL, descriptors: int | None = None) -> None:
        self._top = top
        self._cgroups = cgroups
        self._shim = [os.fsencode(word) for word in (shell, "-c", shim_text(descriptors), "polysync")]
        self._shim_size = check_sizes(self._shim, "the shim")
        self._bases: dict[EnvBase, _Beginning] = {}

    def order(self, work: Work, place: str, status: int) -> Order:
        """What to start for an attempt whose files are in the folder `place`; everything is looked at before."""
        folder = working_folder(work)
        base, own = self._base(work.process), _own_variables(work, place)
        path = own.get("PATH") or base.path
        argv = command_of(work, place, path, folder)
        if work.parameters:
            _write(f"{place}/params.json", json.dumps(dict(work.parameters), default=_revealed).encode())
        words = _encoded([work.process.stop_signal.value, *self._before(work, place, folder), *argv], "an argument")
        strings = _encoded([f"{name}={value}" for name, value in own.items()], "a variable")
        environment = base.without(own.keys())
        check_total(
            self._shim_size
            + environment.size
            + check_sizes(words, "the argument")
            + check_sizes(strings, "the variable")
        )
        where = os.fsencode(place)
        return Order(
            [*self._shim, *words],
            environment.block,
            strings,
            os.fsencode(folder),
            where + b"/out",
            where + b"/err",
            status,
        )

    def _before(self, work: Work, place: str, folder: str) -> tuple[str, ...]:
        """What has to stand before the command; the last thing to ask, because it hands over files to their user."""
        wanted = work.process
        if (wanted.user, wanted.umask, wanted.nice, wanted.memory_max, wanted.cpu_max, wanted.max_processes) == PLAINLY:
            return ()
        whereabouts = Place(token=work.token, files=Path(place), directory=folder, top=self._top)
        return plan(wanted, whereabouts, self._cgroups).before

    def _base(self, process: Process) -> _Beginning:
        if process.user is not None:  # the user database may change, and it is rare
            return _Beginning(base_environment(process.env_base, process.user))
        known = self._bases.get(process.env_base)
        if known is None:
            known = self._bases[process.env_base] = _Beginning(base_environment(process.env_base))
        return known


class _Beginning:
    """The environment that a process begins with, ready to be handed over."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.path = variables.get("PATH", os.defpath)
        strings = [os.fsencode(f"{name}={value}") for name, value in variables.items()]
        self.size = check_sizes(strings, "the variable")
        self.block = Environment(strings)

    def without(self, names: AbstractSet[str]) -> _Beginning:
        """The same without what a task sets itself."""
        if self._variables.keys().isdisjoint(names):
            return self
        return _Beginning({name: value for name, value in self._variables.items() if name not in names})


def _own_variables(work: Work, place: str) -> dict[str, str]:
    variables = {n: v.reveal() if isinstance(v, Secret) else v for n, v in work.environment.items()}
    variables["POLYSYNC_TOKEN"] = work.token
    variables["POLYSYNC_REPORT"] = f"{place}/report"
    if work.parameters:
        variables["POLYSYNC_PARAMS"] = f"{place}/params.json"
    return variables


def working_folder(work: Work) -> str:
    """Where an attempt runs: its working_dir, `~` and relative paths resolved, else the folder of the configuration."""
    wanted = work.process.working_dir
    if wanted is None:
        return work.folder
    if wanted == "~" or wanted.startswith("~/"):
        wanted = _home_of(work.process.user) + wanted[1:]
    return os.path.join(work.folder, os.path.expanduser(wanted))  # noqa: PTH111, PTH118 - as written, not normalised


def command_of(work: Work, place: str, path: str, folder: str) -> list[str]:
    """The argument list to execute, whose program is there; a script goes through its shell where it needs one."""
    command, shell = work.command or Command(), work.process.shell
    script = command.script
    if script is None:
        if not command.argv:
            refuse(f"{work.task} has nothing to execute; set run or command")
        check_program(command.argv[0], path, folder)
        return list(command.argv)
    plain = PLAIN.fullmatch(script) if shell == SHIM_SHELL else None
    if plain:
        words = plain[1].split()
        check_program(words[0], path, folder)
        return words
    check_shell(shell)
    if len(script) > LONG_SCRIPT // 4 and len(os.fsencode(script)) > LONG_SCRIPT:
        return [shell, _script_file(work, script, place)]
    # A script that begins like an option would be taken for one.
    return [shell, "-c", "\n" * script.startswith(("-", "+")) + script]


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
    account = account_of(user)
    return str(Path.home()) if account is None else account.home


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
