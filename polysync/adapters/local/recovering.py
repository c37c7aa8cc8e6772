"""What is left of an attempt whose shim died: it is found, asked to end, and ended, before anybody starts it again."""

from __future__ import annotations

from datetime import timedelta

from polysync.adapters.local.handles import Place


async def clear_away(place: Place) -> None:
    """End what outlived its shim: after this, no copy of the command runs."""


async def end_all(place: Place, grace: timedelta) -> None:
    """Ask the group to end, and end what is left."""
