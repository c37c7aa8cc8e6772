"""What all attempts of one definition on one platform have in common, worked out once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from polysync.config.secrecy import is_literal_secret
from polysync.daemon.platforms import platform_named
from polysync.domain.definition import Definition
from polysync.domain.params import VAULT, kind_of
from polysync.domain.run import Reason
from polysync.domain.settings import Configuration
from polysync.domain.task import Job, JobParameter, Task
from polysync.domain.values import Command, Direction, ParamType
from polysync.domain.variables import mentions, templated
from polysync.ports import PortError

SHELL: Final = "shell"  # the type of work that is a script or a command


@dataclass(frozen=True, slots=True)
class Recipe:
    """What all attempts of one definition on one platform have in common."""

    task: Task
    type: str
    external_id: str | None
    zone: str
    command: Command | None
    settings: Mapping[str, Any]  # of the task over those of the job
    below: Mapping[str, Any]  # those of the platform, in which nothing is filled in
    schema: Mapping[str, JobParameter]
    templated: tuple[str, ...]  # parameters with something to fill in
    vaults: Mapping[str, str]  # references, by parameter
    states: Mapping[str, str]  # keys of the state store, by parameter
    sensitive: frozenset[str]
    filling: bool  # something in command or settings is to be filled in
    fetching: bool  # settings, or the platform's, refer to a vault
    secretive: bool  # something in all this is secret


def recipe_of(definition: Definition, platform: str, configuration: Configuration) -> Recipe:
    """What attempts under `definition` on `platform` have in common; only the zone is that of today."""
    task, job, there = definition
    if task.job and job is None:
        raise start_failed(f"the job {task.job} is not in the configuration any more")
    if there is None or there.name != platform:  # what the task requires has chosen another
        there = platform_named(platform, configuration)
    settings = {**job.settings, **task.settings} if job is not None else task.settings
    below = there.options if there is not None else {}
    schema = job.parameters if job is not None else {}
    command = _command(task)
    sensitive, fetching = sensitive_names(task, schema), _refers(settings) or _refers(below)
    return Recipe(
        task,
        job.type if job is not None else SHELL,
        job.external_id if job is not None else None,
        task.timezone or configuration.zone,
        command,
        settings,
        below,
        schema,
        templated(task.parameters),
        _vault_references(task, job),
        {name: own.state for name, own in task.parameters.items() if own.state is not None},
        sensitive,
        (command is not None and mentions(command.argv)) or mentions(settings),
        fetching,
        bool(task.secrets or sensitive or fetching or any(named_secrets({**below, **settings}))),
    )


def _command(task: Task) -> Command | None:
    if task.command is not None:
        return Command(argv=task.command)
    return None if task.run is None else Command(script=task.run)


def _vault_references(task: Task, job: Job | None) -> dict[str, str]:
    """The references that a run without overrides opens, by parameter."""
    found = {}
    for name, entry in job.parameters.items() if job is not None else ():
        default = entry.default
        if isinstance(default, str) and default.startswith(VAULT) and entry.direction is not Direction.OUT:
            found[name] = default
    for name, own in task.parameters.items():
        found.pop(name, None)
        if own.vault is not None:
            found[name] = own.vault
    return found


def sensitive_names(task: Task, schema: Mapping[str, JobParameter]) -> frozenset[str]:
    """The parameters whose values are shown as stars."""
    found = set(secret_names(task, schema))
    for name in {**schema, **task.parameters}:
        own, entry = task.parameters.get(name), schema.get(name)
        if (own is not None and own.sensitive) or (entry is not None and entry.sensitive):
            found.add(name)
    return frozenset(found)


def secret_names(task: Task, schema: Mapping[str, JobParameter]) -> frozenset[str]:
    """Those among them that are secrets, or name one in a vault: nobody ever sees their values."""
    found = set(_vault_references(task, None))
    for name in {**schema, **task.parameters}:
        own, entry = task.parameters.get(name), schema.get(name)
        default = entry.default if entry is not None and own is None else None
        vaulted = isinstance(default, str) and default.startswith(VAULT)
        if vaulted or kind_of(own, entry) is ParamType.SECRET:
            found.add(name)
    return frozenset(found)


def named_secrets(settings: Any, name: str = "") -> Iterator[str]:
    """What stands in settings under the name of a secret, in the open; `validate` warns of it."""
    if isinstance(settings, str) and is_literal_secret(name, settings):
        yield settings
    named = settings.items() if isinstance(settings, Mapping) else ()
    for key, value in named:
        yield from named_secrets(value, key)
    for item in settings if isinstance(settings, list | tuple) else ():
        yield from named_secrets(item, name)


def _refers(value: Any) -> bool:
    if isinstance(value, str):
        return value.startswith(VAULT)
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return any(map(_refers, items))


def start_failed(message: str) -> PortError:
    """The error by which an attempt ends as `start_failed`: no other try can help."""
    return PortError(message, permanent=True, reason=Reason.START_FAILED)
