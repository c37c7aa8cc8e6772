"""Plug-ins by entry point: adapters, vaults and notifiers, ours and other people's alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from polysync.config.suggest import did_you_mean
from polysync.domain.errors import PolysyncError


class Kind(StrEnum):
    """What a plug-in is; its value is the group of entry points."""

    ADAPTER = "polysync.adapters"
    VAULT = "polysync.vaults"
    NOTIFIER = "polysync.notifiers"


class PluginMissing(PolysyncError):
    """No plug-in of that name is installed."""


class PluginBroken(PolysyncError):
    """A plug-in is installed but does not load."""


def installed(group: str) -> Iterable[EntryPoint]:
    """The entry points of this Python environment."""
    return entry_points(group=group)


def listing(kind: Kind, source: Callable[[str], Iterable[EntryPoint]] = installed) -> Mapping[str, EntryPoint]:
    """The plug-ins of one kind by name, sorted; nothing is imported."""
    found: dict[str, EntryPoint] = {}
    for entry in sorted(source(kind.value), key=lambda entry: (entry.name, entry.value)):
        other = found.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise PluginBroken(f"two {kind.name.lower()}s are called {entry.name}: {other.value} and {entry.value}")
    return found


def load(kind: Kind, name: str, source: Callable[[str], Iterable[EntryPoint]] = installed) -> Any:
    """The plug-in itself: the one moment at which its code is imported."""
    found = listing(kind, source)
    if name not in found:
        meant = did_you_mean(name, found, quoted=False)
        hint = meant or f"installed: {', '.join(found) or 'none'}"
        raise PluginMissing(f"no {kind.name.lower()} is called {name}; {hint}")
    try:
        return found[name].load()
    except (ImportError, AttributeError) as error:
        message = f"the {kind.name.lower()} {name} does not load: {error}; is the package it needs installed?"
        raise PluginBroken(message) from error
