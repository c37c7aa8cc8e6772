"""Rows that are being changed: the values of their columns, and each other field as JSON by itself.

A step changes a few fields of dozens.  So only those are written as JSON anew, and the row is put together
from pieces; every row ends in a checksum over the rest of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, Final, Generic, TypeVar, get_type_hints
from zlib import crc32

from polysync.store.codec import Shape, dumps, loads, text_of, way_of
from polysync.store.errors import StorageBroken

Row = TypeVar("Row")


# How much of a row has changed: its document, the columns that change at every step of a life, or any others.
NOTED: Final = 0
MOVED: Final = 1
CHANGED: Final = 2


class Line:
    """One row that is being changed."""

    __slots__ = ("columns", "parts", "touched")

    def __init__(self, columns: list[Any], parts: dict[str, str] | None) -> None:
        self.columns = columns
        self.parts = parts  # JSON by the name of the field, with its key; None: nothing was ever noted
        self.touched = NOTED

    def values(self) -> tuple[Any, ...]:
        """The row as it is stored: columns, document, checksum."""
        columns, parts = self.columns, self.parts
        doc = None if parts is None else f"{{{','.join(parts.values())}}}"
        return (*columns, doc, crc32(f"{columns!r}{doc}".encode()))


class Form(Generic[Row]):
    """How the rows of one class lie in a table: which fields are columns, in their order; "" is none of the class."""

    def __init__(
        self,
        kind: type[Row],
        columns: Mapping[str, str],
        named: Callable[[Sequence[Any]], str],
        moved: Collection[str] = (),
    ) -> None:
        hints = get_type_hints(kind)
        apart = [field for field in columns.values() if field]
        self._shape = Shape(kind, omit=apart, sparse=True)
        self._named = named
        self._size = len(columns)
        self._columns: Final = {
            field: (place, _bound(hints[field]), MOVED if field in moved else CHANGED)
            for place, field in enumerate(columns.values())
            if field
        }
        self._written = _write_out(columns, self._columns)
        # The object of a stored row, whose checksum is left to whoever looks at it more closely.
        self.shown: Callable[[Sequence[Any]], Row] = _read_out(kind, hints, self._columns, self._size)
        self.titles: Final = ", ".join((*columns, "doc", "checksum"))  # what `line` and `load` want, in its order

    def new(self, row: Row) -> Line:
        """The line of a row that is not stored yet."""
        return Line(self._written(row), self._shape.parts(row))

    def change(self, line: Line, changes: Mapping[str, Any]) -> None:
        """Set fields of a line."""
        columns, texts = self._columns, self._shape.texts
        parts = line.parts
        if parts is None:
            parts = line.parts = {}
        for name, value in changes.items():
            column = columns.get(name)
            if column is not None:
                place, bind, touched = column
                line.columns[place] = value if bind is None or value is None else bind(value)
                line.touched |= touched
                continue
            part = texts[name](value)
            if part is None:
                parts.pop(name, None)
            else:
                parts[name] = part

    def line(self, row: Sequence[Any]) -> Line:
        """The line of a stored row; one that is not what was written raises `StorageBroken`."""
        doc = self._verified(row)[self._size]
        parts = None if doc is None else {name: f'"{name}":{dumps(value)}' for name, value in loads(doc).items()}
        return Line(list(row[: self._size]), parts)

    def load(self, row: Sequence[Any]) -> Row:
        """The object of a stored row; one that is not what was written raises `StorageBroken`."""
        return self.shown(self._verified(row))

    def document(self, row: Row) -> str:
        """The JSON of every field that is no column."""
        return self._shape.dump(row)

    def _verified(self, row: Sequence[Any]) -> Sequence[Any]:
        return verify(row, self._named(row))


def checksum(values: Iterable[Any]) -> int:
    """A checksum over the values of a row, of which the last is a text or None."""
    *columns, last = values
    return crc32(f"{columns!r}{last}".encode())


def sealed(*values: Any) -> tuple[Any, ...]:
    """The values of a row, with their checksum."""
    return (*values, checksum(values))


def verify(row: Sequence[Any], name: str) -> Sequence[Any]:
    """The row, unless its last value is not the checksum of the others: that raises `StorageBroken`."""
    *columns, last, stored = row
    if crc32(f"{columns!r}{last}".encode()) != stored:
        raise StorageBroken(f"the row of {name} is damaged: its checksum does not fit; put back a copy of the database")
    return row


def _write_out(titles: Mapping[str, str], columns: Mapping[str, Any]) -> Callable[[Any], list[Any]]:
    """A function with one line for each column, which makes their values of an object."""
    names = {f"bind_{field}": bind for field, (_, bind, _) in columns.items()}
    lines = ["def written(row):", " return ["]
    for field in titles.values():
        bound = "None" if not field else f"row.{field}"
        if field and columns[field][1] is not None:
            bound = f"None if row.{field} is None else bind_{field}(row.{field})"
        lines.append(f"  {bound},")
    exec("\n".join([*lines, " ]"]), names)  # noqa: S102 - the text holds names of fields and nothing from outside
    made: Callable[[Any], list[Any]] = names["written"]
    return made


def _read_out(kind: Any, hints: Mapping[str, Any], columns: Mapping[str, Any], doc: int) -> Callable[[Any], Any]:
    """A function with one line for each field: pages of runs are asked for all the time."""
    names: dict[str, Any] = {"kind": kind, "loads": loads}
    lines = ["def shown(row):", f" doc = loads(row[{doc}] or '{{}}')", " return kind("]
    for f in fields(kind):
        name, unpack = f.name, way_of(hints[f.name]).unpack
        names[f"unpack_{name}"], names[f"born_{name}"] = unpack, f.default
        column = name in columns
        stored = f"row[{columns[name][0]}]" if column else f"doc[{name!r}]"
        value = stored if unpack is None else f"unpack_{name}({stored})"
        if f.default_factory is not MISSING:
            names[f"make_{name}"] = f.default_factory
        born = f"born_{name}" if f.default_factory is MISSING else f"make_{name}()"
        lines.append(f"  {name}=" + (value if column else f"{value} if {name!r} in doc else {born}") + ",")
    exec("\n".join([*lines, " )"]), names)  # noqa: S102 - the text holds names of fields and nothing from outside
    made: Callable[[Any], Any] = names["shown"]
    return made


def _bound(hint: Any) -> Callable[[Any], Any] | None:
    """How a value becomes that of a column; None is never asked."""
    pack = way_of(hint).pack
    return text_of if hint in {str, str | None} else pack
