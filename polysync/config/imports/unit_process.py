"""Directives that describe a process: environment, user, limits, signals."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from polysync.config.imports.findings import Finding, adjusted, kept, noted, skipped
from polysync.config.imports.unit_values import Specifiers, size, span, words
from polysync.config.imports.wording import names_secret
from polysync.domain.errors import ValueProblem
from polysync.domain.values import Signal

Rule = Callable[[str, Specifiers], Finding]

SYSTEMD_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\$?", re.ASCII)
_DAY: Final = timedelta(days=1)
_SMALLEST_MEMORY: Final = 1 << 20
_MOST_PROCESSES: Final = 4_194_304


def _environment(value: str, specifiers: Specifiers) -> Finding:
    env, secret = {}, []
    for word in words(value):
        name, equals, text = word.partition("=")
        if not equals or not _NAME.fullmatch(name) or name.startswith("POLYSYNC_"):
            raise ValueProblem("it is not a list of NAME=value with names that are possible here")
        env[name] = specifiers.resolve(text)
        secret += [name] if names_secret(name) else []
    if secret:
        return adjusted(
            f"becomes env; {', '.join(secret)} looks like a secret: keep it in a vault and use secrets", env=env
        )
    return kept(env=env)


def _environment_file(value: str, specifiers: Specifiers) -> Finding:
    path = specifiers.resolve(value.removeprefix("-"))
    if not path.startswith("/") or re.search(r"[*?\[]", path):
        return skipped("only a single absolute path can become env_file; name the files by hand")
    if value.startswith("-"):
        return adjusted(
            "becomes env_file; systemd forgave a missing file, so make sure that it exists", env_file=[path]
        )
    return kept(env_file=[path])


def _working_dir(value: str, specifiers: Specifiers) -> Finding:
    path = specifiers.resolve(value.removeprefix("-"))
    if not path.startswith("/") and path != "~":
        return skipped("not an absolute path")
    if value.startswith("-"):
        return adjusted("becomes working_dir; systemd forgave a missing folder, here it is an error", working_dir=path)
    return kept(working_dir=path)


def _user(value: str, specifiers: Specifiers) -> Finding:
    name = specifiers.resolve(value)
    if not _ACCOUNT.fullmatch(name):
        return skipped("not a user name that is known here; set user by hand")
    return adjusted("becomes user; the daemon must run as root for it", _user=name)


def _group(value: str, specifiers: Specifiers) -> Finding:
    name = specifiers.resolve(value)
    if not _ACCOUNT.fullmatch(name):
        return skipped("not a group name that is known here; set user by hand")
    return Finding({"_group": name}, reason="becomes the group in user")


def _umask(value: str, _specifiers: Specifiers) -> Finding:
    if not re.fullmatch(r"0?[0-7]{1,3}", value, re.ASCII):
        return skipped("not an octal mask up to 0777")
    return kept(umask=f"0{int(value, 8):03o}")


def _nice(value: str, _specifiers: Specifiers) -> Finding:
    if not re.fullmatch(r"[+-]?\d{1,2}", value, re.ASCII) or not -20 <= int(value) <= 19:
        return skipped("not a number from -20 to 19")
    return kept(nice=int(value))


def _memory(value: str, _specifiers: Specifiers) -> Finding:
    if value.endswith("%"):
        return skipped("a share of the host's memory; write memory_max as a size")
    limit = size(value)
    if limit is None:
        return noted("no limit, as here by default")
    if limit < _SMALLEST_MEMORY:
        return skipped("less than 1 MB; write memory_max by hand")
    return kept(memory_max=f"{limit}b" if limit % (1 << 20) else f"{limit >> 20}mb")


def _cpu(value: str, _specifiers: Specifiers) -> Finding:
    if not re.fullmatch(r"\d{1,6}(?:\.\d{1,3})?%", value, re.ASCII) or float(value[:-1]) == 0:
        return skipped("not a percentage")
    return kept(cpu_max=value)


def _processes(value: str, _specifiers: Specifiers) -> Finding:
    if value == "infinity":
        return noted("no limit, as here by default")
    if not re.fullmatch(r"\d{1,7}", value, re.ASCII) or not 1 <= int(value) <= _MOST_PROCESSES:
        return skipped("not a number of processes; set max_processes by hand")
    return kept(max_processes=int(value))


def _stop_timeout(value: str, _specifiers: Specifiers) -> Finding:
    length = span(value)
    if length is None or length > _DAY:
        return adjusted("becomes graceful_stop of one day, the longest there is", graceful_stop=_DAY)
    return kept(graceful_stop=length)


def _signal(value: str, _specifiers: Specifiers) -> Finding:
    name = value.removeprefix("SIG")
    if name not in Signal.__members__:
        return adjusted(f"{value} cannot be the stop signal here; TERM is", stop_signal="TERM")
    return kept(stop_signal=name)


def _kill_mode(value: str, _specifiers: Specifiers) -> Finding:
    if value == "control-group":
        return noted("the whole process group is stopped, as here always")
    return noted(f"{value}: here the stop signal and SIGKILL always go to the whole process group")


def _dynamic_user(_value: str, _specifiers: Specifiers) -> Finding:
    return skipped("there are no dynamic users; create one and set user")


def _output(value: str, _specifiers: Specifiers) -> Finding:
    if value.startswith(("file:", "append:", "truncate:", "socket", "fd:", "tty")):
        return skipped("output is captured as the log of the run; redirect it in a script if it must go elsewhere")
    return noted("output is captured as the log of the run: polysync logs")


RULES: Final[dict[str, Rule]] = {
    "Environment": _environment,
    "EnvironmentFile": _environment_file,
    "WorkingDirectory": _working_dir,
    "User": _user,
    "Group": _group,
    "UMask": _umask,
    "Nice": _nice,
    "MemoryMax": _memory,
    "MemoryLimit": _memory,
    "CPUQuota": _cpu,
    "TasksMax": _processes,
    "TimeoutStopSec": _stop_timeout,
    "KillSignal": _signal,
    "KillMode": _kill_mode,
    "DynamicUser": _dynamic_user,
    "StandardOutput": _output,
    "StandardError": _output,
}
