"""Records: frozen to whoever checks types, and cheap to make.

A frozen dataclass sets each field through the door that it keeps shut to others, which makes one three times as
expensive; of some kinds every firing makes several.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

Kind = TypeVar("Kind")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(kind: type[Kind]) -> type[Kind]:
    """`kind` as a record: fields in slots, equal by value, and nobody changes one."""
    return dataclass(slots=True, unsafe_hash=True)(kind)
