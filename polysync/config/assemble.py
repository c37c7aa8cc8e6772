"""Every table of a configuration decoded and put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from polysync.config.calendars import with_events
from polysync.config.gather import Gathered, Table
from polysync.config.layers import NOTHING, Chains, Layer, Unit, decode_defaults, over, own_layers, service_of, task_of
from polysync.config.tables import build, decode_keys, whole, with_options
from polysync.config.wording import dotted
from polysync.domain.definition import resolve_job
from polysync.domain.errors import ValueProblem
from polysync.domain.settings import (
    Access,
    Api,
    Calendar,
    Configuration,
    Daemon,
    Notifier,
    Notify,
    Platform,
    Profile,
    Route,
    Scheduler,
    Service,
    Storage,
    Vault,
    Webhook,
)
from polysync.domain.task import Job, Task
from polysync.domain.values import Parameter, ParamType

SINGLE: Final[Mapping[str, type[Any]]] = {
    "daemon": Daemon,
    "scheduler": Scheduler,
    "storage": Storage,
    "api": Api,
    "access": Access,
    "notify": Notify,
}
Whole = Callable[..., Any]
NAMED: Final[Mapping[str, tuple[Whole, type[Any]]]] = {
    "vaults": (with_options, Vault),
    "platforms": (with_options, Platform),
    "contention": (whole, Profile),
    "calendars": (whole, Calendar),
    "jobs": (whole, Job),
    "webhooks": (whole, Webhook),
}
LISTED: Final[Mapping[str, tuple[Whole, type[Any]]]] = {"notifier": (with_options, Notifier), "route": (whole, Route)}


@dataclass(frozen=True, slots=True)
class Assembled:
    """A configuration that has still to be checked as a whole, and what its tasks and services said."""

    config: Configuration
    tasks: Mapping[str, Unit]
    services: Mapping[str, Unit]


def assemble(gathered: Gathered, host_zone: str) -> Assembled:
    """All tables of `gathered` as definitions; what does not decode is left out, with findings."""
    single: dict[str, Any] = {
        name: _single(gathered.single[name], SINGLE[name]) for name in SINGLE if name in gathered.single
    }
    named: dict[str, Any] = {section: _named(gathered.named[section], *how) for section, how in NAMED.items()}
    listed: dict[str, Any] = {section: _listed(gathered.listed[section], *how) for section, how in LISTED.items()}
    named["calendars"] = {
        name: with_events(calendar, gathered.named["calendars"][name]) for name, calendar in named["calendars"].items()
    }
    defaults = _defaults(gathered)
    tasks = _tasks(gathered, defaults, named["jobs"])
    own = own_layers(gathered.named["services"], Service)
    services = {name: service_of(name, layer, defaults) for name, layer in own.items()}
    config = Configuration(
        include=gathered.include,
        tasks={name: unit.made for name, unit in tasks.items()},
        services={name: unit.made for name, unit in services.items()},
        **single,
        **named,
        **listed,
    )
    return Assembled(replace(config, zone=config.scheduler.timezone or host_zone), tasks, services)


def _single(table: Table, definition: type[Any]) -> Any:
    try:
        return definition(**decode_keys(table.raw, definition, table.path, table.context))
    except ValueProblem as problem:
        table.context.findings.error(table.path, problem.message, f"write [{dotted(table.path)}]", on_key=True)
        return definition()


def _one(table: Table, how: Whole, definition: type[Any], **fixed: Any) -> Any:
    try:
        return how(table.raw, definition, table.path, table.context, **fixed)
    except ValueProblem as problem:
        table.context.findings.value_problem(table.path, problem)
        return None


def _named(tables: Mapping[str, Table], how: Whole, definition: type[Any]) -> dict[str, Any]:
    made = {name: _one(table, how, definition, name=name) for name, table in tables.items()}
    return {name: one for name, one in made.items() if one is not None}


def _listed(tables: list[Table], how: Whole, definition: type[Any]) -> tuple[Any, ...]:
    made = (_one(table, how, definition) for table in tables)
    return tuple(one for one in made if one is not None)


def _defaults(gathered: Gathered) -> Layer:
    table = gathered.single.get("defaults")
    if table is None:
        return NOTHING
    try:
        return decode_defaults(table)
    except ValueProblem as problem:
        table.context.findings.value_problem(table.path, problem)
        return NOTHING


def _tasks(gathered: Gathered, defaults: Layer, jobs: Mapping[str, Job]) -> dict[str, Unit]:
    own = own_layers(gathered.named["tasks"], Task)
    chains = Chains(own, gathered.findings)
    said = {name: over(chains.inherited(name), layer) for name, layer in own.items()}
    bound = {name: _job(layer, jobs) for name, layer in said.items()}
    made = {name: task_of(name, layer, defaults, bound[name]) for name, layer in said.items()}
    for name, unit in made.items():
        if unit.made.parameters and any(one.upstream is not None for one in unit.made.parameters.values()):
            made[name] = _discreet(unit, bound)
    return made


def _discreet(unit: Unit, bound: Mapping[str, Job | None]) -> Unit:
    """A task whose parameters are as sensitive as the outputs that they are taken from."""
    parameters = {name: _as_secret_as(one, bound) for name, one in unit.made.parameters.items()}
    if parameters == unit.made.parameters:
        return unit
    return replace(unit, made=build(Task, {**vars(unit.made), "parameters": parameters}))


def _as_secret_as(own: Parameter, bound: Mapping[str, Job | None]) -> Parameter:
    job = bound.get(own.upstream) if own.upstream is not None else None
    entry = job.parameters.get(own.output or "") if job is not None else None
    secret = entry is not None and (entry.sensitive or entry.type is ParamType.SECRET)
    return replace(own, sensitive=True) if secret else own


def _job(layer: Layer, jobs: Mapping[str, Job]) -> Job | None:
    name = layer.values.get("job")
    return resolve_job(name, jobs) if name else None
