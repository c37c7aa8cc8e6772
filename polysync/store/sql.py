"""Statements by name, from the files that hold nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

_MARK: Final = "-- name:"


@cache
def statements(name: str) -> Mapping[str, str]:
    """The statements of `queries/<name>.sql`, each by the name in the line above it."""
    return MappingProxyType(
        parse(files("polysync.store").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8"))
    )


def parse(text: str) -> dict[str, str]:
    """Split a file into its `-- name: …` blocks; what stands before the first one is a comment."""
    found: dict[str, str] = {}
    for block in text.split(_MARK)[1:]:
        title, _, body = block.partition("\n")
        name = title.strip()
        if name in found:
            raise ValueError(f"two statements are named {name}")
        found[name] = body.strip().removesuffix(";")
    return found
