"""systemd unit files: their directives, with what a later line overrides or clears."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_SECTION: Final = re.compile(r"\[([^\[\]]+)\]")
_UNREADABLE: Final = re.compile(r"[\x00\ud800-\udfff]")
LISTS: Final = frozenset(
    "ExecStart ExecStartPre ExecStartPost ExecCondition ExecStop ExecStopPost ExecReload Environment EnvironmentFile"
    " OnCalendar OnBootSec OnStartupSec OnActiveSec OnUnitActiveSec OnUnitInactiveSec SuccessExitStatus"
    " RestartPreventExitStatus RestartForceExitStatus After Before Requires Wants BindsTo Requisite PartOf Upholds"
    " Conflicts OnFailure OnSuccess Documentation WantedBy RequiredBy UpheldBy Alias Also PassEnvironment"
    " UnsetEnvironment".split(),
)


class Standing(StrEnum):
    """Whether a directive counts in the end."""

    LIVE = "live"
    OVERRIDDEN = "a later line sets it again"
    CLEARED = "a later line clears it"
    CLEARING = "an empty value clears the lines above"


@dataclass(frozen=True, slots=True)
class Directive:
    """One `Key=value` of a unit, and where it stands."""

    path: str
    line: int
    section: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that is neither a section nor a directive."""

    path: str
    line: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit with its drop-ins applied."""

    name: str
    standing: tuple[tuple[Directive, Standing], ...]  # every directive with what became of it
    faults: tuple[Fault, ...]
    dropins: tuple[str, ...]

    def live(self, section: str, key: str) -> list[str]:
        """The values of a directive that count, in order."""
        wanted = (section, key)
        return [d.value for d, standing in self.standing if standing is Standing.LIVE and (d.section, d.key) == wanted]

    def last(self, section: str, key: str) -> str | None:
        """The value of a directive that has one value."""
        values = self.live(section, key)
        return values[-1] if values else None


def _stand(directive: Directive, later: dict[tuple[str, str], Standing]) -> Standing:
    place = (directive.section, directive.key)
    known = later.get(place, Standing.LIVE)
    if not directive.value:
        if known is Standing.LIVE:
            later[place] = Standing.CLEARED
        return Standing.CLEARING
    if directive.key not in LISTS and known is Standing.LIVE:
        later[place] = Standing.OVERRIDDEN
    return known


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their continuations joined; comments between the parts do not end them."""
    start, parts = 0, list[str]()
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = raw.strip(" \t\r\f")
        if line.startswith(("#", ";")) or (not line and not parts):
            continue
        start = start if parts else number
        parts.append(line.removesuffix("\\").rstrip())
        if not line.endswith("\\"):
            yield start, " ".join(parts).strip()
            parts = []
    if parts:
        yield start, " ".join(parts).strip()


def _read(path: str, text: str) -> Iterator[Directive | Fault]:
    section = ""
    for number, line in _logical_lines(text):
        heading = _SECTION.fullmatch(line)
        key, equals, value = line.partition("=")
        if heading:
            section = heading[1]
        elif _UNREADABLE.search(line):
            yield Fault(path, number, line, "it holds a NUL or bytes that are not UTF-8")
        elif not equals or not key.strip():
            yield Fault(path, number, line, "it is neither a [section] nor Key=value; systemd ignores it too")
        elif not section:
            yield Fault(path, number, line, "it stands before any [section]; systemd ignores it too")
        else:
            yield Directive(path, number, section, key.strip(), value.strip())


def read_unit(name: str, text: str, dropins: Mapping[str, str] | None = None) -> Unit:
    """The unit `name` from its text and the texts of its drop-ins, by path."""
    extra = dropins or {}
    found = [*_read(name, text), *(item for path in sorted(extra) for item in _read(path, extra[path]))]
    later: dict[tuple[str, str], Standing] = {}
    standing = [(item, _stand(item, later)) for item in reversed(found) if isinstance(item, Directive)]
    faults = tuple(item for item in found if isinstance(item, Fault))
    return Unit(name, tuple(reversed(standing)), faults, tuple(sorted(extra)))
