"""Which secrets an attempt is given, and the cover that is made of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from polysync.daemon.recipe import Recipe, named_secrets
from polysync.domain.cover import Cover
from polysync.domain.disguise import secrets_in
from polysync.domain.masking import Masks
from polysync.domain.variables import Variables
from polysync.ports import Secret

NO_COVER: Final = Cover()
LONG: Final = 2000  # characters: for more, to work out what is looked for takes long enough to be done aside
REMEMBERED: Final = 256  # covers: what is looked for is worked out once for all attempts with the same secrets


class Given(NamedTuple):
    """What an attempt is given that may be secret."""

    about: Variables  # with the parameters
    settings: Mapping[str, Any]
    secrets: Mapping[str, Secret]


class Veils:
    """Covers by what they cover."""

    def __init__(self) -> None:
        self._covers: dict[tuple[frozenset[str], frozenset[str]], Cover] = {}

    async def cover(self, given: Given, recipe: Recipe) -> Cover:
        """The cover of an attempt that is given this."""
        sealed = frozenset(_sealed(given, recipe))
        secrets = sealed.union(_sensitive(given, recipe))
        cover = self._covers.get((secrets, sealed))
        if cover is None:
            if len(self._covers) >= REMEMBERED:
                self._covers.clear()
            cover = Cover(Masks(secrets), Masks(sealed))
            if sum(map(len, secrets)) > LONG:
                await asyncio.to_thread(cover.masks.prepare)
            self._covers[secrets, sealed] = cover
        return cover

    def clear(self) -> None:
        """Other secrets may hold from here on."""
        self._covers.clear()


def _sealed(given: Given, recipe: Recipe) -> Iterator[str]:
    """What comes from vaults."""
    for name, value in given.about.parameters.items():
        if name in recipe.vaults and name not in given.about.run.overrides:
            yield from _opened(value)
    yield from _opened(given.secrets)
    yield from _opened(given.settings)


def _sensitive(given: Given, recipe: Recipe) -> Iterator[str]:
    """What nobody may see for another reason."""
    for name, value in given.about.parameters.items():
        if name in recipe.sensitive:
            yield from secrets_in(value.reveal() if isinstance(value, Secret) else value)
    yield from named_secrets(given.settings)


def _opened(value: Any) -> Iterator[str]:
    if isinstance(value, Secret):
        yield value.reveal()
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for item in items:
        yield from _opened(item)
