"""The simulation is worth something only if it catches a driver that is wrong: each mutant must be found out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polysync.daemon.attempt import Attempts
from polysync.daemon.driver import Driver
from polysync.domain.effects import AttemptOpened, Record, RunCreated
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run
from polysync.ports import PortError
from polysync.store.rows import AuditEntry
from tests.driver_simulation.course import live_through
from tests.driver_simulation.life import Life
from tests.driver_simulation.storage import Journal
from tests.seeds import seed_of

SEEDS = 60  # within which a mutant must be found out


class ActsBeforeItStores(Life):
    """Says that a decision is durable, and stores it with the next one."""

    class Late(Journal):
        """The part that is wrong."""

        held: tuple[list[Record], list[AuditEntry]] = ([], [])

        async def commit(self, records: Iterable[Record], audit: Iterable[AuditEntry] = ()) -> None:
            before, self.held = self.held, (list(records), list(audit))
            await super().commit(*before)

    journal_kind = Late


class ForgetsFacts(Life):
    """Does not tell a new engine what was lost with a failed commit."""

    class Forgetful(Driver):
        """The part that is wrong."""

        async def _recover(self, batch: Any, error: PortError) -> None:
            await super()._recover([told for told in batch if hasattr(told, "answer")], error)

    driver_kind = Forgetful


class GuessesThatItIsOver(Life):
    """Takes an execution that it may not see any more for one that has ended."""

    class Sure(Attempts):
        """The part that is wrong."""

        async def _follow_once(self, *given: Any) -> Exit | None:
            told = await super()._follow_once(*given)
            return replace(told, uncertain=False) if told is not None else None

    launcher_kind = Sure


class StartsWithoutLooking(Life):
    """Begins anew what was under way when the daemon went, under a word of its own."""

    class Hasty(Attempts):
        """The part that is wrong."""

        def attach(self, run: Run, attempt: Attempt) -> None:
            self.start(run, replace(attempt, token=f"{attempt.token}-again"))

    launcher_kind = Hasty


class LosesRuns(Life):
    """Says that a run is stored, and does not store it, once its first attempt is open too."""

    class Leaky(Journal):
        """The part that is wrong."""

        async def commit(self, records: Iterable[Record], audit: Iterable[AuditEntry] = ()) -> None:
            records = list(records)
            asked = any(isinstance(record, RunCreated) and record.run.tags for record in records)
            opened = any(isinstance(record, AttemptOpened) for record in records)
            await super().commit([] if asked and not opened else records, audit)

    journal_kind = Leaky


@pytest.mark.slow
@pytest.mark.parametrize(
    "mutant", [ActsBeforeItStores, ForgetsFacts, GuessesThatItIsOver, StartsWithoutLooking, LosesRuns]
)
def test_a_mutant_is_found_out(mutant: type[Life], tmp_path: Path) -> None:
    first = seed_of("mutants")
    for seed in range(first, first + SEEDS):
        (tmp_path / str(seed)).mkdir()
        try:
            live_through(seed, tmp_path / str(seed), mutant)
        except Exception:  # noqa: BLE001 - however it is found out
            return
    pytest.fail(f"POLYSYNC_SEED={first}: nobody noticed")
