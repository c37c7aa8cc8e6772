"""Random configurations under random troubles: what must always hold, and what must sometimes happen."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

from polysync.domain import inputs as ins
from polysync.domain.run import FINAL, LIVE, Reason, State
from polysync.domain.values import Trigger
from tests.seeds import seed_of
from tests.simulation import chance
from tests.simulation.simulator import Simulator

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
    live = [run for run in simulator.journal.open.values() if run.state in LIVE]
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
    locked = [lock for run in live for lock in simulator.journal.definitions[run.definition].locks]
    assert len(locked) == len(set(locked)), locked


def live_through(seed: int) -> Simulator:
    """One seed: two days of trouble, then quiet until everything has ended."""
    dice = random.Random(seed)
    simulator = Simulator(chance.configuration(dice), chance.begin_of(dice), chance.script(seed), after_step=always)
    chance.spread(simulator, dice, DAYS, 120)
    simulator.boot()
    simulator.run_for(DAYS)
    calm(simulator)
    return simulator


def calm(simulator: Simulator) -> None:
    """Faults off: after this nothing may be left over."""
    simulator.revive()
    simulator.tell(ins.SetDiskLow(low=False), ins.ConfirmClock())
    simulator.run_for(timedelta(hours=1))
    tasks = {name: chance.silent(task) for name, task in simulator.configuration.tasks.items()}
    simulator.reload(chance.with_tasks(simulator.configuration, tasks))
    simulator.tell(*(ins.Stop(run.id) for run in simulator.journal.open.values() if run.state is State.HELD))
    simulator.run_for(timedelta(days=40))


def test_every_seed_keeps_the_promises_and_everything_happens_somewhere() -> None:
    first = seed_of("seeds")
    seen: set[object] = set()
    for seed in range(first, first + MOST):
        if seed - first >= BATCH and seen >= MUST_HAPPEN:
            break
        simulator = live_through(seed)
        left = {run.id: run.state for run in simulator.journal.open.values() if run.state is not State.WAITING}
        assert not left, f"POLYSYNC_SEED={seed}"
        for run in simulator.journal.runs.values():
            seen |= {run.trigger, run.end_reason}
            assert run.state in FINAL or run.state is State.WAITING
        seen |= {state for _, _, state in simulator.journal.history}
    assert seen >= MUST_HAPPEN, f"POLYSYNC_SEED={first}: never happened: {MUST_HAPPEN - seen}"


def test_one_seed_gives_the_same_history_again() -> None:
    seed = seed_of("replay")
    assert live_through(seed).journal.history == live_through(seed).journal.history
