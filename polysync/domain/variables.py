"""`${run:…}` and `${param:NAME}`: what the configuration leaves for the moment at which an attempt starts.

`polysync.config.substitute` has checked the words and took the first layer of `$${` off where nothing is
left for later; here the second layer goes.  Only what stands in the file is ever filled in: a value that
came with a request, from an upstream task or from a vault is text, whatever signs are in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from polysync.domain.equality import same
from polysync.domain.errors import ValueProblem
from polysync.domain.params import check_choices, kind_of, read_text, text_of
from polysync.domain.rows import Run
from polysync.domain.task import JobParameter
from polysync.domain.values import Parameter
from polysync.domain.zone import load_zone

_MARK: Final = re.compile(r"\$(\$\{)|\$\{([^}]*)\}")
_DIRECTIVE: Final = re.compile(r"%(.?)", re.DOTALL)
# What every C library and Python give alike in every locale; %s is ours: seconds since 1970.
DIRECTIVES: Final = frozenset("YmdHMSyjGVuwIpaAbBfzZ%FTs")
_LONG: Final = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S"}


@dataclass(frozen=True, slots=True)
class Variables:
    """What the variables of one attempt stand for."""

    run: Run
    attempt: int
    zone: str  # of the task: the slot is written as its clocks showed it
    parameters: Mapping[str, Any] = field(default_factory=dict)
    hidden: Collection[str] = ()  # parameters that are secret: they are passed on as such or not at all

    def fill(self, text: str) -> str:
        """`text` with everything filled in; ValueProblem where something has no value."""
        return _MARK.sub(self._value, text) if "${" in text else text

    def fill_all(self, value: Any) -> Any:
        """`value` with every string in it filled in, however deep it stands."""
        if isinstance(value, str):
            return self.fill(value)
        if isinstance(value, Mapping):
            return {name: self.fill_all(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.fill_all(item) for item in value]
        return value

    def _value(self, mark: re.Match[str]) -> str:
        if mark[1]:
            return mark[1]
        kind, _, said = mark[2].partition(":")
        if kind == "param":
            return self._parameter(said)
        word, _, form = said.partition(":")
        if kind != "run" or word not in WORDS:
            raise ValueProblem(f"${{{mark[2]}}} stands for nothing", "known are " + ", ".join(WORDS))
        return written(slot_of(self.run), form, self.zone) if form else WORDS[word](self)

    def _parameter(self, name: str) -> str:
        if name in self.hidden:
            raise ValueProblem(f"the parameter {name} is secret", "only the environment carries it")
        if name not in self.parameters:
            raise ValueProblem(f"the parameter {name} has no value", "give it one in parameters")
        return text_of(self.parameters[name])


WORDS: Final[Mapping[str, Callable[[Variables], str]]] = {
    "scheduled_for": lambda about: rfc3339(slot_of(about.run)),
    "id": lambda about: str(about.run.id),
    "attempt": lambda about: str(about.attempt),
    "task": lambda about: about.run.task,
    "correlation_id": lambda about: about.run.correlation_id,
}


def slot_of(run: Run) -> datetime:
    """The time a run is about: its slot, else its logical date, else when somebody asked for it."""
    return run.scheduled_for or run.logical_at or run.created_at


def rfc3339(at: datetime) -> str:
    """An instant in UTC, as RFC 3339 has it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def written(at: datetime, form: str, zone: str) -> str:
    """`at` as the clocks of `zone` show it, in a form of `%Y`, `%m` and their like."""
    local = at.astimezone(load_zone(zone))
    return _DIRECTIVE.sub(lambda mark: _part(mark, local), form)


def _part(mark: re.Match[str], local: datetime) -> str:
    if mark[1] not in DIRECTIVES or not mark[1]:
        raise ValueProblem(f"{mark[0]} is not a part of a date", "such as %Y-%m-%d or %H:%M; a percent sign is %%")
    if mark[0] == "%s":
        return str(int(local.timestamp()))
    if mark[0] == "%Y":
        return f"{local.year:04}"  # C libraries differ on years before 1000
    return local.strftime(_LONG.get(mark[0], mark[0]))


def mentions(value: Any) -> bool:
    """Whether anything in `value` is to be filled in, or at least unwrapped."""
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, Mapping):
        return any(map(mentions, value.values()))
    return isinstance(value, list | tuple) and any(map(mentions, value))


def templated(parameters: Mapping[str, Parameter]) -> tuple[str, ...]:
    """The parameters with something to fill in, by the file alone."""
    return tuple(name for name, own in parameters.items() if mentions(own.value) or mentions(own.default))


def fill_parameters(
    names: Iterable[str],
    parameters: Mapping[str, Parameter],
    schema: Mapping[str, JobParameter],
    about: Variables,
) -> dict[str, Any]:
    """The values of a run with those of `names` filled in that stand in the file.

    One may name another, which is filled in first; a circle of them is a ValueProblem.
    """
    run = about.run
    open_ = {
        name for name in names if name not in run.overrides and _is_literal(parameters[name], run.parameters, name)
    }
    sheet = _Sheet(dict(about.parameters), open_, about, parameters, schema)
    for name in sorted(open_):
        sheet.settle(name, ())
    return sheet.values


def _is_literal(own: Parameter, values: Mapping[str, Any], name: str) -> bool:
    """Whether the value at hand is the one in the file, and not an upstream task's."""
    if name not in values or own.vault is not None:
        return False
    return (own.upstream is None and own.state is None) or (own.has_default and same(values[name], own.default))


@dataclass(slots=True)
class _Sheet:
    """Values that are being filled in, each after those it names."""

    values: dict[str, Any]
    open: set[str]  # not filled in yet
    about: Variables
    parameters: Mapping[str, Parameter]
    schema: Mapping[str, JobParameter]

    def settle(self, name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueProblem(f"the parameters {' → '.join((*above, name))} name each other in a circle")
        if name not in self.open:
            return
        value = self.values[name]
        for other in sorted(_named(value) & self.open):
            self.settle(other, (*above, name))
        about = Variables(self.about.run, self.about.attempt, self.about.zone, self.values, self.about.hidden)
        self.values[name] = self._typed(name, about.fill_all(value))
        self.open.discard(name)

    def _typed(self, name: str, value: Any) -> Any:
        entry = self.schema.get(name)
        try:
            made = read_text(value, kind_of(self.parameters[name], entry)) if isinstance(value, str) else value
            check_choices(made, entry.choices if entry is not None else ())
        except ValueProblem as problem:
            raise ValueProblem(f"the parameter {name}: {problem.message}", problem.hint) from None
        return made


def _named(value: Any) -> set[str]:
    """The parameters that a value names."""
    if isinstance(value, str):
        return {mark[2][6:] for mark in _MARK.finditer(value) if mark[2] and mark[2].startswith("param:")}
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return set[str]().union(*map(_named, items))
