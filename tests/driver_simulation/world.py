"""Everything that outlives a daemon: clocks, file, executions, output, and what people asked for and were told."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import Any

from polysync.domain.effects import Record
from polysync.domain.settings import Configuration
from polysync.testing import SimClock
from tests.driver_simulation.places import Execution, Places
from tests.driver_simulation.storage import Storage
from tests.driver_simulation.verdict import Witness

CORRECTED = timedelta(hours=3)


class Shelf:
    """Output, as it is stored."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, int, str], bytes] = {}

    async def append(
        self, run_id: int, attempt: int, stream: str, offset: int, data: bytes, at: datetime, piece: int
    ) -> int:
        """Store output; a gap is a bug."""
        del at, piece
        before = self.kept.get((run_id, attempt, stream), b"")
        assert offset <= len(before), f"output of {run_id}/{attempt} has a hole"
        assert before[offset:].startswith(data[: len(before) - offset]), "output changed"
        self.kept[run_id, attempt, stream] = before + data[len(before) - offset :]
        return len(self.kept[run_id, attempt, stream])

    async def leave_out(self, run_id: int, attempt: int, stream: str, offset: int, length: int, at: datetime) -> int:
        """Nothing here is as large as that."""
        raise AssertionError(f"{length} bytes of {run_id}/{attempt} {stream} were left out at {offset}, {at}")

    def owe(self, run_id: int, attempt: int, stream: str, offset: int, length: int, at: datetime) -> None:
        """Nothing here is as large as that."""
        raise AssertionError(f"{length} bytes of {run_id}/{attempt} {stream} are owed at {offset}, {at}")

    async def drop_oldest(self, run_id: int, wanted: int) -> Mapping[int, int]:
        """Nothing here is as large as that."""
        raise AssertionError(f"{wanted} bytes of {run_id} were dropped")

    async def sizes(self, run_id: int) -> Mapping[int, tuple[int, int]]:
        """How much of each attempt is kept."""
        found: dict[int, tuple[int, int]] = {}
        for (run, number, _), data in self.kept.items():
            if run == run_id:
                found[number] = (found.get(number, (0, 0))[0] + len(data), 0)
        return found

    async def ends(self, run_id: int) -> Mapping[tuple[int, str], int]:
        """Where the output of a run ends."""
        return {(number, name): len(data) for (run, number, name), data in self.kept.items() if run == run_id}

    async def pieces(self, run_id: int, after: int, limit: int) -> list[tuple[int, Any]]:
        """Nobody reads here."""
        del run_id, after, limit
        return []


class World:
    """One seed's world."""

    def __init__(self, seed: int, folder: Path, configuration: Configuration, wall: datetime) -> None:
        self.seed = seed
        self.folder = folder
        self.lives = 0
        self.dice = random.Random(f"acts {seed}")
        self.clock = SimClock(wall)
        self.first_at: datetime | None = None  # when a daemon first got as far as to decide anything
        self.configuration = configuration  # the file
        self.versions = [configuration]
        self.happened: Counter[str] = Counter()
        self.storage = Storage(self.saw)
        self.places = Places(seed, self.clock, self.saw, self._launching)
        self.shelf = Shelf()
        self.witness = Witness()
        self.boots = 1
        self.latest = wall  # the newest wall time that a daemon decided under
        self.corrected = False  # the clock was set so far back that slots may come again
        self.asked = 0
        self.told: dict[int, int | None] = {}  # the run that was promised, by request
        self.events: list[tuple[timedelta, int, Any]] = []
        self._order = count()
        self.trace = sha256()
        (folder / "0").mkdir()

    # ---- what happens

    def saw(self, what: str) -> None:
        """Something happened that must happen in some seed."""
        self.happened[what] += 1

    def at(self, when: timedelta, act: Any) -> None:
        """Have something happen, in boot time from now."""
        heappush(self.events, (self.clock.read().boot + when, next(self._order), act))

    def next_act(self) -> Any:
        """What is due now, if anything is."""
        if self.events and self.events[0][0] <= self.clock.read().boot:
            return heappop(self.events)[2]
        return None

    def rest(self, end: timedelta) -> float:
        """How many seconds nothing happens, up to `end`."""
        until = min(end, self.events[0][0]) if self.events else end
        return max(0.0, (until - self.clock.read().boot).total_seconds())

    def jump(self, *, step: timedelta | None = None, suspend: timedelta | None = None) -> None:
        """Set the wall clock, or let the host sleep."""
        after = self.clock.step(step) if step else self.clock.suspend(suspend or timedelta(0))
        self.corrected |= self.latest - after.wall > CORRECTED

    # ---- the file

    @property
    def home(self) -> Path:
        """The folder of the daemon that lives now."""
        return self.folder / str(self.lives)

    def leave(self, connections: list[sqlite3.Connection]) -> None:
        """Keep the file as a dead process left it, half a transaction in its log and all."""
        before = self.home
        self.lives += 1
        shutil.copytree(before, self.home, ignore=shutil.ignore_patterns("*-shm"))
        self.witness.close()
        for connection in connections:
            connection.close()
        shutil.rmtree(before)

    def stored(self, records: list[Record]) -> None:
        """A decision is durable: see whether it was allowed."""
        self.latest = max(self.latest, self.clock.read().wall)
        self.trace.update(repr(records).encode())
        self.witness.look()
        untouched = len(self.versions) == 1
        by_task = {name: task.max_concurrent for name, task in self.versions[0].tasks.items()}
        few = self.configuration.contention["few"].max or 1000 if untouched else 1000
        self.witness.keeps_limits(self.configuration.daemon.max_running, by_task if untouched else None, few)

    def _launching(self, execution: Execution) -> None:
        self.witness.may_launch(execution.run_id, execution.number, execution.token)
        others = [one for one in self.places.running() if one.run_id == execution.run_id]
        assert not others, f"run {execution.run_id} is executed twice at once: {others}"
        mine = self.witness.fact(execution.run_id)
        if mine.instance:
            others = [one for one in self.places.running() if one.run_id not in self.places.doubtful]
            facts = [self.witness.fact(one.run_id) for one in others]
            doubled = [fact for fact in facts if (fact.task, fact.instance) == (mine.task, mine.instance)]
            assert not doubled, f"{mine.task} {mine.instance} is executed twice at once"

    def reload(self, **changes: Any) -> Configuration:
        """Another file."""
        self.configuration = replace(self.configuration, **changes)
        self.versions.append(self.configuration)
        return self.configuration
