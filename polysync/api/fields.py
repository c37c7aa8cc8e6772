"""What a route takes, declared once: read and checked by it, and described by it in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from polysync.api import asked
from polysync.api.asked import LARGEST_ID, LONGEST_WORD, Problems

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: how it is read, and what JSON Schema says of it."""

    read: Callable[[Any], Any]  # raises ValueProblem
    schema: Schema


@dataclass(frozen=True, slots=True)
class Field:
    """One value that a route takes, in its query or in its body."""

    name: str
    kind: Kind
    text: str  # one sentence for people
    default: Any = None
    required: bool = False


WORD: Final = Kind(asked.word, {"type": "string", "minLength": 1, "maxLength": LONGEST_WORD})
PROSE: Final = Kind(asked.prose, {"type": "string", "maxLength": 8 * LONGEST_WORD})
FLAG: Final = Kind(asked.flag, {"type": "boolean"})
INSTANT: Final = Kind(asked.instant, {"type": "string", "format": "date-time"})
COMING: Final = Kind(asked.coming, {"type": "string", "format": "date-time"})
SPAN: Final = Kind(asked.span, {"type": "string", "examples": ["15s", "1h30m"]})
TABLE: Final = Kind(asked.table, {"type": "object", "propertyNames": WORD.schema})
TAGS: Final = Kind(asked.tags, {**TABLE.schema, "additionalProperties": WORD.schema, "maxProperties": asked.MOST_TAGS})


def number(low: int, high: int = LARGEST_ID) -> Kind:
    """A whole number from `low` to `high`."""
    return Kind(asked.between(low, high), {"type": "integer", "minimum": low, "maximum": high})


def choice(kind: type[StrEnum]) -> Kind:
    """One of the words of a closed choice."""
    return Kind(asked.one_of(kind), {"type": "string", "enum": [word.value for word in kind]})


def choices(kind: type[StrEnum]) -> Kind:
    """Words of a closed choice with commas between them, each once."""
    word = "|".join(kind)
    schema = {"type": "string", "pattern": f"^({word})(,({word}))*$", "examples": [",".join(list(kind)[:2])]}
    return Kind(asked.some_of(kind), schema)


def read(fields: Sequence[Field], given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every field; all that is wrong with them is refused at once."""
    take = Problems(given, frozenset(field.name for field in fields))
    values = {field.name: take.take(field.name, field.kind.read, field.default) for field in fields}
    for field in fields:
        if field.required and given.get(field.name) is None:
            take.add(field.name, "must be given")
    take.refuse()
    return values
