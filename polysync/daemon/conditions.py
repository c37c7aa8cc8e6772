"""What the work of a task finds when it begins here: looked up as an attempt would, and told without its values."""

from __future__ import annotations

import grp
import os
import pwd
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from polysync.adapters.local.environment import Account, account_of, base_environment
from polysync.adapters.local.order import working_folder
from polysync.daemon.env_file import read_env_file
from polysync.domain.errors import ValueProblem
from polysync.domain.params import env_names
from polysync.domain.task import Task
from polysync.ports import PortError, Work

# Values that anybody on the host can see anyway, and that decide whether a script finds what it needs.
TOLD: Final = frozenset({"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "PWD"})
OURS: Final = ("POLYSYNC_RUN_ID", "POLYSYNC_TASK", "POLYSYNC_REPORT", "POLYSYNC_SOCKET")
UMASK: Final = re.compile(r"^Umask:\s*([0-7]+)$", re.MULTILINE)


def conditions_of(task: Task, folder: Path) -> Mapping[str, Any]:
    """User, folder, shell, limits and variables; `PortError` where an attempt could not begin either."""
    account = account_of(task.user)
    variables = _variables(task, folder)
    work = Work(token="", run_id=0, number=0, task=task.name, type="shell", process=task, folder=str(folder))
    return {
        "task": task.name,
        "user": account.name if account is not None else _own_name(),
        "group": _group(account),
        "folder": working_folder(work),
        "shell": task.shell if task.run is not None else None,
        "umask": task.umask or _own_umask(),
        "path": variables.get("PATH") or os.defpath,
        "env_base": task.env_base,
        "variables": {name: value if _is_told(name) else None for name, value in sorted(variables.items())},
        "env_file": task.env_file,
        "terminal": False,
        "limits": _limits(task),
    }


def _variables(task: Task, folder: Path) -> dict[str, str]:
    made = base_environment(task.env_base, task.user)
    try:
        for name in task.env_file:
            made |= read_env_file(folder / name)
        parameters = env_names(task.parameters).values()
    except ValueProblem as problem:
        raise PortError(problem.message, permanent=True) from problem
    return {**made, **task.env, **dict.fromkeys(_names(task.secrets, parameters), "")}


def _names(secrets: Iterable[str], parameters: Iterable[str]) -> list[str]:
    return [*secrets, *parameters, *OURS]


def _is_told(name: str) -> bool:
    return name in TOLD or name.startswith("LC_")


def _limits(task: Task) -> dict[str, Any]:
    spans = {"timeout": task.timeout, "max_duration": task.max_duration}
    return {
        **{name: None if span is None else span.total_seconds() for name, span in spans.items()},
        "nice": task.nice,
        "memory_max": task.memory_max,
        "cpu_max": task.cpu_max,
        "max_processes": task.max_processes,
    }


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container may run a number that nobody has given a name
        return str(os.geteuid())


def _group(account: Account | None) -> str:
    number = os.getegid() if account is None else account.gid
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _own_umask() -> str:
    """Read where it can be read without setting it, which another thread would feel."""
    found = UMASK.search(Path("/proc/self/status").read_text(encoding="ascii", errors="replace"))
    return found[1].zfill(3)[-3:] if found else "022"
