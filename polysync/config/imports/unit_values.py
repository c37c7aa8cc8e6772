"""Values of systemd directives: words, specifiers, spans of time, sizes and switches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from polysync.domain.errors import ValueProblem

_UNITS: Final = {
    "us": 1e-6, "usec": 1e-6, "µs": 1e-6, "μs": 1e-6,
    "ms": 1e-3, "msec": 1e-3,
    "": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
    "w": 604800, "week": 604800, "weeks": 604800,
    "M": 2629800, "month": 2629800, "months": 2629800,
    "y": 31557600, "year": 31557600, "years": 31557600,
}  # fmt: skip
_SPAN: Final = re.compile(r"\s*(\d{1,12}(?:\.\d{1,9})?)\s*([A-Za-zµμ]*)", re.ASCII)
_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([KMGTPE]?)", re.ASCII)
_WORD: Final = re.compile(r"""(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')+""", re.DOTALL)
_PIECE: Final = re.compile(
    r"""\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\[0-7]{3}|\\.|["']|[^\\"']+""", re.DOTALL
)
_ESCAPES: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
_SYSTEM_PLACES: Final = {
    "t": "/run", "S": "/var/lib", "C": "/var/cache", "L": "/var/log", "E": "/etc", "T": "/tmp", "V": "/var/tmp",  # noqa: S108 - the meaning of %T
}  # fmt: skip
_CENTURY: Final = timedelta(days=36_525)


def span(text: str) -> timedelta | None:
    """A span such as `1h 30min`; a bare number is seconds, None is infinity."""
    if text.strip() in {"infinity", "0"}:
        return None if text.strip() == "infinity" else timedelta(0)
    total, end = 0.0, 0
    while end < len(text) and (part := _SPAN.match(text, end)) and part[2] in _UNITS:
        total += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    if not text.strip() or text[end:].strip():
        raise ValueProblem(f'"{text}" is not a span of time')
    return timedelta(seconds=round(total, 6)) if total < _CENTURY.total_seconds() else _CENTURY


def size(text: str) -> int | None:
    """A number of bytes such as `512M`; None is infinity."""
    if text == "infinity":
        return None
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueProblem(f'"{text}" is not a number of bytes that is known here')
    return int(float(found[1]) * (1 << 10 * " KMGTPE".index(found[2] or " ")))


def switch(text: str) -> bool:
    """A yes or a no."""
    if text.lower() in {"1", "yes", "y", "true", "t", "on"}:
        return True
    if text.lower() in {"0", "no", "n", "false", "f", "off"}:
        return False
    raise ValueProblem(f'"{text}" is neither yes nor no')


def _unescaped(piece: str) -> str:
    code = piece[1:]
    if piece[0] != "\\":
        return piece
    if code[0] in "xuU" and len(code) > 1:
        number = int(code[1:], 16)
    elif code.isdigit() and len(code) == 3:
        number = int(code, 8)
    else:
        return _ESCAPES.get(code, code)
    if number == 0 or number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise ValueProblem(f"{piece} is not a character that a program can be given")
    return chr(number)


def _unquoted(word: str) -> str:
    quote, text = "", ""
    for found in _PIECE.finditer(word):
        piece = found[0]
        if piece in {'"', "'"} and quote in {"", piece}:
            quote = "" if quote else piece
        else:
            text += _unescaped(piece)
    return text


def _raw_words(text: str) -> Iterator[str]:
    end = 0
    for word in _WORD.finditer(text):
        if text[end : word.start()].strip():
            break
        yield word[0]
        end = word.end()
    if text[end:].strip():
        raise ValueProblem("a quote is not closed")


def words(text: str) -> list[str]:
    """The words of a value, quotes and escapes resolved as systemd does."""
    return [_unquoted(word) for word in _raw_words(text)]


def commands(text: str) -> list[list[str]]:
    """The commands of a value, which a bare `;` parts."""
    found: list[list[str]] = [[]]
    for word in _raw_words(text):
        if word == ";":
            found.append([])
        else:
            found[-1].append(_unquoted(word))
    return [argv for argv in found if argv]


def unescape_instance(text: str) -> str:
    """The instance of a unit name as `%I` shows it: `-` is a slash, and escapes are characters."""
    plain = text.replace("-", "/")
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda m: chr(int(m[1], 16)), plain).replace("\0", "")


@dataclass(frozen=True, slots=True)
class Specifiers:
    """What `%n` and its like mean in the unit called `name`."""

    name: str

    def known(self) -> dict[str, str]:
        """The specifiers whose meaning does not depend on the moment or the host."""
        stem = self.name.rpartition(".")[0] or self.name
        prefix, at, instance = stem.partition("@")
        own = {"n": self.name, "N": stem, "p": prefix, "P": unescape_instance(prefix), "j": prefix.rpartition("-")[2]}
        own |= {"i": instance, "I": unescape_instance(instance)} if at else {}
        return own | _SYSTEM_PLACES | {"%": "%"}

    def resolve(self, text: str) -> str:
        """`text` with its specifiers replaced."""
        known = self.known()

        def meaning(found: re.Match[str]) -> str:
            if found[1] not in known:
                raise ValueProblem(f"the specifier %{found[1]} is only known to systemd; write its value by hand")
            return known[found[1]]

        return re.sub(r"%(.?)", meaning, text, flags=re.DOTALL)
