"""Random configurations under random troubles: what must always hold, and what must sometimes happen."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from polysync.domain import inputs as ins
from polysync.domain.run import FINAL, LIVE, Reason, State
from polysync.domain.slices import SLICE
from polysync.domain.values import Trigger
from tests.faults import fault
from tests.seeds import seed_of
from tests.simulation import chance
from tests.simulation.simulator import Commit, Simulator

DAYS = timedelta(days=2)
BATCH = 60  # seeds of one run of the suite
MOST = 600  # seeds after which what has not happened yet is said never to happen
# What the engine itself decides; the rest of the vocabulary comes from adapters and from later rooms.
MUST_HAPPEN = {
    *(state for state in State),
    Trigger.CRON,
    Trigger.CATCHUP,
    Trigger.MANUAL,
    Trigger.DEPENDENCY,
    Trigger.STARTUP,
    Reason.TIMEOUT,
    Reason.MAX_DURATION,
    Reason.STALE,
    Reason.DENIED,
    Reason.APPROVAL_EXPIRED,
    Reason.UPSTREAM_FAILED,
    Reason.STOPPED,
    Reason.OVERLAP_TERMINATED,
    Reason.SHUTDOWN,
    Reason.OVERLAP,
    Reason.QUEUE_FULL,
    Reason.MISSED,
    Reason.DEADLINE,
    Reason.PAUSED,
    Reason.SKIP_NEXT,
    Reason.DISABLED,
    Reason.REMOVED,
    Reason.QUEUE_TIMEOUT,
    Reason.NOT_STARTED_IN_TIME,
    Reason.CONTENTION,
    Reason.RETRIES_EXHAUSTED,
}


def always(simulator: Simulator) -> None:
    """After every step: no limit exceeded, no lock held twice."""
    live = [run for run in simulator.journal.open.values() if run.state in LIVE and not run.instance]
    configuration = simulator.configuration
    if simulator.untouched:
        assert len(live) <= configuration.daemon.max_running
        for name, count in Counter(run.task for run in live).items():
            assert count <= configuration.tasks[name].max_concurrent, name
        cluster = sum(run.platform == "cluster" for run in live)
        assert cluster <= configuration.platforms["cluster"].max_running
        few = configuration.contention["few"]
        counted = sum("few" in configuration.tasks[run.task].contention for run in live)
        assert counted <= (few.max or counted)
    locked = [lock for run in live for lock in simulator.journal.definitions[run.definition].task.locks]
    assert len(locked) == len(set(locked)), locked


def live_through(seed: int, *, traced: bool = False) -> Simulator:
    """One seed: two days of trouble, then quiet until everything has ended."""
    dice = random.Random(seed)
    size = random.Random(f"size {seed}").choice([1, 2, 7, SLICE])  # whatever fits into one call, the promises hold
    simulator = Simulator(
        chance.configuration(dice), chance.begin_of(dice), chance.script(seed), after_step=always, size=size
    )
    simulator.trace = [] if traced else None
    chance.spread(simulator, dice, DAYS, 120)
    simulator.boot()
    simulator.run_for(DAYS)
    ends_at = calm(simulator)
    every_slot_has_a_row(simulator, ends_at)
    return simulator


def calm(simulator: Simulator) -> datetime:
    """Faults off: after this nothing may be left over; returns when the schedules ended."""
    simulator.next_commit = Commit.STORED
    simulator.revive()
    simulator.tell(ins.SetDiskLow(low=False), ins.ConfirmClock())
    simulator.run_for(timedelta(hours=1))
    tasks = {name: chance.silent(task) for name, task in simulator.configuration.tasks.items()}
    ends_at = max(simulator.seen, simulator.clock.read().wall)  # it may have been set back meanwhile
    simulator.reload(chance.with_tasks(simulator.configuration, tasks))
    simulator.tell(*(ins.Stop(run.id) for run in simulator.journal.open.values() if run.state is State.HELD))
    simulator.run_for(timedelta(days=40))
    return ends_at


def every_slot_has_a_row(simulator: Simulator, ends_at: datetime) -> None:
    """Each slot of a schedule that nobody touched ran once, or one row says why it did not."""
    begin, versions = simulator.versions[0], simulator.versions[:-1]
    for name, task in begin.tasks.items() if not simulator.corrected else ():
        kept = [version.tasks.get(name) for version in versions]
        if task.cron and all(one is not None and one.cron == task.cron for one in kept):
            due = set(chance.due(task.cron[0], begin.zone, simulator.began_at, ends_at))
            judge(simulator, name, due)


def judge(simulator: Simulator, name: str, due: set[datetime]) -> None:
    rows = [run for run in simulator.journal.runs.values() if run.task == name and run.scheduled_for is not None]
    ran = {run.scheduled_for for run in rows if run.last_slot is None}
    covered: Counter[datetime] = Counter()
    for run in rows:
        first, last = run.scheduled_for or run.created_at, run.last_slot or run.scheduled_for or run.created_at
        span = {at for at in due if first <= at <= last}
        covered.update(span)
        between = span & ran
        assert run.last_slot is None or not between, f"{name}: a row from {first} to {last} covers {between}"
        assert len(span) >= run.slots, (name, first, last)
    assert covered.keys() == due, (name, sorted(due ^ covered.keys()))
    assert sum(run.slots for run in rows) == len(due), name


def nothing_is_left(simulator: Simulator) -> None:
    """What belongs to runs goes with them: the memory of a quiet engine is its configuration's."""
    simulator.reload(simulator.configuration)
    simulator.run_for(timedelta(seconds=1))  # what did not fit into the call
    assert simulator.engine is not None
    sizes = simulator.engine.sizes()
    waiting = len(simulator.journal.open)
    for kind in ("attempts", "signs", "locks", "line", "joins", "alarms", "agenda"):
        assert sizes[kind] == 0, (kind, sizes)
    assert sizes["runs"] == waiting
    assert sizes["indexed"] == waiting
    assert sizes["timers"] <= waiting
    assert sizes["definitions"] <= len(simulator.configuration.tasks) + waiting


@fault("F1", "F26", "F27", "F28")
@pytest.mark.slow
def test_every_seed_keeps_the_promises_and_everything_happens_somewhere() -> None:
    first = seed_of("seeds")
    seen: set[object] = set()
    for seed in range(first, first + MOST):
        if seed - first >= BATCH and seen >= MUST_HAPPEN:
            break
        simulator = live_through(seed)
        left = {run.id: run.state for run in simulator.journal.open.values() if run.state is not State.WAITING}
        assert not left, f"POLYSYNC_SEED={seed}"
        nothing_is_left(simulator)
        for run in simulator.journal.runs.values():
            seen |= {run.trigger, run.end_reason}
            assert run.state in FINAL or run.state is State.WAITING
        seen |= {state for _, _, state in simulator.journal.history}
    assert seen >= MUST_HAPPEN, f"POLYSYNC_SEED={first}: never happened: {MUST_HAPPEN - seen}"


def test_one_seed_gives_the_same_history_again() -> None:
    seed = seed_of("replay")
    assert live_through(seed, traced=True).trace == live_through(seed, traced=True).trace
