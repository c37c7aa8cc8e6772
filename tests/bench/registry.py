"""All families of bars; a new one is one file beside this one, and one line here."""

from __future__ import annotations

from typing import Final

from tests.bench import schedules
from tests.bench.bars import Family

FAMILIES: Final[tuple[Family, ...]] = (*schedules.FAMILIES,)
