"""All families of bars; a new one is one file beside this one, and one line here."""

from __future__ import annotations

from typing import Final

from tests.bench import (
    bursts,
    commands,
    crowds,
    ingest,
    lists,
    logs_reading,
    pruning,
    quiet,
    reading,
    reloads,
    scale,
    schedules,
    starts,
    store_steps,
    throughput,
)
from tests.bench.bars import Family

FAMILIES: Final[tuple[Family, ...]] = (
    *throughput.FAMILIES,
    *bursts.FAMILIES,
    *crowds.FAMILIES,
    *quiet.FAMILIES,
    *starts.FAMILIES,
    *reloads.FAMILIES,
    *store_steps.FAMILIES,
    *reading.FAMILIES,
    *ingest.FAMILIES,
    *logs_reading.FAMILIES,
    *pruning.FAMILIES,
    *commands.FAMILIES,
    *lists.FAMILIES,
    *schedules.FAMILIES,
    *scale.FAMILIES,
)
