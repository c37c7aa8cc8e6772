"""A RunWisp file as a polysync.toml; the words of 0.9 to 0.13 and those of 1.x are both known."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from polysync.config.imports import runwisp_failures, runwisp_service, runwisp_task
from polysync.config.imports.findings import Finding, skipped
from polysync.config.imports.naming import Names, fit
from polysync.config.imports.ordering import without_circles
from polysync.config.imports.render import Table, document
from polysync.config.imports.runwisp_alerts import NOTIFY, read_notifier, read_route
from polysync.config.imports.runwisp_daemon import DAEMON, DEFAULTS, STORAGE
from polysync.config.imports.runwisp_process import VAULT
from polysync.config.imports.runwisp_values import Around, Rule
from polysync.config.imports.verdict import Imported, Mark, Verdict
from polysync.config.imports.wording import entry_text
from polysync.config.lines import Positions, locate
from polysync.config.wording import dotted
from polysync.domain.errors import ValueProblem

_SECTIONS: Final[dict[str, dict[str, Rule]]] = {
    "daemon": DAEMON,
    "scheduler": {"timezone": DAEMON["timezone"]},
    "storage": STORAGE,
    "defaults": DEFAULTS,
    "notify": NOTIFY,
}
_HEAD: Final = ("daemon", "scheduler", "storage", "defaults", "notify")
_UNKNOWN: Final = skipped("not a key of RunWisp that is known here")
_BELONGS: Final = "the vault that the secrets below refer to: the environment of the daemon"


@dataclass(slots=True)
class _Import:
    """The file read so far."""

    path: str
    data: Mapping[str, Any]
    places: Positions
    names: Names = field(default_factory=Names)
    renamed: dict[str, dict[str, str]] = field(default_factory=lambda: {"tasks": {}, "services": {}})
    sections: dict[str, dict[str, Any]] = field(default_factory=lambda: {name: {} for name in _HEAD})
    channels: list[Table] = field(default_factory=list)
    notifiers: dict[str, str] = field(default_factory=lambda: {"inapp": "inapp"})
    routes: list[Table] = field(default_factory=list)
    units: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {"tasks": {}, "services": {}})
    verdicts: list[Verdict] = field(default_factory=list)
    inherited: tuple[str, ...] = runwisp_failures.DEFAULT

    def say(self, path: tuple[str | int, ...], finding: Finding, name: str | None = None) -> None:
        line = self.places.key(path).line
        self.verdicts.append(Verdict(self.path, line, entry_text(dotted(path)), finding.mark, name, finding.said()))

    def attempt(self, path: tuple[str | int, ...], read: Callable[[], Finding]) -> Finding:
        """What `read` finds, and a word about it; a value that cannot be used is skipped."""
        try:
            finding = read()
        except ValueProblem as problem:
            finding = skipped(problem.message)
        self.say(path, finding)
        return finding

    def table(self, name: str) -> Mapping[str, Any]:
        """A table of tables; anything else is reported and read as empty."""
        found = self.data.get(name, {})
        if isinstance(found, dict):
            return found
        self.say((name,), skipped("it should be a table"))
        return {}

    @property
    def defaults(self) -> Mapping[str, Any]:
        """What [defaults] says, without a word about it."""
        found = self.data.get("defaults")
        return found if isinstance(found, dict) else {}

    def around(self, name: str = "") -> Around:
        return Around(name, self.notifiers, self.renamed["services"], self.inherited)

    def section(self, name: str) -> None:
        for key, value in self.table(name).items():
            rule = _SECTIONS[name].get(key)
            found = self.attempt((name, key), _bound(rule, value, self.around()))
            keys = dict(found.keys)
            self.sections["scheduler"] |= keys.pop("scheduler", {})
            self.sections[name] |= keys

    def alerts(self) -> None:
        for index, table in enumerate(_listed(self.data.get("notifier", []))):
            self.notifier(("notifier", index), table.get("id") if isinstance(table, dict) else None, table)
        for name, table in self.table("notifiers").items():
            self.notifier(("notifiers", name), name, table)
        for key in ("route", "notification_route"):
            for index, table in enumerate(_listed(self.data.get(key, []))):
                self.route((key, index), table)

    def notifier(self, path: tuple[str | int, ...], name: Any, table: Any) -> None:
        if not isinstance(name, str) or not name or name in self.notifiers:
            self.say(path, skipped("it has no id of its own"))
            return
        found = self.attempt(path, lambda: read_notifier(table))
        if found.keys:
            self.notifiers[name] = self.channel_name(name)
            self.channels.append(Table(("notifier",), {"id": self.notifiers[name], **found.keys}, array=True))

    def channel_name(self, name: str) -> str:
        wanted = fit(name, "notifier")
        taken = set(self.notifiers.values())
        return next(n for n in (wanted, *(f"{wanted}-{i}" for i in range(2, len(taken) + 3))) if n not in taken)

    def route(self, path: tuple[str | int, ...], table: Any) -> None:
        found = self.attempt(path, lambda: read_route(table, self.around()))
        if found.keys:
            self.routes.append(Table(("route",), found.keys, array=True))

    def unit(self, kind: str, name: str, table: Any) -> None:
        """One task or service, with a word about it and about each of its keys."""
        rules, here = _RULES[kind], self.renamed[kind][name]
        said: list[tuple[tuple[str, ...], Finding]] = []
        try:
            runwisp_task.refuse(table)
            keys: dict[str, Any] = {"_shell": self.sections["defaults"].get("shell", "/bin/sh")}
            for key, value in self.inheriting(kind, table).items():
                found = _carefully(_bound(rules.get(key), value, self.around(here)))
                keys |= found.keys
                said += [((kind, name, key), found)] if key in table else []
            self.units[kind][here] = _FINISH[kind](keys)
        except ValueProblem as problem:
            self.say((kind, name), skipped(problem.message))
            return
        self.say((kind, name), _named(kind, name, here), here)
        for path, found in said:
            self.say(path, found, here if found.keys else None)

    def inheriting(self, kind: str, table: Mapping[str, Any]) -> dict[str, Any]:
        """The keys of a unit over those of [defaults] that have no place in ours."""
        defaults = self.defaults
        wanted: Iterable[str] = ("failures",) if kind == "tasks" else runwisp_service.INHERITED
        return {key: defaults[key] for key in wanted if key in defaults} | dict(table)

    def tables(self) -> list[Table]:
        """Everything of ours, in the order of the reference."""
        services = self.units["services"]
        edges = without_circles({name: keys.get("depends_on", []) for name, keys in services.items()})
        for name, keys in services.items():
            keys.pop("depends_on", None)
            services[name] = keys | ({"depends_on": edges[name]} if edges[name] else {})
        secrets = any("secrets" in keys for kind in self.units.values() for keys in kind.values())
        vault = (
            [Table(("vaults", VAULT), {"type": "env"}, (_BELONGS,))]
            if secrets or "secrets" in self.sections["defaults"]
            else []
        )
        head = [Table((name,), self.sections[name]) for name in _HEAD if self.sections[name]]
        units = [Table((kind, name), keys) for kind in self.units for name, keys in self.units[kind].items()]
        return [*head, *vault, *self.channels, *self.routes, *units]


_RULES: Final = {"tasks": runwisp_task.RULES, "services": runwisp_service.RULES}
_FINISH: Final = {"tasks": runwisp_task.finish, "services": runwisp_service.finish}
_KNOWN: Final = {*_SECTIONS, "notifier", "notifiers", "route", "notification_route", "tasks", "services", "compose"}


def _bound(rule: Rule | None, value: Any, around: Around) -> Callable[[], Finding]:
    return (lambda: _UNKNOWN) if rule is None else (lambda: rule(value, around))


def _carefully(read: Callable[[], Finding]) -> Finding:
    try:
        return read()
    except ValueProblem as problem:
        return skipped(problem.message)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _named(kind: str, name: str, here: str) -> Finding:
    what = "a task" if kind == "tasks" else "a service"
    off = "stop the RunWisp daemon when it is live, or it runs twice"
    if name != here:
        return Finding({}, Mark.ADJUSTED, f"{what}, under the name {here}; {off}")
    return Finding({}, Mark.IMPORTED, f"{what}; {off}")


def includes(text: str) -> tuple[str, ...]:
    """The globs of the further files that a RunWisp file includes; each is to be imported by itself."""
    try:
        daemon = tomllib.loads(text).get("daemon", {})
    except (tomllib.TOMLDecodeError, RecursionError):
        return ()
    found = daemon.get("include", []) if isinstance(daemon, dict) else []
    return tuple(item for item in _listed(found) if isinstance(item, str))


def _unreadable(path: str, line: int, reason: str) -> Imported:
    verdict = Verdict(path, line, entry_text(path), Mark.SKIPPED, None, reason)
    return Imported(document([f"Nothing could be imported from {path}."], []), (verdict,))


def _parsed(text: str) -> dict[str, Any]:
    if re.search(r"[\ud800-\udfff]", text):
        raise ValueProblem("it is not UTF-8 text")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        raise ValueProblem(f"it is not valid TOML: {error}", offset=int(found[1]) if found else 0) from None
    except RecursionError:
        raise ValueProblem("it is nested too deeply") from None


def from_runwisp(text: str, path: str) -> Imported:
    """The configuration that a RunWisp file describes, with a verdict for each of its keys."""
    try:
        data = _parsed(text)
    except ValueProblem as problem:
        return _unreadable(path, problem.offset, problem.message)
    source = _Import(path, data, locate(text))
    source.inherited = _inherited(source.defaults)
    for kind in ("tasks", "services"):
        source.renamed[kind] = {name: source.names.take(fit(name)) for name in source.table(kind)}
    for key in data.keys() - _KNOWN:
        source.say((key,), _UNKNOWN)
    for name in source.table("compose"):
        source.say(("compose", name), skipped("use a platform of type docker, or docker compose in run"))
    source.alerts()
    for name in _SECTIONS:
        source.section(name)
    for kind in ("tasks", "services"):
        for name, table in source.table(kind).items():
            source.unit(kind, name, table)
    _kept_for_ever(source)
    intro = [f"Imported from the RunWisp file {path}."]
    return Imported(document(intro, source.tables()), tuple(source.verdicts))


def _inherited(defaults: Mapping[str, Any]) -> tuple[str, ...]:
    """The failures that hold where a task says nothing."""
    try:
        return (
            runwisp_failures.read_tokens(defaults.get("failures", []), runwisp_failures.DEFAULT)
            or runwisp_failures.DEFAULT
        )
    except ValueProblem:
        return runwisp_failures.DEFAULT


def _kept_for_ever(source: _Import) -> None:
    """Where RunWisp was told nothing it keeps every run, which is not the default here."""
    if "keep_for" in source.sections["defaults"] or not any(source.units.values()):
        return
    source.sections["defaults"]["keep_for"] = "forever"
    how = "[defaults] keep_for keeps it so, but stored logs have a limit: [storage] max_size"
    reason = f"runs were kept without an end; {how}"
    source.verdicts.append(Verdict(source.path, 0, entry_text(source.path), Mark.NOTE, None, reason))
