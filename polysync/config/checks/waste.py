"""What is allowed and probably not meant: tasks that nothing starts, templates nobody uses, secrets in the open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from polysync.config.checks.survey import Survey, spoken
from polysync.config.gather import Gathered, Table
from polysync.config.layers import Unit
from polysync.config.lines import KeyPath
from polysync.config.secrecy import is_literal_secret
from polysync.config.suggest import Pool
from polysync.domain.settings import Platform
from polysync.domain.shape import keys_of
from polysync.domain.task import Task
from polysync.domain.values import OnShutdown, OnStart

PLATFORM_KEYS: Final = Pool(
    key
    for key in keys_of(Platform)
    if len(key) > 4 and key != "options"  # shorter ones are near to anything
)


def check(survey: Survey) -> None:
    """Warnings, none of which refuses the file."""
    webhooks = {webhook.task for webhook in survey.config.webhooks.values()}
    extended = {unit.said.values.get("extends") for unit in survey.tasks.values()}
    for name, unit in survey.tasks.items():
        if name in survey.templates:
            if unit.made.cron and name not in extended:
                message = "a template with a schedule that no task extends"
                survey.findings.warn((*unit.path, "cron"), message, "templates never run", on_key=True)
        elif name not in webhooks and _dead(unit.made):
            hint = "give it a cron, watch or depends_on, or set api_trigger = true"
            survey.findings.warn(unit.path, "nothing can start this task", hint, on_key=True)
    _shutdown(survey)
    _option_slips(survey)
    for path in open_secrets(survey.tables, survey.listed):
        survey.findings.warn(path, "a secret in the open", 'refer to a vault: "vault://VAULT/SECRET", or use ${file:…}')


def _dead(task: Task) -> bool:
    starts = task.cron or task.watch or task.on_event or task.run_on_start is not OnStart.NO
    return not (task.api_trigger or starts or (task.depends_on and task.depends_trigger))


def _shutdown(survey: Survey) -> None:
    daemon = survey.config.daemon
    units = [*survey.services.values()]
    if daemon.on_shutdown is OnShutdown.STOP:
        units += [unit for name, unit in survey.tasks.items() if name not in survey.templates]
    for unit in units:
        if unit.made.graceful_stop > daemon.shutdown_timeout and _bites(unit):
            hint = "lengthen [daemon] shutdown_timeout, or shorten graceful_stop"
            survey.findings.warn(
                spoken(unit, "graceful_stop", survey), "is longer than shutdown_timeout, which cuts it", hint
            )


def _bites(unit: Unit) -> bool:
    return bool(unit.made.enabled)


def _option_slips(survey: Survey) -> None:
    """A key that looks like a slip of a known one, in a kind of platform that takes any key."""
    for name, platform in survey.config.platforms.items():
        for option in platform.options:
            guess = PLATFORM_KEYS.slip(option)
            if guess is not None:
                message = "is passed to the platform as a key of its own"
                survey.findings.warn(("platforms", name, option), message, f"did you mean {guess}?", on_key=True)


def open_secrets(named: Mapping[str, Mapping[str, Table]], listed: Mapping[str, Sequence[Table]]) -> Iterator[KeyPath]:
    """Where a literal stands in a field that by its name holds a secret."""
    for section in ("platforms", "vaults", "webhooks"):
        for table in named[section].values():
            yield from _literals(table.raw, table.path)
    for table in listed["notifier"]:
        yield from _literals(table.raw, table.path)


def open_secrets_of(gathered: Gathered) -> set[str]:
    """The files in which such a literal stands."""
    paths = [*open_secrets(gathered.named, gathered.listed)]
    for table in (*gathered.named["tasks"].values(), *gathered.named["services"].values()):
        if isinstance(table.raw, dict) and "env" in table.raw:
            paths += _literals(table.raw["env"], (*table.path, "env"))
    return {gathered.findings.origin(path)[0] for path in paths}


def _literals(raw: Any, path: KeyPath) -> Iterator[KeyPath]:
    if not isinstance(raw, Mapping):
        return
    for name, value in raw.items():
        if isinstance(value, Mapping):
            yield from _literals(value, (*path, name))
        elif is_literal_secret(name, value):
            yield (*path, name)
