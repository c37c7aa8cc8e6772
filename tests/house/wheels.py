"""Wheels: the core installs on any Python, because nothing in it was compiled."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import Distribution, distribution
from typing import Final

from packaging.requirements import Requirement

PURE: Final = "Root-Is-Purelib: true"


def check_wheels(wheels: Mapping[str, str]) -> list[str]:
    """Every distribution of the core came as a pure wheel; takes the text of each one's WHEEL file."""
    return [f"{name}: has a compiled wheel" for name, text in wheels.items() if PURE not in text.splitlines()]


def core_wheels() -> dict[str, str]:
    """The WHEEL files of everything that an installation without extras brings along."""
    wheels: dict[str, str] = {}
    wanted = _needs(distribution("polysync"))
    while wanted:
        name = wanted.pop()
        if name not in wheels:
            found = distribution(name)
            wheels[name] = found.read_text("WHEEL") or ""
            wanted += _needs(found)
    return wheels


def _needs(found: Distribution) -> list[str]:
    requirements = [Requirement(text) for text in found.requires or []]
    return [r.name.lower() for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
