"""Where each effective value of a task comes from: its table, a template, [defaults], its job, or nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from polysync.config.decode import Loaded
from polysync.config.gather import Gathered
from polysync.config.layers import JOINED, OWN
from polysync.config.lines import KeyPath, Positions, locate
from polysync.config.secrecy import HIDDEN, masked
from polysync.domain.definition import data_of, resolve_job
from polysync.domain.settings import Configuration, Service
from polysync.domain.shape import keys_of
from polysync.domain.task import Task
from polysync.domain.values import Parameter

BUILT_IN = "default"


@dataclass(frozen=True, slots=True)
class Origin:
    """One effective value, and the place that set it; a built-in default has no place."""

    key: str
    value: Any  # as JSON data, secrets hidden
    source: str  # "task", "service", "template NAME", "[defaults]", "job NAME" or "default"
    file: str = ""
    line: int = 0
    column: int = 0


@dataclass(slots=True)
class _Sources:
    """The tables that may have set a key, nearest first."""

    gathered: Gathered
    layers: list[tuple[str, KeyPath, Mapping[str, Any]]]
    located: dict[str, Positions]

    def find(self, key: KeyPath) -> tuple[str, KeyPath] | None:
        for source, path, raw in self.layers:
            held: Any = raw
            for part in key:
                held = held.get(part) if isinstance(held, Mapping) else None
            if held is not None:
                return source, (*path, *key)
        return None

    def place(self, path: KeyPath) -> tuple[str, int, int]:
        file, inside = self.gathered.findings.origin(path)
        if file not in self.located:
            self.located[file] = locate(self.gathered.texts[file])
        return (file, *self.located[file].key(inside))


def origins(loaded: Loaded, name: str) -> tuple[Origin, ...]:
    """Every key of the task or service `name` with its effective value and the place that set it."""
    config, gathered = loaded.config, loaded.gathered
    if config is None or gathered is None:
        return ()
    unit = config.tasks.get(name) or config.services.get(name)
    if unit is None:
        return ()
    sources = _Sources(gathered, list(_layers(unit, config, gathered)), {})
    return tuple(found for key in keys_of(type(unit)) for found in _of_key(unit, key, sources))


def _layers(
    unit: Task | Service, config: Configuration, gathered: Gathered
) -> Iterator[tuple[str, KeyPath, Mapping[str, Any]]]:
    section = "tasks" if isinstance(unit, Task) else "services"
    yield section[:-1], (section, unit.name), gathered.named[section][unit.name].raw
    raw = gathered.named[section][unit.name].raw
    while isinstance(unit, Task) and "extends" in raw:
        parent = str(raw["extends"])
        raw = gathered.named["tasks"][parent].raw
        yield f"template {parent}", ("tasks", parent), {key: value for key, value in raw.items() if key not in OWN}
    if "defaults" in gathered.single:
        yield "[defaults]", ("defaults",), gathered.single["defaults"].raw
    job = resolve_job(unit.job, config.jobs) if isinstance(unit, Task) and unit.job else None
    if job is not None:
        lent = {key: value for key, value in gathered.named["jobs"][job.name].raw.items() if key in LENT}
        yield f"job {job.name}", ("jobs", job.name), lent


LENT = frozenset({"platform", "contention", "settings", "parameters"})


def _of_key(unit: Task | Service, key: str, sources: _Sources) -> Iterator[Origin]:
    value = getattr(unit, key)
    if key in JOINED and isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield _origin((key, name), f"{key}.{name}", shown(name, item), sources)
        return
    yield _origin((key,), key, data_of(value), sources)


def _origin(path: KeyPath, key: str, value: Any, sources: _Sources) -> Origin:
    found = sources.find(path)
    if found is None:
        return Origin(key, value, BUILT_IN)
    source, where = found
    return Origin(key, value, source, *sources.place(where))


def shown(name: str, value: Any) -> Any:
    """The value of the key `name` as JSON data, its secrets hidden."""
    return masked(name, _parameter(value) if isinstance(value, Parameter) else data_of(value))


def _parameter(value: Parameter) -> Any:
    """A parameter value as it would be written; a sensitive literal is hidden."""
    default = {"default": HIDDEN if value.sensitive else data_of(value.default)} if value.has_default else {}
    if value.vault is not None:
        return value.vault
    if value.upstream is not None:
        return {"from": value.upstream, "output": value.output, **default}
    if value.state is not None:
        return {"state": value.state, **default}
    return HIDDEN if value.sensitive else data_of(value.value)
