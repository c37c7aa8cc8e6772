"""Parameters: what each one is for a run, of the right type, and how work gets to see it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

from polysync.domain.equality import same
from polysync.domain.errors import ValueProblem
from polysync.domain.task import JobParameter
from polysync.domain.values import Direction, Parameter, ParamType

DEEPEST: Final = 64  # levels of lists and tables in one value
VAULT: Final = "vault://"
_NOTHING: Final = object()  # an output that was not reported; null is one that was
_NOUNS: Final[Mapping[ParamType, str]] = {
    ParamType.STRING: "a string",
    ParamType.SECRET: "a string",
    ParamType.INT: "a whole number",
    ParamType.FLOAT: "a number",
    ParamType.BOOL: "true or false",
    ParamType.JSON: "a JSON value",
    ParamType.LIST: "a list",
}
_TYPES: Final[Mapping[ParamType, tuple[type, ...]]] = {
    ParamType.STRING: (str,),
    ParamType.SECRET: (str,),
    ParamType.INT: (int,),
    ParamType.FLOAT: (int, float),
    ParamType.BOOL: (bool,),
    ParamType.LIST: (list, tuple),
}
_GUESSES: Final[Mapping[type, ParamType]] = {
    bool: ParamType.BOOL,
    int: ParamType.INT,
    float: ParamType.FLOAT,
    str: ParamType.STRING,
    list: ParamType.LIST,
    tuple: ParamType.LIST,
    dict: ParamType.JSON,
}
_TRUTHS: Final = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,40}")
_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Resolved:
    """The parameters of one run; what only a vault or the state store knows is named, not opened."""

    values: Mapping[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()  # names without a value, or with an upstream output of the wrong type
    sensitive: frozenset[str] = frozenset()
    vaults: Mapping[str, str] = field(default_factory=dict)  # the reference, by parameter
    states: Mapping[str, str] = field(default_factory=dict)  # the key; a default stands in `values`


def coerce(value: Any, kind: ParamType) -> Any:
    """`value` as a value of `kind`; only a whole number is also a number, nothing else is converted."""
    fits = isinstance(value, _TYPES.get(kind, (object,)))
    if not fits or (isinstance(value, bool) and kind in {ParamType.INT, ParamType.FLOAT}):
        raise _not(kind, value)
    _check_plain(value)
    if kind is ParamType.FLOAT:
        return _as_float(value)
    return list(value) if kind is ParamType.LIST else value


def read_text(text: str, kind: ParamType | None) -> Any:
    """The value of `kind` that somebody wrote as `text`; a list may be written `a,b,c`."""
    match kind:
        case ParamType.INT if _WHOLE.fullmatch(text):
            return int(text)
        case ParamType.FLOAT if _DECIMAL.fullmatch(text):
            return coerce(float(text), kind)
        case ParamType.BOOL if text.lower() in _TRUTHS:
            return _TRUTHS[text.lower()]
        case ParamType.LIST if not text.lstrip().startswith("["):
            return [item.strip() for item in text.split(",")] if text.strip() else []
        case ParamType.JSON | ParamType.LIST:
            return coerce(_from_json(text), kind)
        case ParamType.STRING | ParamType.SECRET | None:
            return coerce(text, ParamType.STRING)
    raise _not(kind, text)


def text_of(value: Any) -> str:
    """`value` as the text of an environment variable."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def check_choices(value: Any, choices: Iterable[Any]) -> None:
    """Raise unless `value`, or each item of a list, is one of `choices`; no choices means any value."""
    allowed = tuple(choices)
    items = value if isinstance(value, list) else [value]
    if allowed and not all(any(same(item, choice) for choice in allowed) for item in items):
        raise ValueProblem("not one of the choices", "choose from " + ", ".join(text_of(choice) for choice in allowed))


def env_names(names: Iterable[str]) -> dict[str, str]:
    """The environment variable of each parameter; two parameters with one variable are an error."""
    owners: dict[str, str] = {}
    for name in names:
        variable = "PARAM_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
        other = owners.setdefault(variable, name)
        if other != name:
            raise ValueProblem(f"the parameters {other} and {name} are both {variable}", "rename one of them")
    return {name: variable for variable, name in owners.items()}


def parse_overrides(
    pairs: Iterable[str], parameters: Mapping[str, Parameter], schema: Mapping[str, JobParameter]
) -> dict[str, Any]:
    """The values that `-p name=value` gave, each of the type that its parameter has."""
    texts: dict[str, str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise ValueProblem("not a parameter", "write -p name=value")
        if name in texts:
            raise ValueProblem(f"parameter {name} is given twice", "give it once")
        texts[name] = text
    return check_overrides(texts, parameters, schema)


def check_overrides(
    overrides: Mapping[str, Any], parameters: Mapping[str, Parameter], schema: Mapping[str, JobParameter]
) -> dict[str, Any]:
    """The values given with a request, found to be known, of the right type and among the choices.

    Text is read as the parameter's type.  Where neither task nor job declares any parameter, all are taken.
    """
    known = {**schema, **parameters}
    checked = {}
    for name, value in overrides.items():
        entry = schema.get(name)
        if known and name not in known:
            raise ValueProblem(f"unknown parameter {name}", "known are " + ", ".join(known))
        if entry is not None and entry.direction is Direction.OUT:
            raise ValueProblem(f"parameter {name} is an output and takes no value", "leave it out")
        checked[name] = _override(name, value, kind_of(parameters.get(name), entry), entry)
    return checked


def kind_of(given: Parameter | None, entry: JobParameter | None) -> ParamType | None:
    """The type of a parameter: the task's word, the job's, or that of the task's literal."""
    if given is not None and given.type is not None:
        return given.type
    if entry is not None:
        return entry.type
    if given is None:
        return None
    return ParamType.SECRET if given.vault is not None else _GUESSES.get(type(given.value))


def resolve(
    parameters: Mapping[str, Parameter],
    schema: Mapping[str, JobParameter],
    *,
    overrides: Mapping[str, Any],
    outputs: Mapping[str, Mapping[str, Any]],
) -> Resolved:
    """Each parameter of a run: what was given with the request, else the task's value, else the job's default.

    `outputs` holds those of the consumed upstream runs, by task.
    """
    given = check_overrides(overrides, parameters, schema)
    sheet = _Sheet()
    for name in dict.fromkeys((*schema, *parameters, *given)):
        entry, own = schema.get(name), parameters.get(name)
        if _is_sensitive(own, entry):
            sheet.sensitive.add(name)
        if name in given:
            sheet.values[name] = given[name]
        elif own is not None:
            sheet.own(name, own, kind_of(own, entry), outputs)
        elif entry is not None and entry.direction is not Direction.OUT:
            sheet.inherited(name, entry)
    return Resolved(sheet.values, tuple(sheet.missing), frozenset(sheet.sensitive), sheet.vaults, sheet.states)


class _Sheet:
    """What is known of a run's parameters so far."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.missing: list[str] = []
        self.sensitive: set[str] = set()
        self.vaults: dict[str, str] = {}
        self.states: dict[str, str] = {}

    def own(self, name: str, own: Parameter, kind: ParamType | None, outputs: Mapping[str, Mapping[str, Any]]) -> None:
        if own.vault is not None:
            self.vaults[name] = own.vault
        elif own.state is not None:
            self.states[name] = own.state
            self.values.update({name: own.default} if own.has_default else {})
        elif own.upstream is not None and own.output is not None:
            self.passed_on(name, own, kind, outputs.get(own.upstream, {}).get(own.output, _NOTHING))
        else:
            self.values[name] = own.value

    def passed_on(self, name: str, own: Parameter, kind: ParamType | None, output: Any) -> None:
        if output is not _NOTHING:
            self.settle(name, output, kind)
        elif own.has_default:
            self.values[name] = own.default
        else:
            self.missing.append(name)

    def settle(self, name: str, output: Any, kind: ParamType | None) -> None:
        # Work reports numbers and text alike, so a number is good enough where text is wanted.
        wanted = text_of(output) if kind in {ParamType.STRING, ParamType.SECRET} else output
        try:
            self.values[name] = _typed(wanted, kind)
        except ValueProblem:
            self.missing.append(name)

    def inherited(self, name: str, entry: JobParameter) -> None:
        if isinstance(entry.default, str) and entry.default.startswith(VAULT):
            self.vaults[name] = entry.default
            self.sensitive.add(name)
        elif entry.default is not None:
            self.values[name] = entry.default
        elif entry.required:
            self.missing.append(name)


def _is_sensitive(own: Parameter | None, entry: JobParameter | None) -> bool:
    asked = (own is not None and (own.sensitive or own.vault is not None)) or (entry is not None and entry.sensitive)
    return asked or kind_of(own, entry) is ParamType.SECRET


def _override(name: str, value: Any, kind: ParamType | None, entry: JobParameter | None) -> Any:
    try:
        made = _typed(value, kind)
        check_choices(made, entry.choices if entry is not None else ())
    except ValueProblem as problem:
        raise ValueProblem(f"parameter {name}: {problem.message}", problem.hint) from None
    return made


def _typed(value: Any, kind: ParamType | None) -> Any:
    if isinstance(value, str):
        return read_text(value, kind)
    return coerce(value, kind or ParamType.JSON)


def _not(kind: ParamType | None, value: Any) -> ValueProblem:
    noun = _NOUNS[kind or ParamType.JSON]
    text = kind in {ParamType.STRING, ParamType.SECRET} and not isinstance(value, str)
    return ValueProblem(f"must be {noun}", 'put it in quotes, as "5"' if text else "")


def _as_float(value: int | float) -> float:  # noqa: PYI041 - both may stand in the file
    try:
        return float(value)
    except OverflowError:
        raise ValueProblem("too large for a number with a fraction", "use a type of its own") from None


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueProblem("not valid JSON", 'write it like {"a": 1} or ["a", "b"]') from None


def _check_plain(value: Any, depth: int = 0) -> None:
    """Raise unless `value` can be written as JSON and passed on as an environment variable."""
    if depth > DEEPEST:
        raise ValueProblem(f"nested deeper than {DEEPEST} levels", "make it flatter")
    if isinstance(value, Mapping):
        for name, item in value.items():
            _check_plain(name, depth + 1)
            _check_plain(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_plain(item, depth + 1)
    elif isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float) and not isfinite(value):
        raise ValueProblem("not a finite number", "JSON has no infinity")
    elif value is not None and not isinstance(value, int | float):
        raise ValueProblem("not a JSON value", "put a date or time in quotes")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ValueProblem("holds a NUL character", "no environment variable can carry it")
