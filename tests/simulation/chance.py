"""A random configuration and random troubles, all from one seed; each kind of trouble is on or off per seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from polysync.domain import inputs as ins
from polysync.domain.approvals import Decision
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import Blocker, Reason
from polysync.domain.settings import Configuration, Daemon, Platform, Profile
from polysync.domain.task import Approval, Edge, Task
from polysync.domain.values import (
    Algorithm,
    Catchup,
    EdgeOn,
    OnExceed,
    OnStale,
    OnStart,
    Outcome,
    Overlap,
    ProfileType,
    Quorum,
    Trigger,
    UpstreamFailure,
)
from tests.simulation.oracle import Plan, halves, slots
from tests.simulation.simulator import Commit, Script, Simulator

EVERY_HOUR = frozenset(range(24))
PLANS = {  # the schedules in the words of the oracle
    "*/10 * * * *": Plan(frozenset(range(0, 60, 10)), EVERY_HOUR, interval=True),
    "7 * * * *": Plan(frozenset({7}), EVERY_HOUR, interval=True),
    "*/30 * * * *": Plan(frozenset({0, 30}), EVERY_HOUR, interval=True),
    "15 */2 * * *": Plan(frozenset({15}), frozenset(range(0, 24, 2)), interval=True),
    "0 3 * * *": Plan(frozenset({0}), frozenset({3})),
    "30 2 * * *": Plan(frozenset({30}), frozenset({2})),
}
BEAT = timedelta(minutes=25)
CRONS = (*PLANS, "@every 25m")
SECONDS = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def profiles(dice: random.Random) -> dict[str, Profile]:
    """A shared concurrency limit and a rate limit, with any way of dealing with a full one."""
    few = Profile(
        name="few",
        type=ProfileType.CONCURRENCY,
        max=dice.randrange(1, 3),
        on_exceed=dice.choice([OnExceed.QUEUE, OnExceed.REJECT]),
        queue_timeout=dice.choice([None, timedelta(minutes=5)]),
        queue_size=dice.choice([None, 2]),
    )
    slow = Profile(
        name="slow",
        type=ProfileType.RATE,
        algorithm=dice.choice(list(Algorithm)),
        limit=dice.randrange(1, 5),
        window=HOUR,
        burst=dice.choice([None, 1, 3]),
        on_exceed=dice.choice(list(OnExceed)),
    )
    return {"few": few, "slow": slow}


def tasks(dice: random.Random) -> dict[str, Task]:
    """A handful of tasks, some in a chain, each with a random set of habits."""
    made: dict[str, Task] = {}
    for number in range(dice.randrange(4, 9)):
        name = f"task-{number}"
        made[name] = Task(name=name, run="true", **habits(dice, list(made)))
    return made


def habits(dice: random.Random, earlier: list[str]) -> dict[str, Any]:
    """Keys of one task; each habit is rare enough that tasks stay different."""
    rare: dict[str, Callable[[], Any]] = {
        "jitter": lambda: timedelta(minutes=dice.randrange(1, 9)),
        "start_after": lambda: timedelta(minutes=dice.randrange(1, 9)),
        "expires_after": lambda: timedelta(minutes=dice.randrange(5, 90)),
        "start_deadline": lambda: timedelta(minutes=dice.randrange(10, 300)),
        "timeout": lambda: timedelta(minutes=dice.randrange(1, 20)),
        "max_duration": lambda: timedelta(minutes=dice.randrange(5, 60)),
        "stale_after": lambda: timedelta(minutes=dice.randrange(2, 10)),
        "warn_after": lambda: timedelta(minutes=3),
        "must_start_by": lambda: timedelta(minutes=3),
        "dead_letter": lambda: True,
        "locks": lambda: (dice.choice(["db", "tape"]),),
        "contention": lambda: (dice.choice(["few", "slow"]),),
        "approval": lambda: Approval(before=dice.random() < 0.5, after=dice.random() < 0.5, ttl=2 * HOUR),
        "run_on_start": lambda: dice.choice([OnStart.DAEMON, OnStart.BOOT]),
        "enabled": lambda: False,
        "queue_max": lambda: dice.randrange(1, 4),
        "platform": lambda: "cluster",
        "priority": lambda: dice.randrange(-20, 20),
    }
    keys: dict[str, Any] = {name: make() for name, make in rare.items() if dice.random() < 0.2}
    keys["cron"] = (dice.choice(CRONS),) if dice.random() < 0.8 else ()
    keys["catch_up"] = dice.choice(list(Catchup))
    keys["on_overlap"] = dice.choice(list(Overlap))
    keys["on_stale"] = dice.choice(list(OnStale))
    keys["max_concurrent"] = dice.randrange(1, 4)
    keys["retry_attempts"] = dice.randrange(4)
    keys["retry_delay"] = timedelta(minutes=dice.randrange(1, 6))
    if earlier and dice.random() < 0.5:
        keys |= joins(dice, earlier)
    return keys


def joins(dice: random.Random, earlier: list[str]) -> dict[str, Any]:
    """Dependencies on one or two of the tasks before."""
    picked = dice.sample(earlier, min(len(earlier), dice.randrange(1, 3)))
    return {
        "depends_on": tuple(Edge(task=name, on=dice.choice(list(EdgeOn))) for name in picked),
        "depends_mode": dice.choice([Quorum(), Quorum(1), Quorum(60, percent=True)]),
        "depends_trigger": dice.random() < 0.7,
        "on_upstream_failure": dice.choice(list(UpstreamFailure)),
        "depends_max_age": dice.choice([None, 6 * HOUR]),
    }


def configuration(dice: random.Random) -> Configuration:
    """A whole random configuration."""
    cluster = Platform(name="cluster", type="slurm", max_running=dice.randrange(1, 4))
    return Configuration(
        tasks=tasks(dice),
        contention=profiles(dice),
        platforms={"cluster": cluster},
        daemon=Daemon(max_running=dice.randrange(2, 9)),
        zone=dice.choice(["UTC", "Europe/Bratislava", "America/New_York"]),
    )


EXITS = (
    Exit(code=0),
    Exit(code=1, error="no route to host"),
    Exit(code=75),
    Exit(status=Outcome.FATAL, error="no such table"),
    Exit(status=Outcome.SKIPPED),
    Exit(reason=Reason.LOST),
    Exit(reason=Reason.HOST_REBOOTED),
    Exit(code=137, signal="KILL"),
    Exit(reason=Reason.START_FAILED, error="no such shell"),
    Exit(reason=Reason.SECRET_ERROR, error="vault is sealed"),
    Exit(reason=Reason.PRECHECK),
    Exit(reason=Reason.LOG_FULL),
    Exit(code=1, retry_after=timedelta(minutes=7)),
)
WEIGHTS = (20, 4, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)


def script(seed: int) -> Script:
    """Executions of any length, some far too long, that end in any way."""

    def play(run: Run, attempt: Attempt) -> tuple[timedelta, Exit]:
        dice = random.Random(f"{seed}/{run.id}/{attempt.number}")
        length = SECONDS * dice.choice([1, 40, 300, 1500, 9000])
        return length, dice.choices(EXITS, WEIGHTS)[0]

    return play


def troubles(dice: random.Random) -> dict[str, Callable[[Simulator], None]]:
    """What may happen next, by name; a seed switches each kind on or off."""
    every: dict[str, Callable[[Simulator], None]] = {
        "submit": lambda sim: submit(sim, dice),
        "stop": lambda sim: with_run(sim, dice, lambda run: sim.tell(ins.Stop(run.id, "s"))),
        "decide": lambda sim: decide(sim, dice),
        "full log": lambda sim: with_run(sim, dice, lambda run: full_log(sim, run, dice)),
        "report": lambda sim: with_run(sim, dice, lambda run: report(sim, run, dice)),
        "release": lambda sim: with_run(sim, dice, lambda run: sim.tell(ins.Release(run.id, "r"))),
        "pause": lambda sim: pause(sim, dice),
        "skip": lambda sim: sim.tell(ins.SkipNext(a_task(sim, dice), "k")),
        "disk": lambda sim: disk(sim, dice),
        "crash": lambda sim: sim.crash_after(dice.randrange(12), SECONDS * dice.randrange(1, 9000)),
        "suspend": lambda sim: sim.suspend(SECONDS * dice.randrange(3, 20_000)),
        "forward": lambda sim: sim.step(SECONDS * dice.randrange(3, 9000)),
        "back": lambda sim: sim.step(-SECONDS * dice.randrange(3, 9000)),
        "correction": lambda sim: sim.step(-SECONDS * dice.randrange(11_000, 90_000)),
        "reload": lambda sim: reload(sim, dice),
        "shutdown": lambda sim: shutdown(sim, dice),
        "repeat": lambda sim: repeat(sim, dice),
        "commit": lambda sim: fail_commit(sim, dice),
        "mute": lambda sim: mute(sim, dice),
    }
    odds = {"correction": 0.3}  # after one, slots may come again: nobody can account for them
    return {name: act for name, act in every.items() if dice.random() < odds.get(name, 0.7)} or {
        "submit": every["submit"]
    }


def a_task(simulator: Simulator, dice: random.Random) -> str:
    return dice.choice([*simulator.configuration.tasks, "no-such-task"])


def with_run(simulator: Simulator, dice: random.Random, act: Callable[[Run], None]) -> None:
    if simulator.journal.open:
        act(dice.choice(list(simulator.journal.open.values())))


def submit(simulator: Simulator, dice: random.Random) -> None:
    now = simulator.clock.read().wall
    simulator.tell(
        ins.Submit(
            task=a_task(simulator, dice),
            key="submit",
            hold=dice.random() < 0.1,
            start_at=dice.choice([None, None, now + HOUR, now - HOUR]),
            expires_after=dice.choice([None, HOUR]),
            priority=dice.choice([None, 50]),
            trigger=dice.choice(ASKED),
            logical_at=dice.choice([None, now - 24 * HOUR]),
        )
    )


ASKED = (Trigger.MANUAL, Trigger.MANUAL, Trigger.EVENT, Trigger.FILE, Trigger.WEBHOOK, Trigger.CHILD, Trigger.BACKFILL)


def repeat(simulator: Simulator, dice: random.Random) -> None:
    """Have an adapter say something again, or at a time when it is long over."""
    if simulator.said:
        told = dice.choice(list(simulator.said))
        simulator.at(SECONDS * dice.choice([0, 1, 100, 4000]), lambda sim: sim.tell(told))


def fail_commit(simulator: Simulator, dice: random.Random) -> None:
    simulator.next_commit = dice.choice([Commit.LOST, Commit.UNANSWERED])


def mute(simulator: Simulator, dice: random.Random) -> None:
    simulator.muted += dice.randrange(1, 4)


def report(simulator: Simulator, run: Run, dice: random.Random) -> None:
    simulator.tell(ins.AttemptReported(run.id, run.attempt, progress=(dice.randrange(101), "x"), outputs={"rows": 3}))


def full_log(simulator: Simulator, run: Run, dice: random.Random) -> None:
    """Output that is dropped, of this attempt or one that is over or not there yet; sometimes the end of the run."""
    attempt = max(1, run.attempt + dice.randrange(-1, 2))
    simulator.tell(ins.LogDropped(run.id, attempt, dice.choice(["the oldest is dropped", "there is no room"])))
    if dice.random() < 0.3:
        simulator.tell(ins.LogFull(run.id, attempt))


def decide(simulator: Simulator, dice: random.Random) -> None:
    waiting = [run for run in simulator.journal.open.values() if run.blocked_on is not None]
    asked = [run for run in waiting if run.blocked_on is not None and run.blocked_on.kind is Blocker.APPROVAL]
    if asked:
        run, decision = dice.choice(asked), dice.choice(list(Decision))
        simulator.tell(ins.Decide(run.id, decision, "d", comment="as you like"))


def pause(simulator: Simulator, dice: random.Random) -> None:
    task = a_task(simulator, dice)
    until = simulator.clock.read().wall + HOUR * dice.randrange(1, 5)
    asked: list[ins.Input] = [ins.Pause(task, "p"), ins.Pause(task, "p", until), ins.Resume(task, "p")]
    simulator.tell(dice.choice(asked))


def disk(simulator: Simulator, dice: random.Random) -> None:
    simulator.tell(ins.SetDiskLow(low=True))
    simulator.at(SECONDS * dice.randrange(1, 4000), lambda sim: sim.tell(ins.SetDiskLow(low=False)))


def reload(simulator: Simulator, dice: random.Random) -> None:
    """Remove, add, change, disable: whatever a person does to the file in an afternoon."""
    made = dict(simulator.configuration.tasks)
    name = dice.choice(list(made))
    match dice.randrange(4):
        case 0 if len(made) > 2:
            made = without(made, name)
        case 1:
            fresh = f"task-{dice.randrange(100, 999)}"
            made[fresh] = Task(name=fresh, run="true", **habits(dice, list(made)[:2]))
        case 2:
            made[name] = replace(made[name], enabled=not made[name].enabled)
        case _:
            made[name] = Task(name=name, run="true", **habits(dice, []))
    simulator.reload(replace(simulator.configuration, tasks=made, contention=profiles(dice)))


def without(made: dict[str, Task], name: str) -> dict[str, Task]:
    kept = {key: task for key, task in made.items() if key != name}
    return {
        key: replace(task, depends_on=tuple(edge for edge in task.depends_on if edge.task != name))
        for key, task in kept.items()
    }


def shutdown(simulator: Simulator, dice: random.Random) -> None:
    simulator.tell(ins.Shutdown(stop=dice.random() < 0.5))
    simulator.at(SECONDS * dice.randrange(1, 600), Simulator.revive)


def spread(simulator: Simulator, dice: random.Random, length: timedelta, count: int) -> None:
    """Spread `count` troubles of the kinds that this seed has over `length`."""
    kinds = troubles(dice)
    for _ in range(count):
        act = kinds[dice.choice(list(kinds))]
        simulator.at(SECONDS * dice.randrange(int(length.total_seconds())), act)


def due(cron: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    """When a schedule that is first seen at `begin` is due, up to and with `end`, by the oracle."""
    if cron not in PLANS:
        return [begin + BEAT * number for number in range(1, (end - begin) // BEAT + 1)]
    cut = halves(zone, begin - timedelta(days=1), end)
    return [at for at in slots(PLANS[cron], cut) if begin < at <= end]


def begin_of(dice: random.Random) -> datetime:
    """A day near a clock change as often as not."""
    days = ("2026-03-28T20:00", "2026-10-24T20:00", "2026-11-01T01:00", "2026-06-10T00:00")
    return datetime.fromisoformat(dice.choice(days)).replace(tzinfo=UTC)


def silent(task: Task) -> Task:
    """The same task without anything that starts it by itself."""
    return replace(task, cron=(), run_on_start=OnStart.NO)


def with_tasks(configuration: Configuration, tasks: dict[str, Task]) -> Configuration:
    """The same configuration with other tasks."""
    return replace(configuration, tasks=tasks)
