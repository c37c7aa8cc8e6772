"""Floors: imports only go down, the domain stays pure, and the command line starts light."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final

from tests.house.sources import Source, dotted, python

FLOORS: Final = {
    "__main__": 5,
    **dict.fromkeys(("cli", "tui", "mcp", "web"), 4),
    "daemon": 3,
    **dict.fromkeys(("store", "api", "adapters", "vaults", "notifiers"), 2),
    **dict.fromkeys(("config", "ports", "plugins", "clock", "testing", "home", "failpoints"), 1),
    "domain": 0,
}
SIBLINGS: Final = {1}  # the only floor whose rooms may know each other
EFFECTS: Final = {"open", "print", "input", "breakpoint", "exec", "eval"}
LAZY: Final = {"daemon", "tui", "web", "mcp"}  # what the command line imports only when it is asked to
PURE: Final = frozenset(
    """
    __future__ abc base64 bisect calendar collections contextlib copy dataclasses datetime decimal difflib enum fnmatch
    fractions functools graphlib hashlib heapq hmac ipaddress itertools json keyword math numbers operator re
    statistics string struct textwrap types typing unicodedata weakref zoneinfo
    """.split()
)


def check_floors(sources: Sequence[Source]) -> list[str]:
    """Imports between rooms go down, and the rooms of I/O do not know each other."""
    return [
        f"{source.at(node)}: {source.room} may not import {module}"
        for source in python(sources, "polysync")
        for node, module in imports(source)
        if module.startswith("polysync.") and not _allowed(source.room, module.split(".")[1])
    ]


def check_rooms(sources: Sequence[Source]) -> list[str]:
    """Every room has a floor."""
    rooms = {source.room for source in python(sources, "polysync")} - {"__init__"}
    return [f"polysync/{room}: on no floor" for room in sorted(rooms - FLOORS.keys())]


def check_purity(sources: Sequence[Source]) -> list[str]:
    """The domain imports itself and the pure parts of the standard library."""
    return [
        f"{source.at(node)}: the domain may not import {module}"
        for source in python(sources, "polysync")
        if source.room == "domain"
        for node, module in imports(source)
        if module.split(".")[0] not in PURE | {"polysync"}
    ]


def check_stillness(sources: Sequence[Source]) -> list[str]:
    """The domain never waits, opens, prints or asks for input."""
    waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    return [
        f"{source.path}:{getattr(node, 'lineno', 0)}: the domain does no I/O"
        for source in python(sources, "polysync")
        if source.room == "domain"
        for node in source.nodes
        if isinstance(node, waits) or (isinstance(node, ast.Call) and dotted(node.func) in EFFECTS)
    ]


def check_lightness(sources: Sequence[Source]) -> list[str]:
    """The command line imports daemon, tui, web and mcp inside the function that needs them."""
    found = []
    for source in python(sources, "polysync"):
        if source.room != "cli":
            continue
        inside = {id(node) for function in source.functions for node in ast.walk(function)}
        found += [
            f"{source.at(node)}: the command line imports {module} only when it is called"
            for node, module in imports(source)
            if module.startswith("polysync.") and module.split(".")[1] in LAZY and id(node) not in inside
        ]
    return found


def imports(source: Source) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Every import of a file, wherever it stands, as the module's full name."""
    for node in source.nodes:
        match node:
            case ast.Import(names=names):
                yield from ((node, alias.name) for alias in names)
            case ast.ImportFrom(module=None) | ast.ImportFrom(level=1 | 2 | 3):
                yield node, "polysync.(relative)"
            case ast.ImportFrom(module="polysync", names=names):
                yield from ((node, f"polysync.{alias.name}") for alias in names if not alias.name.startswith("__"))
            case ast.ImportFrom(module=str(module)):
                yield node, module
            case ast.Call(func=func, args=[ast.Constant(value=str(module)), *_]) if dotted(func) in DYNAMIC:
                yield node, module


DYNAMIC: Final = {"__import__", "import_module", "importlib.import_module"}


def _allowed(room: str, other: str) -> bool:
    upper, lower = FLOORS.get(room, -1), FLOORS.get(other, 9)
    if room == other or upper != lower:
        return upper >= lower
    if room == "cli":
        return other in LAZY
    return upper in SIBLINGS
