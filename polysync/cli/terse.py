"""JSON and addresses in as little as they need: the module `json` alone would cost more than a request."""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, whose import alone would take longer than a request
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

BARE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")


class _Usual:
    """How JSON is read: nothing special."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float = float
    parse_int = int
    memo: dict[str, str] = {}  # noqa: RUF012 - what the scanner looks for

    parse_constant = float


def loads(body: bytes) -> Any:
    """The value of a JSON text; `ValueError` where it is none."""
    try:
        from _json import make_scanner

        text = body.decode().strip(" \t\r\n")
        found, end = make_scanner(_Usual)(text, 0)  # type: ignore[arg-type]  # it asks for the attributes only
        if end == len(text):
            return found
    except (ImportError, StopIteration, SystemError, ValueError):
        pass  # no such part in this interpreter, or no JSON: the whole module knows what to say
    from json import loads as read

    return read(body)


def dumps(value: Any) -> str:
    """A value as JSON, as `json.dumps` writes it."""
    if type(value) is dict and all(type(name) is str for name in value):
        return "{" + ", ".join(f"{_quoted(name)}: {dumps(held)}" for name, held in value.items()) + "}"
    if type(value) is str:
        return _quoted(value)
    if value is True or value is False:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    from json import dumps as write

    return write(value)


def _quoted(text: str) -> str:
    try:
        from _json import encode_basestring_ascii
    except ImportError:  # pragma: no cover - as above
        from json import dumps as write

        return write(text)
    quoted: str = encode_basestring_ascii(text)
    return quoted


def target(path: str, query: Mapping[str, Any]) -> str:
    """A path with its query, as it stands in a request; what is None is left out."""
    given = "&".join(
        f"{_escaped(name, b'')}={_escaped(str(value), b'')}" for name, value in query.items() if value is not None
    )
    return _escaped(path, b"/") + (f"?{given}" if given else "")


def _escaped(text: str, kept: bytes) -> str:
    """Text in an address; a word that is not UTF-8 keeps its bytes, and the daemon says what it thinks of them."""
    data = text.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in BARE or byte in kept else f"%{byte:02X}" for byte in data)
