"""Rows as JSON and back, by their type hints, compiled once per class.

Instants and spans are whole microseconds.  A substituted string is stored as it stands in the file, never
with the value that it stands for.  A sparse shape leaves out what is as born, which keeps rows small; it is
for rows whose defaults mean "nothing"; those of definitions, which may change with a version, are kept beside them.
A key that no field has any more is passed over.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from functools import cache
from json.encoder import encode_basestring_ascii as quoted  # in C where it can be
from typing import Any, Final, Generic, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from polysync.domain.definition import Substituted

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TAG: Final = "!"  # {"!": [kind, data]} is what JSON has no word for
_NEWEST: Final = [(EPOCH, 0)]  # the newest instant that was asked for: most fields of a row hold the same one
_EXACT: Final = 2**52  # microseconds: below it a float of seconds is off by less than half of one
_MICROSECOND: Final = timedelta(microseconds=1)
_ATOMS: Final = frozenset({str, int, float, bool, type(None)})

Row = TypeVar("Row")
Convert = Callable[[Any], Any]
dumps: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
loads: Final = json.loads


class Way(NamedTuple):
    """There and back again; None where a value goes as it is."""

    pack: Convert | None = None
    unpack: Convert | None = None


def micros(at: datetime) -> int:
    """An aware instant as microseconds since 1970."""
    known, count = _NEWEST[0]
    if at is known:
        return count
    since = at - EPOCH
    count = (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds
    _NEWEST[0] = at, count
    return count


def text_of(text: str) -> str:
    """Text that can be bound: half a surrogate pair, which no encoding has, is written out."""
    text = _written(text)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def moment(count: int) -> datetime:
    """The instant that `micros` gave the number of."""
    if 0 <= count < _EXACT:
        return datetime.fromtimestamp(count / 1_000_000, UTC)
    return EPOCH + timedelta(microseconds=count)


def micros_or_none(at: datetime | None) -> int | None:
    """An instant, where there is one, as microseconds since 1970."""
    return None if at is None else micros(at)


def moment_or_none(count: int | None) -> datetime | None:
    """The instant that `micros_or_none` gave the number of."""
    return None if count is None else moment(count)


class Shape(Generic[Row]):
    """One class of rows as JSON objects."""

    def __init__(self, kind: type[Row], *, omit: Iterable[str] = (), sparse: bool = False) -> None:
        hints, left = get_type_hints(kind), set(omit)
        chosen = [f for f in fields(kind) if f.name not in left]  # type: ignore[arg-type]  # only dataclasses come here
        ways = {f.name: way_of(hints[f.name]) for f in chosen}
        self._kind = kind
        self._unpack = {name: way.unpack for name, way in ways.items()}
        self.pack: Callable[[Row], dict[str, Any]] = _written_out(chosen, ways, sparse=sparse)
        # Each field as JSON with its key, or None where it is as born; and all of a row that are not.
        self.texts = {f.name: _text(f, hints[f.name]) for f in chosen}
        self.parts: Callable[[Row], dict[str, str]] = _apart(chosen, self.texts)

    def unpack(self, doc: Mapping[str, Any], **given: Any) -> Row:
        """The row that `pack` made `doc` of; `given` are the fields that were left out."""
        ways = self._unpack
        for name, value in doc.items():
            if name in ways:
                unpack = ways[name]
                given[name] = value if unpack is None else unpack(value)
        return self._kind(**given)

    def dump(self, row: Row) -> str:
        """The row as JSON text."""
        return dumps(self.pack(row))

    def load(self, text: str, **given: Any) -> Row:
        """The row that `dump` made `text` of."""
        return self.unpack(loads(text), **given)


def _written_out(chosen: Sequence[Field[Any]], ways: Mapping[str, Way], *, sparse: bool) -> Convert:
    """A function with one line for each field: much faster than a loop, and it runs for every commit."""
    lines, names = ["def pack(row):", " doc = {}"], dict[str, Any]()
    for f in chosen:
        name, pack = f.name, ways[f.name].pack
        names[f"pack_{name}"], names[f"born_{name}"] = pack, f.default
        lines.append(f" value = row.{name}")
        if sparse and f.default_factory is not MISSING:
            lines.append(" if value:")
        else:
            lines.append(f" if value is not born_{name}:" if sparse else " if True:")
        lines.append(f"  doc[{name!r}] = " + ("value" if pack is None else f"pack_{name}(value)"))
    lines.append(" return doc")
    exec("\n".join(lines), names)  # noqa: S102 - the text holds names of fields and nothing from outside
    made: Convert = names["pack"]
    return made


def _apart(chosen: Sequence[Field[Any]], texts: Mapping[str, Callable[[Any], str | None]]) -> Convert:
    """A function with one line for each field, which asks for no text where the default stands by itself."""
    lines, names = ["def parts(row):", " doc = {}"], dict[str, Any]()
    for f in chosen:
        name = f.name
        names[f"text_{name}"], names[f"born_{name}"] = texts[name], f.default
        lines.append(f" value = row.{name}")
        lines.append(" if value:" if f.default_factory is not MISSING else f" if value is not born_{name}:")
        lines.append(f"  doc[{name!r}] = text_{name}(value)")
    lines.append(" return doc")
    exec("\n".join(lines), names)  # noqa: S102 - the text holds names of fields and nothing from outside
    made: Convert = names["parts"]
    return made


def _text(f: Field[Any], hint: Any) -> Callable[[Any], str | None]:
    """How one field becomes JSON with its key; None where it is as born."""
    key, text, born = f"{quoted(f.name)}:", _json_of(hint), f.default
    if f.default_factory is not MISSING:
        return lambda value: key + text(value) if value else None
    return lambda value: None if value is born else key + text(value)


def _json_of(hint: Any) -> Callable[[Any], str]:
    """How a value of a type becomes JSON; for the plain ones that is faster than any encoder."""
    plain_text = _JSON.get(hint)
    if plain_text is not None:
        return plain_text
    choices = get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)
    members = [kind for kind in choices if isinstance(kind, type) and issubclass(kind, Enum)]
    if members:
        words = dict[Any, str]({None: "null"})
        words.update((member, dumps(member.value)) for member in members[0])
        return words.__getitem__
    pack = way_of(hint).pack
    return dumps if pack is None else lambda value: dumps(pack(value))


@cache
def way_of(hint: Any) -> Way:
    """How values of a type are packed and unpacked."""
    if hint in _FIXED:
        return _FIXED[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _optional(hint, arguments)
    if origin is tuple:
        return _tuple(arguments)
    if origin is not None and issubclass(origin, Mapping):
        return _table(*map(way_of, arguments))
    if isinstance(hint, type) and issubclass(hint, Enum):
        # A table is several times as fast as a call of the class.
        return Way({member: member.value for member in hint}.__getitem__, {one.value: one for one in hint}.__getitem__)
    if is_dataclass(hint) and isinstance(hint, type):
        shape = Shape(hint)
        return Way(shape.pack, shape.unpack)
    raise TypeError(f"{hint} has no form in the database")


def plain(value: Any) -> Any:
    """Data without a declared type, with a tag where JSON has no word for it."""
    if type(value) in _ATOMS:
        return value
    if isinstance(value, str):
        return _written(value)
    if isinstance(value, Mapping):
        table = {str(key): plain(item) for key, item in value.items()}
        return {TAG: ["table", table]} if TAG in table else table
    if isinstance(value, list):
        return [plain(item) for item in value]
    for kind, name, pack, _ in _TAGS:
        if isinstance(value, kind):
            return {TAG: [name, pack(value)]}
    raise TypeError(f"a {type(value).__name__} has no form in the database")


def restored(value: Any) -> Any:
    """What `plain` was given."""
    if isinstance(value, list):
        return [restored(item) for item in value]
    if not isinstance(value, dict):
        return value
    if TAG not in value:
        return {key: restored(item) for key, item in value.items()}
    name, data = value[TAG]
    return _UNTAG[name](data)


def _table_of(data: dict[str, Any]) -> dict[str, Any]:
    return {key: restored(item) for key, item in data.items()}


def _written(text: str) -> str:
    if type(text) is str:
        return text
    return text.written if isinstance(text, Substituted) else str(text.value if isinstance(text, Enum) else text)


def _span(count: int) -> timedelta:
    return timedelta(microseconds=count)


def _optional(hint: Any, arguments: tuple[Any, ...]) -> Way:
    rest = [argument for argument in arguments if argument is not type(None)]
    if len(rest) != 1:
        raise TypeError(f"{hint} has no form in the database")
    pack, unpack = way_of(rest[0])
    return Way(_or_none(pack), _or_none(unpack))


def _or_none(convert: Convert | None) -> Convert | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def _tuple(arguments: tuple[Any, ...]) -> Way:
    if arguments[-1] is Ellipsis:
        pack, unpack = way_of(arguments[0])
        return Way(
            list if pack is None else lambda many: [pack(one) for one in many],
            tuple if unpack is None else lambda many: tuple(unpack(one) for one in many),
        )
    ways = [way_of(argument) for argument in arguments]
    packs, unpacks = [way.pack or _same for way in ways], [way.unpack or _same for way in ways]
    return Way(
        lambda many: [pack(one) for pack, one in zip(packs, many, strict=True)],
        lambda many: tuple(unpack(one) for unpack, one in zip(unpacks, many, strict=True)),
    )


def _table(keys: Way, values: Way) -> Way:
    pack_key, pack = keys.pack or _same, values.pack or _same
    unpack_key, unpack = keys.unpack or _same, values.unpack or _same
    return Way(
        lambda table: {pack_key(key): pack(value) for key, value in table.items()},
        lambda table: {unpack_key(key): unpack(value) for key, value in table.items()},
    )


def _same(value: Any) -> Any:
    return value


def _quoted_or_null(text: str | None) -> str:
    return "null" if text is None else quoted(_written(text))


def _number_or_null(number: int | None) -> str:
    return "null" if number is None else int.__repr__(number)


def _micros_or_null(at: datetime | None) -> str:
    return "null" if at is None else str(micros(at))


def _texts(many: Iterable[str]) -> str:
    return f"[{','.join([quoted(_written(one)) for one in many])}]"


def _table_text(table: Mapping[str, Any]) -> str:
    return f"{{{','.join([f'{quoted(str(key))}:{_any(value)}' for key, value in table.items()])}}}"


def _any(value: Any) -> str:
    """What `plain` makes of data without a type, as JSON."""
    kind = type(value)
    if kind is str:
        return quoted(value)
    if kind is int:
        return repr(value)
    return _table_text(value) if kind is dict and TAG not in value else dumps(plain(value))


_JSON: Final[dict[Any, Callable[[Any], str]]] = {
    tuple[str, ...]: _texts,
    Mapping[str, str]: _table_text,
    Mapping[str, Any]: _table_text,
    Mapping[str, Any] | None: lambda table: "null" if table is None else _table_text(table),
    str: _quoted_or_null,
    str | None: _quoted_or_null,
    int: _number_or_null,
    int | None: _number_or_null,
    datetime: _micros_or_null,
    datetime | None: _micros_or_null,
}

_FIXED: Final[dict[Any, Way]] = {
    Any: Way(plain, restored),
    str: Way(_written),
    int: Way(),
    float: Way(),
    bool: Way(),
    datetime: Way(micros, moment),
    timedelta: Way(lambda span: span // _MICROSECOND, _span),
}
# A datetime is a date: it comes first.
_TAGS: Final[tuple[tuple[type, str, Convert, Convert], ...]] = (
    (tuple, "tuple", lambda many: [plain(one) for one in many], lambda many: tuple(restored(one) for one in many)),
    (datetime, "datetime", datetime.isoformat, datetime.fromisoformat),
    (date, "date", date.isoformat, date.fromisoformat),
    (time, "time", time.isoformat, time.fromisoformat),
    (timedelta, "span", lambda span: span // _MICROSECOND, _span),
)
_UNTAG: Final[dict[str, Convert]] = {"table": _table_of, **{name: unpack for _, name, _, unpack in _TAGS}}
