"""Random edits with reloads while everything fires: what runs is what the file says, and nothing is lost."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import Reason, State
from polysync.domain.settings import Configuration, Daemon
from polysync.domain.task import Task
from polysync.domain.values import UNLIMITED
from tests.faults import fault
from tests.seeds import seed_of
from tests.simulation.simulator import Commit, Simulator
from tests.simulation.story import NOON

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
NAMES = [f"t{number}" for number in range(12)]
PERIODS = (1, 2, 3, 5, 7)


@dataclass
class Line:
    """What the oracle knows of one task: the minutes it is due in, and since when."""

    minutes: frozenset[int]
    since: datetime
    enabled: bool = True
    body: int = 0  # which edit gave it what it executes
    alone: bool = False  # one run at a time


@dataclass
class Oracle:
    """What must have happened, worked out from the edits alone, minute by minute."""

    lines: dict[str, Line] = field(default_factory=dict)
    slots: dict[tuple[str, datetime], bool] = field(default_factory=dict)  # and whether it was to run
    files: dict[datetime, dict[str, bool]] = field(default_factory=dict)  # every file: its tasks, and which are enabled
    looked: datetime = NOON

    def pass_time(self, now: datetime) -> None:
        """Note every slot up to `now`."""
        at = self.looked.replace(second=0, microsecond=0) + MINUTE
        while at <= now:
            for name, line in self.lines.items():
                if at.minute in line.minutes and line.since < at:
                    self.slots[name, at] = line.enabled
            at += MINUTE
        self.looked = now

    def next_of(self, name: str) -> datetime:
        """The next minute in which a task is due."""
        at = self.looked.replace(second=0, microsecond=0) + MINUTE
        while at.minute not in self.lines[name].minutes:
            at += MINUTE
        return at


class Storm:
    """Edits, and the daemon that takes them."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(f"storm {seed}")
        self.oracle = Oracle()
        self.started: dict[int, tuple[str, int]] = {}
        self.edits = 0
        self.simulator = Simulator(self.configuration(), NOON, self.play)
        self.simulator.boot()

    @property
    def now(self) -> datetime:
        return self.simulator.clock.read().wall

    def play(self, run: Run, attempt: Attempt) -> tuple[timedelta, Exit]:
        """Every attempt is under the definition that the file had when it began, and stays there."""
        task = self.simulator.journal.definitions[run.definition].task
        body = int(task.run.rpartition(" ")[2])
        if attempt.number == 1:
            assert body == self.oracle.lines[run.task].body, f"run {run.id} of {run.task} began under another file"
            self.started[run.id] = (run.definition, body)
        assert self.started[run.id] == (run.definition, body), f"run {run.id} went on under another definition"
        bad = attempt.number == 1 and self.dice.random() < 0.3
        return self.dice.randrange(1, 400) * SECOND, Exit(code=1 if bad else 0)

    def configuration(self) -> Configuration:
        """The file."""
        tasks = {
            name: Task(
                name=name,
                run=f"echo {line.body}",
                cron=(",".join(map(str, sorted(line.minutes))) + " * * * *",),
                enabled=line.enabled,
                retry_attempts=1,
                retry_delay=90 * SECOND,
                max_concurrent=1 if line.alone else UNLIMITED,
            )
            for name, line in self.oracle.lines.items()
        }
        return Configuration(tasks=tasks, zone="UTC", daemon=Daemon(max_running=10_000))

    def edit(self) -> None:
        """Change the file in one to three places, and let it hold."""
        self.edits += 1
        self.oracle.pass_time(self.now)
        for _ in range(self.dice.randint(1, 3)):
            self._one_edit()
        if self.dice.random() < 0.1:
            self.simulator.next_commit = self.dice.choice([Commit.LOST, Commit.UNANSWERED])
        self._take()
        if self.dice.random() < 0.05:
            self.simulator.kill()
            self.simulator.boot()
        assert self.simulator.engine is not None
        planned = self.simulator.engine.next_slots()
        assert planned == {name: self.oracle.next_of(name) for name in self.oracle.lines}

    def _take(self) -> None:
        self.oracle.files[self.now] = {name: line.enabled for name, line in self.oracle.lines.items()}
        self.simulator.reload(self.configuration())

    def _one_edit(self) -> None:
        lines, name, now = self.oracle.lines, self.dice.choice(NAMES), self.now
        line = lines.get(name)
        if line is None:
            lines[name] = Line(self._minutes(), now, body=self.edits, alone=self.dice.random() < 0.4)
            return
        match self.dice.randrange(6):
            case 0:
                del lines[name]
            case 1:
                self._rename(name, line)
            case 2:
                minutes = self._minutes()
                lines[name] = line if minutes == line.minutes else replace(line, minutes=minutes, since=now)
            case 3:
                lines[name] = replace(line, enabled=not line.enabled)
            case 4:
                lines[name] = replace(line, body=self.edits)
            case _:
                pass  # the file is only touched

    def _rename(self, name: str, line: Line) -> None:
        free = [other for other in NAMES if other not in self.oracle.lines]
        if free:
            self.oracle.lines[self.dice.choice(free)] = replace(line, since=self.now)
            del self.oracle.lines[name]

    def _minutes(self) -> frozenset[int]:
        period = self.dice.choice(PERIODS)
        return frozenset(range(self.dice.randrange(period), 60, period))

    # ---- the verdict

    def settle(self) -> None:
        """Let everything come to its end, and compare."""
        self.oracle.pass_time(self.now)
        self.oracle.lines = {name: replace(line, enabled=False) for name, line in self.oracle.lines.items()}
        self._take()
        last = self.now
        self.simulator.run_for(timedelta(hours=12))
        fired, left_out = self._rows(last)
        assert fired | left_out == set(self.oracle.slots)
        assert not fired & left_out
        assert fired == {slot for slot, runs in self.oracle.slots.items() if runs}

    def _rows(self, last: datetime) -> tuple[set[tuple[str, datetime]], set[tuple[str, datetime]]]:
        """The slots that became runs, and those that were accounted for without one; each has one end and a reason."""
        fired, left_out = set[tuple[str, datetime]](), set[tuple[str, datetime]]()
        for run in self.simulator.journal.runs.values():
            first = run.scheduled_for
            assert first is not None
            if first > last:
                continue
            slots = self._slots_of(run, first, last)
            if run.created_at != run.ended_at:  # made to run; later ones may have been counted on to its row
                assert (run.task, first) not in fired, f"{run.task} fired twice for {first}"
                fired.add((run.task, first))
                self._check_end(run)
                slots.discard((run.task, first))
            assert not slots & left_out
            left_out |= slots
        return fired, left_out

    def _slots_of(self, run: Run, first: datetime, last: datetime) -> set[tuple[str, datetime]]:
        until = min(run.last_slot or first, last)
        if until == first:
            return {(run.task, first)}
        return {slot for slot in self.oracle.slots if slot[0] == run.task and first <= slot[1] <= until}

    def _check_end(self, run: Run) -> None:
        if run.attempt:
            assert run.state in {State.SUCCEEDED, State.FAILED}, f"run {run.id} was lost: {run.state}"
            assert run.definition == self.started[run.id][0]
            return
        assert run.ended_at is not None
        assert run.state is State.SKIPPED, f"run {run.id} was lost: {run.state}"
        there = self.oracle.files[run.ended_at].get(run.task)  # it ended with an edit, and at no other time
        assert there is (None if run.end_reason is Reason.REMOVED else False)


def play(seed: int, edits: int) -> Storm:
    """One storm from its first edit to the end of the last run."""
    storm = Storm(seed)
    for _ in range(edits):
        storm.simulator.run_for(storm.dice.randrange(1, 200) * SECOND)
        if not storm.now.second:  # what fires at this very moment and what the edit does to it would look alike
            storm.simulator.run_for(SECOND)
        storm.edit()
    storm.settle()
    return storm


@fault("F41", "F42")
def test_the_running_set_is_the_file_through_every_edit() -> None:
    first = seed_of("reload storm")
    for seed in range(first, first + 3):
        storm = play(seed, 60)
        assert len(storm.started) > 20, f"seed {seed} started nothing"


@pytest.mark.slow
@fault("F41", "F42")
def test_a_thousand_edits_lose_nothing() -> None:
    seed = seed_of("reload storm")
    storm = play(seed, 1000)
    runs = storm.simulator.journal.runs.values()
    ends = {run.end_reason for run in runs}
    assert {Reason.REMOVED, Reason.DISABLED} <= ends, f"seed {seed} never came to what it is about"
    assert len(storm.started) > 1000
    assert storm.simulator.rebuilds > 10
    assert storm.simulator.crashes > 10


def test_the_oracle_hears_of_a_start_that_nobody_asked_for() -> None:
    storm = Storm(1)
    storm.oracle.lines["t0"] = Line(frozenset(range(60)), NOON)
    storm.simulator.reload(storm.configuration())
    storm.simulator.run_for(5 * MINUTE)
    storm.oracle.lines["t0"] = replace(storm.oracle.lines["t0"], minutes=frozenset({30}))
    with pytest.raises(AssertionError):
        storm.settle()
