"""Dependencies between services, kept free of circles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def _reaches(edges: Mapping[str, list[str]], start: str, goal: str) -> bool:
    seen, rest = {start}, [start]
    while rest:
        here = rest.pop()
        if here == goal:
            return True
        fresh = [name for name in edges.get(here, []) if name not in seen]
        seen.update(fresh)
        rest += fresh
    return False


def without_circles(wanted: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """The edges in `wanted`, less each that would close a circle or leads nowhere."""
    edges: dict[str, list[str]] = {}
    for name, others in wanted.items():
        kept = [other for other in dict.fromkeys(others) if other in wanted and not _reaches(edges, other, name)]
        edges[name] = kept
    return edges
