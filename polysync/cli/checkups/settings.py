"""The configuration: whether it is good, and whether what its tasks execute is there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from polysync.adapters.local.environment import account_of
from polysync.adapters.local.precheck import check_folder, check_program, check_shell
from polysync.cli.checkups.finding import Finding, fail, ok, warn
from polysync.config.decode import Loaded
from polysync.domain.safe_text import safe_text
from polysync.domain.settings import Configuration
from polysync.ports import PortError

SHOWN: Final = 20  # of what is missing


def settings_findings(loaded: Loaded, file: Path) -> Iterator[Finding]:
    """Everything about the configuration."""
    if loaded.config is None:
        first = loaded.errors[0]
        text = f"{file} has {_count(len(loaded.errors), 'error')}, the first: {first}"
        yield fail("configuration", text, "polysync validate shows all of them")
        return
    if loaded.warnings:
        text = f"{file} is valid, with {_count(len(loaded.warnings), 'warning')}"
        yield warn("configuration", text, "polysync validate shows them")
    else:
        yield ok("configuration", f"{file} is valid")
    yield from _work(loaded.config, file.absolute().parent)


def _work(config: Configuration, folder: Path) -> Iterator[Finding]:
    """What tasks and services of this host need, each lack once."""
    needing: dict[str, list[str]] = {}
    both: list[Any] = [*config.tasks.values(), *config.services.values()]
    units = [unit for unit in both if unit.enabled and _local(unit)]
    for unit in units:
        for lack in lacks(unit, folder, os.environ):
            needing.setdefault(lack, []).append(unit.name)
    for lack, names in list(needing.items())[:SHOWN]:
        problem, _, remedy = lack.partition("; ")
        who = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        yield warn("commands", f"{who}: {safe_text(problem)}", safe_text(remedy) or "correct the configuration")
    if len(needing) > SHOWN:
        yield warn("commands", f"{len(needing) - SHOWN} more lacks", "mend these first")
    if not needing:
        yield ok("commands", f"shells, programs, users and folders of {_count(len(units), 'local task')} are there")


def _local(unit: Any) -> bool:
    return getattr(unit, "job", None) is None and getattr(unit, "platform", None) in {None, "local"}


def lacks(unit: Any, folder: Path, env: Mapping[str, str]) -> list[str]:
    """What is missing for a unit to start on this host; the daemon may have another PATH than this shell."""
    where = os.path.join(folder, os.path.expanduser(unit.working_dir or ""))  # noqa: PTH111, PTH118 - as the daemon does it
    path = unit.env.get("PATH") or env.get("PATH", os.defpath)
    checks: list[Callable[[], object]] = [lambda: check_folder(where), lambda: account_of(unit.user)]
    if unit.run is not None:
        checks.append(lambda: check_shell(unit.shell))
    if unit.command and "$" not in unit.command[0]:
        checks.append(lambda: check_program(unit.command[0], path, where))
    return list(dict.fromkeys(lack for check in checks if (lack := _said(check))))


def _said(check: Callable[[], object]) -> str:
    try:
        check()
    except PortError as error:
        return str(error)
    return ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
