"""systemd timers and services as a polysync.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from polysync.config.imports.findings import Finding
from polysync.config.imports.naming import Names, fit
from polysync.config.imports.ordering import without_circles
from polysync.config.imports.render import Table, document
from polysync.config.imports.unit_file import Directive, Unit, read_unit
from polysync.config.imports.unit_service import Converted, Role, convert, kind_of
from polysync.config.imports.unit_timer import read_timer, target
from polysync.config.imports.verdict import Imported, Mark, Verdict
from polysync.config.imports.wording import entry_text, names_secret
from polysync.domain.errors import ValueProblem

_OTHER_UNITS: Final = {
    "path": "a path unit; write a task with watch = { paths = […] }",
    "socket": "a socket unit; there is no socket activation",
    "target": "a target; order services with depends_on",
    "mount": "a mount unit; it stays with systemd",
    "automount": "a mount unit; it stays with systemd",
    "slice": "a slice; limits are keys of each task",
}
_SHUTDOWN: Final = timedelta(seconds=30)  # the default budget of the daemon
_ONCE_MORE: Final = "when it is live, or it runs twice"


def companions(name: str, text: str) -> tuple[str, ...]:
    """The other unit files that an import of this one wants to see."""
    if not name.endswith(".timer"):
        return ()
    return (target(read_unit(name, text)),)


def _sorted_out(units: Mapping[str, str]) -> dict[str, Unit]:
    """Units by name, each with those drop-ins that were given."""
    dropins: dict[str, dict[str, str]] = {}
    texts: dict[str, str] = {}
    for path, text in units.items():
        folder, _, name = path.rpartition("/")
        if name.endswith(".conf") and folder.endswith(".d"):
            dropins.setdefault(folder.rpartition("/")[2].removesuffix(".d"), {})[path] = text
        else:
            texts[name] = text
    for name in dropins.keys() - texts.keys():
        texts[name] = ""
    return {name: read_unit(name, texts[name], dropins.get(name)) for name in sorted(texts)}


@dataclass(slots=True)
class _Import:
    """The units read so far."""

    units: dict[str, Unit]
    names: Names = field(default_factory=Names)
    tasks: list[Table] = field(default_factory=list)
    services: dict[str, tuple[Unit, str, dict[str, Any]]] = field(default_factory=dict)  # by unit name
    verdicts: list[Verdict] = field(default_factory=list)

    def say(self, unit: Unit, mark: Mark, reason: str, name: str | None = None) -> None:
        self.verdicts.append(Verdict(unit.name, 0, entry_text(unit.name), mark, name, reason))

    def faults(self, unit: Unit) -> None:
        for fault in unit.faults:
            self.verdicts.append(
                Verdict(fault.path, fault.line, entry_text(fault.text), Mark.SKIPPED, None, fault.reason)
            )

    def lines(self, said: list[tuple[Directive, Finding]], name: str) -> None:
        for directive, finding in said:
            named = name if finding.keys else None
            self.verdicts.append(
                Verdict(directive.path, directive.line, _shown(directive), finding.mark, named, finding.said())
            )

    def timer(self, timer: Unit) -> None:
        service = self.units.get(target(timer))
        if service is None:
            self.say(timer, Mark.SKIPPED, f"it starts {target(timer)}, which was not given: import both together")
            return
        wanted = fit(timer.name.removesuffix(".timer"))
        plan, when = read_timer(timer, self.names.free(wanted))
        try:
            converted = _converted(service, Role.TIMED)
        except ValueProblem as problem:
            for unit in (timer, service):
                self.say(unit, Mark.SKIPPED, f"{service.name}: {problem.message}")
            return
        name = self.names.take(wanted)
        description = converted.keys.get("description") or timer.last("Unit", "Description")
        described = {"description": description} if description else {}
        keys = described | plan.keys() | {**converted.keys, **plan.keys(), "on_overlap": "skip"}
        self.tasks.append(Table(("tasks", name), keys, (f"{timer.name} starts {service.name}",)))
        how = f"one task; systemctl disable --now {timer.name} {_ONCE_MORE}"
        idle = (
            "no time of it could be carried over: write cron by hand; "
            if plan.idle and "run_on_start" not in keys
            else ""
        )
        self.say(timer, Mark.ADJUSTED if idle else Mark.IMPORTED, idle + how, name)
        self.lines(when, name)
        self.say(service, Mark.IMPORTED, f"what {timer.name} starts", name)
        self.lines(converted.said, name)

    def service(self, unit: Unit) -> None:
        role = Role.ONCE if kind_of(unit) == "oneshot" else Role.SERVICE
        try:
            converted = _converted(unit, role)
        except ValueProblem as problem:
            self.say(unit, Mark.SKIPPED, problem.message)
            return
        name = self.names.take(fit(unit.name.removesuffix(".service")))
        off = f"systemctl disable --now {unit.name} {_ONCE_MORE}"
        if role is Role.SERVICE:
            self.services[unit.name] = (unit, name, converted.keys)
        else:
            self.tasks.append(Table(("tasks", name), converted.keys, (unit.name,)))
        nothing = role is Role.ONCE and "run_on_start" not in converted.keys
        how = "a task that is started by hand" if nothing else role.value
        if role is Role.SERVICE and "autostart" in converted.keys:
            how = "a service that is started by hand, as nothing wants it"
        self.say(unit, Mark.IMPORTED, f"{how}; {off}", name)
        self.lines(converted.said, name)

    def service_tables(self) -> list[Table]:
        """The services, in the order that their units ask for."""
        edges = without_circles({name: self.wanted(unit) for unit, name, _ in self.services.values()})
        return [
            Table(("services", name), keys | ({"depends_on": edges[name]} if edges[name] else {}), (unit.name,))
            for unit, name, keys in self.services.values()
        ]

    def wanted(self, unit: Unit) -> list[str]:
        """The other services that a unit both wants and starts after."""
        after = {word for value in unit.live("Unit", "After") for word in value.split()}
        pulls = ("Requires", "Wants", "BindsTo", "Requisite")
        wants = [word for key in pulls for value in unit.live("Unit", key) for word in value.split() if word in after]
        return [self.services[word][1] for word in dict.fromkeys(wants) if word in self.services]


def _converted(unit: Unit, role: Role) -> Converted:
    if unit.name.rpartition(".")[0].endswith("@"):
        raise ValueProblem("a template; give an instance of it such as " + unit.name.replace("@.", "@name."))
    if kind_of(unit) == "forking":
        raise ValueProblem("Type=forking puts itself into the background; start it with its option for the foreground")
    return convert(unit, role)


def _shown(directive: Directive) -> str:
    value = directive.value
    if directive.key in {"Environment", "SetCredential"} and any(
        names_secret(w.partition("=")[0]) for w in value.split()
    ):
        value = "***"
    return entry_text(f"{directive.key}={value}")


def _dropin_note(unit: Unit) -> str:
    if unit.dropins:
        return "with its drop-ins " + ", ".join(unit.dropins)
    return f"drop-ins were not given; systemctl cat {unit.name} shows whether it has some"


def from_systemd(units: Mapping[str, str], *, zone: str | None = None) -> Imported:
    """Tasks and services of systemd units, by file name; a drop-in goes by `NAME.service.d/FILE.conf`."""
    source = _Import(_sorted_out(units))
    timers = [unit for name, unit in source.units.items() if name.endswith(".timer")]
    timed = {target(unit) for unit in timers}
    for unit in source.units.values():
        source.faults(unit)
        kind = unit.name.rpartition(".")[2]
        if kind == "timer":
            source.timer(unit)
        elif kind == "service" and unit.name not in timed:
            source.service(unit)
        elif kind != "service":
            source.say(unit, Mark.SKIPPED, _OTHER_UNITS.get(kind, "not a timer or a service"))
    for unit in source.units.values():
        if unit.name.endswith((".timer", ".service")):
            source.say(unit, Mark.NOTE, _dropin_note(unit))
    services = source.service_tables()
    longest = max((table.keys["graceful_stop"] for table in services), default=_SHUTDOWN)
    head = [Table(("scheduler",), {"timezone": zone})] if zone else []
    head += [Table(("daemon",), {"shutdown_timeout": longest})] if longest > _SHUTDOWN else []
    intro = ["Imported from systemd units.", "A task is not started while it still runs, as under systemd."]
    return Imported(document(intro, [*head, *source.tasks, *services]), tuple(source.verdicts))
