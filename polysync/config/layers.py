"""What a task or service comes to: [defaults], then its templates, then its own table, then its job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from polysync.config.findings import Findings
from polysync.config.gather import Table
from polysync.config.lines import KeyPath
from polysync.config.shapes import wrong_kind
from polysync.config.tables import build, decode_keys
from polysync.config.unknown import TABLES, unknown_key
from polysync.domain.cron import REBOOT
from polysync.domain.errors import ValueProblem
from polysync.domain.placement import LOCAL
from polysync.domain.settings import Service
from polysync.domain.shape import keys_of
from polysync.domain.task import Job, JobParameter, NotifyOn, RetryOn, RetryOverride, Task
from polysync.domain.values import Direction, Mode, OnStart, Parameter, ParamType

EXECUTABLES: Final = ("run", "command", "job")
OWN: Final = frozenset({"mode", "extends"})  # a template does not hand these down
JOINED: Final = ("env", "secrets", "parameters", "settings", "retry_on", "notify_on")  # merged key by key


@dataclass(frozen=True, slots=True)
class Layer:
    """Decoded keys, and the raw table they were written in (for what was said, though wrong)."""

    values: Mapping[str, Any]
    raw: Mapping[str, Any]


NOTHING: Final = Layer({}, {})


@dataclass(frozen=True, slots=True)
class Unit:
    """A task or service put together; `said` leaves out what only [defaults] said."""

    path: KeyPath
    said: Layer
    made: Any


def decode_defaults(table: Table) -> Layer:
    """[defaults]: only the keys that say so may stand there."""
    if type(table.raw) is not dict:
        raise wrong_kind("a table", table.raw)
    fine: dict[str, Any] = {}
    for name, value in table.raw.items():
        known = keys_of(Task).get(name)
        if known is not None and known[0].inherit:
            fine[name] = value
        else:
            _refuse_default(name, table)
    return Layer(decode_keys(fine, Task, table.path, table.context), fine)


def _refuse_default(name: str, table: Table) -> None:
    homes = [said for said, definition in TABLES[:2] if name in keys_of(definition)]
    findings = table.context.findings
    if homes:
        findings.error((*table.path, name), "cannot be a default", f"it belongs in {' or '.join(homes)}", on_key=True)
    else:
        unknown_key(name, Task, table.path, findings)


def own_layers(tables: Mapping[str, Table], definition: type[Any]) -> dict[str, Layer]:
    """The keys of each table by itself; what is no table is left out, with a finding."""
    layers = {}
    for name, table in tables.items():
        try:
            layers[name] = Layer(decode_keys(table.raw, definition, table.path, table.context), table.raw)
        except ValueProblem as problem:
            table.context.findings.value_problem(table.path, problem)
    return layers


def over(below: Layer, above: Layer) -> Layer:
    """Both layers, where the upper one decides; tables of names are merged key by key."""
    if not below.values:
        return above
    values, raw = merged(below.values, above), {**below.raw, **above.raw}
    if any(name in above.raw for name in EXECUTABLES):
        for name in EXECUTABLES:
            if name not in above.raw:
                values.pop(name, None)
                raw.pop(name, None)
    return Layer(values, raw)


def merged(below: Mapping[str, Any], above: Layer) -> dict[str, Any]:
    """The values of both, where the upper one decides; tables of names are merged key by key."""
    values = {**below, **above.values}
    for name in JOINED:
        if name in below and name in above.values:
            values[name] = _joined(below[name], above.values[name], above.raw[name])
    return values


def _joined(below: Any, above: Any, raw: Any) -> Any:
    if isinstance(above, RetryOn):
        return replace(
            above, **{name: _policy(getattr(below, name), getattr(above, name)) for name in keys_of(RetryOn)}
        )
    if isinstance(above, NotifyOn):
        return replace(above, **{name: getattr(below, name) for name in keys_of(NotifyOn) if name not in raw})
    return {**below, **above}


def _policy(below: RetryOverride | None, above: RetryOverride | None) -> RetryOverride | None:
    if below is None or above is None:
        return above or below
    unset = {name: getattr(below, name) for name in keys_of(RetryOverride) if getattr(above, name) is None}
    return replace(above, **unset)


@dataclass(slots=True)
class Chains:
    """The templates of each task, each chain of `extends` followed once."""

    own: Mapping[str, Layer]
    findings: Findings
    known: dict[str, Layer] = field(default_factory=dict)
    circles: set[str] = field(default_factory=set)

    def inherited(self, name: str, trail: tuple[str, ...] = ()) -> Layer:
        """What `name` has from its templates, without its own keys."""
        parent = self.own[name].values.get("extends")
        if parent is None or parent not in self.own:
            return NOTHING
        if parent in (*trail, name):
            self._circle((*trail, name)[(*trail, name).index(parent) :])
            return NOTHING
        if parent not in self.known:
            self.known[parent] = self._handed_down(parent, (*trail, name))
        return self.known[parent]

    def _circle(self, ring: tuple[str, ...]) -> None:
        first = min(ring, key=list(self.own).index)
        at = ring.index(first)
        circle = " -> ".join((*ring[at:], *ring[:at], first))
        if first not in self.circles:
            self.circles.add(first)
            self.findings.error(("tasks", first, "extends"), f"extends itself: {circle}", "break the circle")

    def _handed_down(self, name: str, trail: tuple[str, ...]) -> Layer:
        layer = over(self.inherited(name, trail), self.own[name])
        values = {key: value for key, value in layer.values.items() if key not in OWN}
        return Layer(values, {key: value for key, value in layer.raw.items() if key not in OWN})


def service_of(name: str, own: Layer, defaults: Layer) -> Unit:
    """A service from its own keys over the defaults that it has keys for."""
    fitting = {key: value for key, value in defaults.values.items() if key in keys_of(Service)}
    return Unit(("services", name), own, build(Service, {**merged(fitting, own), "name": name}))


def task_of(name: str, said: Layer, defaults: Layer, job: Job | None) -> Unit:
    """A task from what its table and templates said, over the defaults and under its job."""
    values = merged(defaults.values, said)
    values["name"] = name
    _settle_reboot(values)
    if job is not None:
        _take_from_job(values, job)
    return Unit(("tasks", name), said, build(Task, values))


def _settle_reboot(values: dict[str, Any]) -> None:
    """`cron = "@reboot"` is another way to write `run_on_start = "boot"`."""
    crons = values.get("cron", ())
    if crons and any(map(is_reboot, crons)):
        values["cron"] = tuple(text for text in crons if not is_reboot(text))
        if values.get("run_on_start", OnStart.NO) is OnStart.NO:
            values["run_on_start"] = OnStart.BOOT


def is_reboot(text: str) -> bool:
    """Whether a cron expression means the start of the host."""
    return text.strip().lower() == REBOOT


def _take_from_job(values: dict[str, Any], job: Job) -> None:
    if job.platform != LOCAL:  # else requirements may still choose another
        values.setdefault("platform", job.platform)
    if job.contention:
        values["contention"] = tuple(dict.fromkeys((*job.contention, *values.get("contention", ()))))
    if job.settings:
        values["settings"] = {**job.settings, **values.get("settings", {})}
    if job.parameters:
        values["parameters"] = _parameters(values.get("parameters", {}), job.parameters)


def _parameters(given: Mapping[str, Parameter], schema: Mapping[str, JobParameter]) -> Mapping[str, Parameter]:
    made = dict(given)
    for name, entry in schema.items():
        if name in made:
            made[name] = _typed(made[name], entry)
        elif entry.default is not None and entry.direction is not Direction.OUT:
            made[name] = _typed(_from_default(entry.default), entry)
    return made


def _from_default(default: Any) -> Parameter:
    if isinstance(default, str) and default.startswith("vault://"):
        return Parameter(vault=default)
    return Parameter(value=default)


def _typed(parameter: Parameter, entry: JobParameter) -> Parameter:
    hidden = parameter.sensitive or entry.sensitive or entry.type is ParamType.SECRET
    if hidden is parameter.sensitive and parameter.type is entry.type:
        return parameter
    return replace(parameter, type=parameter.type or entry.type, sensitive=hidden)


def is_template(layer: Layer) -> bool:
    """Whether a task only lends its keys."""
    return cast("Mode", layer.values.get("mode", Mode.RUN)) is Mode.TEMPLATE
