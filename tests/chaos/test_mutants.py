"""The harness counts only if it notices daemons that are broken on purpose, and leaves a sound one alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.chaos.campaign import Campaign, Strike
from tests.chaos.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.chaos]
BUSY = [Strike(after=1.5, trouble=f"journal.before_commit=raise:EBUSY@{passage}") for passage in (5, 6)]
# With slots to catch up on, the first decision of a life falls on one of these commits.
COMMITS = [Strike("journal.after_commit", passage, pause=1.2) for passage in (5, 4, 5, 6)]
# What breaks, the strikes under which it must show, and what the judge must find at least one of.
MUTANTS: Sequence[tuple[str, Sequence[Strike], set[str]]] = (
    ("anchor-first", COMMITS, {"slots lost"}),
    ("run-first", COMMITS, {"daemons wedged", "slots doubled"}),
    (
        "reply-first",
        [Strike(after=after) for after in (0.7, 0.9, 1.1, 1.3)],
        {"acknowledged but lost", "phantom executions", "slots lost"},
    ),
    ("no-claim", [Strike("local.after_spawn"), Strike("local.after_spawn", 2)], {"attempts executed twice"}),
    ("offset-from-zero", [Strike(after=after) for after in (1.5, 1.8, 2.1)], {"streams with wrong bytes"}),
    ("early-exit", [Strike("logs.after_commit")], {"streams with wrong bytes"}),
    ("no-sweep", [Strike("local.before_forget"), Strike("local.before_forget", 2)], {"spools left behind"}),
    ("deaf", BUSY, {"slots lost", "acknowledged but lost", "daemons wedged"}),
    (
        "early-forget",
        [Strike(after=after) for after in (1.7, 2.0, 2.3)],
        {"attempts executed twice", "wrong exit codes"},
    ),
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    Site(tmp_path).clear()


def verdict_on(name: str, folder: Path, strikes: Sequence[Strike]) -> tuple[set[str], str]:
    """What the judge finds wrong with a mutant, and everything about it for whoever has to look."""
    campaign = Campaign(Site(folder, ("-m", "tests.chaos.mutant_daemon", name)), seed=0, patience=8)
    campaign.strike_all(strikes)
    campaign.settle()
    verdict = campaign.judged()
    return set(verdict["wrong"]), f"{verdict}\n{(folder / 'daemon.log').read_text()[-4000:]}"


@pytest.mark.parametrize(("name", "strikes", "faults"), MUTANTS, ids=[name for name, _, _ in MUTANTS])
def test_the_mutant_is_noticed(name: str, strikes: Sequence[Strike], faults: set[str], folder: Path) -> None:
    found, everything = verdict_on(name, folder, strikes)
    assert found & faults, everything


def test_the_sound_daemon_composed_in_the_same_way_is_left_alone(folder: Path) -> None:
    strikes = [*COMMITS[:3], *BUSY, Strike("local.after_spawn"), Strike(after=1.5)]
    found, everything = verdict_on("sound", folder, strikes)
    assert not found, everything
