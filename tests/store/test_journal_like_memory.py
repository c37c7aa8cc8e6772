"""The journal in SQLite and the one in memory are told the same, and remember the same."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from polysync.domain.effects import Record
from polysync.domain.rows import Snapshot
from polysync.testing import MemoryJournal
from tests.seeds import seed_of
from tests.simulation import chance, service_chance
from tests.simulation.simulator import Simulator
from tests.store.inline import inline_journal, now

SEEDS = 3


class Both(MemoryJournal):
    """Tells both journals the same, and compares whatever they are asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.stored = inline_journal(folder)
        self.compared = 0

    def commit(self, records: Iterable[Record]) -> None:
        many = list(records)
        now(self.stored.commit(many))
        super().commit(many)

    def snapshot(self) -> Snapshot:
        found, wanted = now(self.stored.snapshot()), super().snapshot()
        assert found == comparable(wanted)
        self.compared += 1
        return wanted

    def taken_after(self, at: datetime) -> dict[str, frozenset[datetime]]:
        found, wanted = now(self.stored.taken_after(at)), super().taken_after(at)
        assert found == wanted
        return wanted

    def reopen(self) -> None:
        """Let another process take over: its memory is empty."""
        now(self.stored.close())
        self.stored = inline_journal(self.folder)


def look_again(simulator: Simulator) -> None:
    """Compare what both hold now, and go on with an empty memory."""
    assert isinstance(simulator.journal, Both)
    simulator.journal.snapshot()
    simulator.journal.reopen()


def comparable(snapshot: Snapshot) -> Snapshot:
    """The store keeps no empty joins, and hands out only the definitions that open runs need."""
    needed = {run.definition for run in snapshot.runs.values()}
    return replace(
        snapshot,
        held={task: events for task, events in snapshot.held.items() if events},
        definitions={digest: task for digest, task in snapshot.definitions.items() if digest in needed},
    )


@pytest.mark.slow
def test_both_journals_remember_the_same_of_every_story(tmp_path: Path) -> None:
    first, lives = seed_of("journals"), 0
    for seed in range(first, first + SEEDS):
        dice = random.Random(seed)
        configuration = replace(chance.configuration(dice), services=service_chance.services(dice))
        simulator = Simulator(configuration, chance.begin_of(dice), service_chance.script(seed))
        (folder := tmp_path / str(seed)).mkdir()
        both = simulator.journal = Both(folder)
        length = timedelta(days=1)
        chance.spread(simulator, dice, length, 60)
        service_chance.spread(simulator, dice, length, 60)
        for hour in range(0, 24, 3):
            simulator.at(timedelta(hours=hour), look_again)
        simulator.boot()
        simulator.run_for(length)
        both.snapshot()
        assert both.compared > 8
        assert both.runs
        lives += sum(run.instance > 0 for run in both.runs.values())
        now(both.stored.close())
    assert lives
