"""Decoders of the values that have a small language of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from math import isfinite
from typing import Any, Final

from polysync.config.context import Context, Decoder, Reference
from polysync.config.kinds import EVENTS, NOTIFIER_TYPES, PLATFORM_TYPES
from polysync.config.lines import KeyPath
from polysync.config.parameters import decode_parameters
from polysync.config.shapes import as_string, each, expanded, wrong_kind
from polysync.config.suggest import did_you_mean
from polysync.config.wording import quoted
from polysync.domain.calendar import parse_date, parse_window
from polysync.domain.cron import parse_weekday
from polysync.domain.errors import ValueProblem
from polysync.domain.expression import compile_expression
from polysync.domain.values import Codes, NeverOn, OnStart, Quorum, Restart
from polysync.domain.zone import load_zone

ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
VAULT: Final = re.compile(r"vault://([^/\s]+)/(\S+)")
_RANGE: Final = re.compile(r"(\d{1,3})\s*-\s*(\d{1,3})", re.ASCII)
_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.%a-z]+\]|[A-Za-z0-9.-]+):(\d{1,5})", re.ASCII)
_PERCENT: Final = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)%", re.ASCII)
PLAIN: Final = {"a string", "a word"}  # what any value in quotes is
MOST_WRONG: Final = 256  # wrong names of zones that are remembered
LAST_CODE: Final = 255  # what fits into an exit status
CODE_HINT: Final = 'write codes such as 3, and ranges such as "10-19"'


def _string(noun: str, check: Callable[[str], Any]) -> Decoder:
    """A decoder of strings: substituted, checked, and never repeated where a substitution gave them."""

    def decode(value: Any, _path: KeyPath, context: Context) -> Any:
        if type(value) is not str:
            raise wrong_kind(noun, value, as_string(value) if noun in PLAIN else "")
        if "\0" in value:
            raise ValueProblem("contains a NUL character")
        if "${" not in value:
            return check(value)
        return expanded(value, context, noun, check)

    return decode


def _code(value: Any) -> tuple[int, int]:
    if type(value) is int:
        low = high = value
    else:
        found = _RANGE.fullmatch(value) if type(value) is str else None
        if found is None:
            raise ValueProblem("must be an exit code or a range of them", CODE_HINT)
        low, high = int(found[1]), int(found[2])
    if not 0 <= low <= high <= LAST_CODE:
        raise ValueProblem("exit codes run from 0 to 255, and ranges upwards", CODE_HINT)
    return low, high


def _codes(value: Any, path: KeyPath, context: Context) -> Codes:
    if type(value) is not list:
        raise wrong_kind(
            "a list of exit codes",
            value,
            f"write [{value}]" if type(value) is int and 0 <= value <= LAST_CODE else CODE_HINT,
        )
    return Codes(tuple(each(enumerate(value), path, context, lambda item, *_: _code(item)).values()))


def _never_on(value: Any, path: KeyPath, context: Context) -> NeverOn:
    if type(value) is not list:
        raise wrong_kind("a list of exit codes, ranges and words of the error", value)
    ranges, texts = [], []
    for item in each(enumerate(value), path, context, _failure).values():
        if isinstance(item, tuple):
            ranges.append(item)
        else:
            texts.append(item)
    return NeverOn(Codes(tuple(ranges)), tuple(texts))


def _failure(value: Any, _path: KeyPath, context: Context) -> Any:
    if type(value) is str and not _RANGE.fullmatch(value):
        if not value.strip():
            raise ValueProblem("must not be empty: every error contains it")
        return context.expand(value, run_variables=False) if "${" in value else value
    return _code(value)


def _tags(value: Any, path: KeyPath, context: Context) -> Mapping[str, str]:
    if type(value) is dict:
        return each(value.items(), path, context, _string("a string", _tag_value))
    if type(value) is not list:
        raise wrong_kind("a list of words, or a table of words", value, 'write ["…"]')
    words = each(enumerate(value), path, context, _string("a word", _word)).values()
    return dict(words)


def _tag_value(text: str) -> str:
    return text


def _word(text: str) -> tuple[str, str]:
    name, _, said = text.partition("=")
    if not name.strip():
        raise ValueProblem("must not be empty")
    return name, said


def _environment(value: Any, path: KeyPath, context: Context) -> Mapping[str, str]:
    return _by_variable(value, path, context, _string("a string", _tag_value))


def _secrets(value: Any, path: KeyPath, context: Context) -> Mapping[str, str]:
    made = _by_variable(value, path, context, _string("a vault reference", vault_reference))
    for name, reference in made.items():
        context.references.append(Reference("vault", vault_of(reference), (*path, name)))
    return made


def _by_variable(value: Any, path: KeyPath, context: Context, decode: Decoder) -> dict[str, Any]:
    if type(value) is not dict:
        raise wrong_kind("a table", value, 'write { NAME = "value" }')
    for name in value:
        if not ENV_NAME.fullmatch(name):
            message = f"{quoted(name)} is not the name of an environment variable"
            context.findings.error((*path, name), message, "letters, digits and _", on_key=True)
        elif name.startswith("POLYSYNC_"):
            context.findings.error((*path, name), "names with POLYSYNC_ are set by polysync", on_key=True)
    return each(value.items(), path, context, decode)


def vault_reference(text: str) -> str:
    """A `vault://vault/secret` reference, unchanged."""
    if not VAULT.fullmatch(text):
        raise ValueProblem("must be a vault reference", 'write "vault://VAULT/SECRET"; plain values belong in env')
    return text


def vault_of(reference: str) -> str:
    """The vault that a reference names."""
    found = VAULT.fullmatch(reference)
    return found[1] if found else ""


def _cpu(value: Any, _path: KeyPath, context: Context) -> float:
    if type(value) is str:
        return float(expanded(value, context, "a percentage", _percent))
    if type(value) not in {int, float} or not isfinite(value):
        raise wrong_kind('a number of cores such as 1.5, or a percentage such as "150%"', value)
    if not 0 < value <= 65536:
        raise ValueProblem("must be more than 0 cores", 'write 1.5 or "150%"')
    return float(value)


def _percent(text: str) -> float:
    found = _PERCENT.fullmatch(text)
    if found is None or not float(found[1]):
        raise ValueProblem("not a percentage above 0", 'write it like "150%"')
    return float(found[1]) / 100


def _on_start(value: Any, _path: KeyPath, context: Context) -> OnStart:
    if type(value) is bool:
        return OnStart.DAEMON if value else OnStart.NO
    said = context.expand(value, run_variables=False) if type(value) is str else value
    if said != "boot":
        raise ValueProblem(
            'must be true, false or "boot"', "true: at each daemon start; boot: once per boot of the host"
        )
    return OnStart.BOOT


def _quorum(value: Any, _path: KeyPath, context: Context) -> Quorum:
    wanted = '"all", "any", a number of edges or a percentage such as "60%"'
    if type(value) is int:
        if value < 1:
            raise ValueProblem(f"must be {wanted}", "at least 1")
        return Quorum(value)
    if type(value) is not str:
        raise wrong_kind(wanted, value)
    text = context.expand(value, run_variables=False) if "${" in value else value
    if text in {"all", "any"}:
        return Quorum(1 if text == "any" else None)
    found = re.fullmatch(r"(\d{1,3})%", text, re.ASCII)
    if found is None or not 1 <= int(found[1]) <= 100:
        raise ValueProblem(f"must be {wanted}", did_you_mean(text, ("all", "any")))
    return Quorum(int(found[1]), percent=True)


def _label(value: Any, _path: KeyPath, context: Context) -> Any:
    if type(value) is str:
        return context.expand(value, run_variables=False) if "${" in value else value
    if type(value) is bool or (type(value) in {int, float} and isfinite(value)):
        return value
    raise wrong_kind("true, false, a string or a number", value)


def _task_restart(text: str) -> Restart:
    if text == "always":
        raise ValueProblem("a task ends; what must always run is a service", "make it [services.NAME]")
    if text not in {"never", "on_failure"}:
        raise ValueProblem('must be "never" or "on_failure"', did_you_mean(text, ("never", "on_failure")))
    return Restart(text)


def _same(check: Callable[[str], Any]) -> Callable[[str], str]:
    """A check that keeps the text itself."""

    def checked(text: str) -> str:
        check(text)
        return text

    return checked


def _zone() -> Callable[[str], str]:
    """A check that a zone exists; to guess what a wrong name means is slow, and a file repeats few of them."""
    wrong: dict[str, ValueProblem] = {}

    def checked(text: str) -> str:
        known = wrong.get(text)
        if known is not None:
            raise ValueProblem(known.message, known.hint)
        try:
            load_zone(text)
        except ValueProblem as problem:
            if len(wrong) < MOST_WRONG:
                wrong[text] = problem
            raise
        return text

    return checked


def _address(text: str) -> str:
    found = _ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[2]) <= 65535:
        raise ValueProblem(
            f"{quoted(text)} is not an address", 'write host:port, like "127.0.0.1:9477" or "[::1]:9477"'
        )
    return text


def _date_value(value: Any, path: KeyPath, context: Context) -> str:
    if type(value) is date:
        raise wrong_kind("a string", value, f'write "{value.isoformat()}"')
    return str(_string("a date", _same(parse_date))(value, path, context))


def _known(noun: str, words: Iterable[str]) -> Callable[[str], str]:
    known = tuple(words)

    def check(text: str) -> str:
        if text not in known:
            raise ValueProblem(
                f"unknown {noun} {quoted(text)}", did_you_mean(text, known) or "known are " + ", ".join(known)
            )
        return text

    return check


def _kind(noun: str, table: str, words: tuple[str, ...]) -> Decoder:
    """A closed list, and whatever adapters have added to it."""

    def decode(value: Any, path: KeyPath, context: Context) -> Any:
        added = (name.partition(".")[2] for name in context.options if name.startswith(table + "."))
        return _string(f"a {noun}", _known(noun, (*words, *added)))(value, path, context)

    return decode


def _nonempty(text: str) -> str:
    if not text:
        raise ValueProblem("must not be empty")
    return text


SPECIALS: Final[Mapping[str, Decoder]] = {
    "codes": _codes,
    "tags": _tags,
    "parameters": decode_parameters,
    "expression": _string("a condition", _same(compile_expression)),
    "environment": _environment,
    "secrets": _secrets,
    "cpu": _cpu,
    "cron": _string("a cron expression", _nonempty),  # read with the task's name and day_match, once those are known
    "zone": _string("the name of a time zone", _zone()),
    "on_start": _on_start,
    "quorum": _quorum,
    "label": _label,
    "never_on": _never_on,
    "task_restart": _string('"never" or "on_failure"', _task_restart),
    "window": _string("a window", _same(parse_window)),
    "address": _string("an address", _address),
    "date": _date_value,
    "weekday": _string("a weekday", parse_weekday),
    "ics": _string("a path", _nonempty),
    "platform_type": _kind("platform type", "platforms", PLATFORM_TYPES),
    "notifier_type": _kind("notifier type", "notifier", NOTIFIER_TYPES),
    "event": _string("an event name", _known("event", EVENTS)),
}
