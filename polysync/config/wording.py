"""How keys and values read in a message: quoted as in TOML, short, printable, and never a secret."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Any, Final

from polysync.domain.definition import Substituted

SHOWN: Final = 60  # characters of a value that a message repeats
BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES: Final = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number with a fraction"),
    (str, "a string"),
    (list, "a list"),
    (dict, "a table"),
    (datetime, "a date and time"),
    (date, "a date"),
    (time, "a time"),
)


def quoted(text: str) -> str:
    """`text` as a TOML string; what a substitution gave shows as the substitution."""
    if isinstance(text, Substituted):
        text = text.written
    cut = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    return '"' + "".join(escaped(char) for char in cut) + '"'


def escaped(char: str) -> str:
    """One character as it may stand between double quotes."""
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    return f"\\u{ord(char):04X}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08X}"


def dotted(path: tuple[str | int, ...]) -> str:
    """A key path as TOML writes it, such as `jobs."etl@2".tags[0]`."""
    said = ""
    for part in path:
        if isinstance(part, int):
            said += f"[{part}]"
        else:
            said += ("." if said else "") + key_text(part)
    return said


def key_text(part: str) -> str:
    """One key, quoted where TOML wants it."""
    return part if BARE_KEY.fullmatch(part) else quoted(part)


def kind_of(value: Any) -> str:
    """What sort of value this is, in words."""
    return next((words for kind, words in KINDS if isinstance(value, kind)), "something else")
