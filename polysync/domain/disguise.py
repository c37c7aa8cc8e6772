"""The forms in which a secret turns up in output: as it is, and as the usual tools quote and encode it."""

from __future__ import annotations

import json
import re
import string
from base64 import b64encode
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from polysync.domain.params import text_of

MOST: Final = 1000  # texts that are masked for one value, or for all that a work reports
LINES: Final = 500
LEAST: Final = 4  # bytes: what is shorter stands in every log by chance, and stars everywhere would hide nothing
# What the encoders of URLs leave alone beside letters, digits and -._~ : everything quoted, Python's own
# choice, encodeURIComponent, encodeURI, and forms.
_SAFE: Final = (b"", b"/", b"!'()*", b"!#$&'()*+,/:;=?@", b"*")
_PLAIN: Final = frozenset(f"{string.ascii_letters}{string.digits}-._~".encode())
_QUOTED: Final = {code: f"%{code:02X}" for code in range(256) if code not in _PLAIN}
_ENTITIES: Final[dict[str, str | int | None]] = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_QUOTES: Final[dict[str, str | int | None]] = {'"': "&quot;", "'": "&#x27;"}
_WRAPS: Final = (64, 76)  # columns at which openssl and base64 begin another line
WRAPPED: Final = 16 << 10  # bytes of code
_HEX_WRAP: Final = 60  # and xxd
_ANSI: Final = {
    7: r"\a",
    8: r"\b",
    9: r"\t",
    10: r"\n",
    11: r"\v",
    12: r"\f",
    13: r"\r",
    27: r"\E",
    39: r"\'",
    92: r"\\",
}


def forms(secret: str) -> frozenset[bytes]:
    """Everything that is masked for a secret: its forms, and those of each of its lines, from four bytes on.

    One of more than 500 lines is masked as a whole only: nobody can look for so much in everything that is put out.
    """
    lines = secret.split("\n") if secret.count("\n") < LINES else []
    pieces = {secret, secret.strip(), *lines, *(line.strip() for line in lines)}
    kept = (piece for piece in pieces if piece == secret or not piece.isspace())
    long = (piece for piece in kept if len(raw_of(piece)) >= LEAST)
    return frozenset(form for piece in long for form in _forms(piece) if len(form) >= LEAST)


def secrets_in(value: Any) -> Iterator[str]:
    """What is to be masked of a sensitive value: all of it as one text, and the first thousand texts in it."""
    return islice(_texts_in(value), MOST)


def _texts_in(value: Any) -> Iterator[str]:
    if value is None or isinstance(value, bool):
        return  # there are too few of them to be a secret
    yield text_of(value)
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for item in items:
        yield from _texts_in(item)


def raw_of(text: str) -> bytes:
    """The bytes of a text: those it was read from where it holds what is no text."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _forms(text: str) -> Iterator[bytes]:
    raw = raw_of(text)
    yield raw
    for written in {*_urls(raw), *_json(text), *_shell(text), *_ansi(raw), *_other(text)}:
        yield raw_of(written)
    yield from _hex(raw)
    yield from _base64(raw)


def _urls(raw: bytes) -> Iterator[str]:
    text = raw.decode("latin-1")
    for safe in _SAFE:
        quoted = text.translate({code: sign for code, sign in _QUOTED.items() if code not in safe})
        for written in (quoted, quoted.replace("%20", "+")):
            yield written
            yield re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), written)


def _json(text: str) -> Iterator[str]:
    narrow, wide = (json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    upper = re.sub(r"\\u[0-9a-f]{4}", lambda code: rf"\u{code[0][2:].upper()}", narrow)
    for written in (narrow, wide, upper):
        yield written
        yield written.replace("/", r"\/")
        yield re.sub("[<>&]", lambda sign: rf"\u{ord(sign[0]):04x}", written)


def _shell(text: str) -> Iterator[str]:
    """As bash, dash and shlex write it between single quotes, between double ones, and between none."""
    yield text.replace("'", r"'\''")
    yield text.replace("'", "'\"'\"'")
    yield re.sub("'+", lambda signs: f"'\"{signs[0]}\"'", text)
    yield re.sub(r'([\\"$`])', r"\\\1", text)
    bare = re.sub(r"([][ \t!\"$&'()*,;<>?\\^`{|}])", r"\\\1", text)
    yield bare
    yield re.sub("^([#~])", r"\\\1", bare)


def _ansi(raw: bytes) -> Iterator[str]:
    """Between $' and ', as bash writes what cannot be shown; what is not ASCII as it is, or in octal."""
    octal = {code: rf"\{code:03o}" for code in (*range(32), 127)} | _ANSI
    high = {code: rf"\{code:03o}" for code in range(128, 256)}
    yield raw.decode("utf-8", "surrogateescape").translate(octal)
    yield raw.decode("latin-1").translate(octal | high)


def _other(text: str) -> Iterator[str]:
    yield repr(text)[1:-1]
    yield text.translate(str.maketrans(_ENTITIES))
    yield text.translate(str.maketrans(_ENTITIES | _QUOTES))


def _hex(raw: bytes) -> Iterator[bytes]:
    for code in (raw.hex().encode(), raw.hex().upper().encode()):
        yield code
        yield from _wrapped(code, _HEX_WRAP)


def _base64(raw: bytes) -> Iterator[bytes]:
    """Of each alignment what depends on nothing that stands around the secret."""
    for before in range(3):
        code = b64encode(bytes(before) + raw)
        whole = code[(0, 2, 3)[before] : (before + len(raw)) * 8 // 6]
        yield from (whole, whole.translate(bytes.maketrans(b"+/", b"-_")))
    for width in _WRAPS:
        yield from _wrapped(b64encode(raw)[: len(raw) * 8 // 6], width)


def _wrapped(code: bytes, width: int) -> Iterator[bytes]:
    """The lines of a long code, as tools that wrap it write them; of a book of keys they would be too many."""
    if width < len(code) <= WRAPPED:
        yield from (code[start : start + width] for start in range(0, len(code), width))
