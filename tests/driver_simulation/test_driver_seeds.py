"""The real driver under random troubles: what must always hold, what must come to an end, and what must sometimes happen."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from polysync.domain.inputs import ConfirmClock, SetDiskLow, Stop
from polysync.domain.run import Reason, State
from polysync.store.check import full_check
from tests.driver_simulation.life import Life, one_life
from tests.driver_simulation.troubles import world_of
from tests.driver_simulation.verdict import FINAL
from tests.driver_simulation.world import World
from tests.seeds import seed_of
from tests.simulation import chance

LENGTH = timedelta(hours=16)
ACTS = 60
BATCH = 30


def live_through(seed: int, folder: Path) -> World:
    world = world_of(seed, folder, LENGTH, ACTS)
    end = world.clock.read().boot + LENGTH
    while world.clock.read().boot < end:
        one_life(world, end)
        world.clock.advance(timedelta(seconds=world.dice.choice([0, 1, 60, 4000])))
    return world


def test_try(tmp_path: Path) -> None:
    for seed in range(int(os.environ.get("S", "0")), int(os.environ.get("S", "0"))+int(os.environ.get("N", "5"))):
        (tmp_path / str(seed)).mkdir()
        world = live_through(seed, tmp_path / str(seed))
        print(seed, world.lives, len(world.witness.states), dict(world.happened))
