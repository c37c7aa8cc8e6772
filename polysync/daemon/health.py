"""Looks after services that have a health check: one look at a time for each life, and every result to the engine.

A life is looked at while its run is running, also after it was adopted.  The first `every` after the start is for
starting: meanwhile it is looked at more often, so that who waits for it can go on, and only good news is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from polysync.clock import Clock
from polysync.daemon.inbox import Inbox
from polysync.daemon.probes import Prepare, Verdict
from polysync.daemon.spawn import Tasks
from polysync.domain.effects import Action, AttachAttempt, Record, RunMoved, StartAttempt
from polysync.domain.inputs import HealthTold
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import FINAL, State
from polysync.domain.settings import Configuration, HealthCheck
from polysync.ports import PortError, Work

SOON: Final = timedelta(seconds=1)  # between looks at what has not been well yet
AT_ONCE: Final = timedelta(milliseconds=250)  # until each one that was adopted is looked at: nobody knows how it is
LEAST: Final = timedelta(milliseconds=100)  # between two looks, however long the first one took
GOLDEN: Final = 0.618033988749895  # steps of this size never meet: lives that begin together are looked at apart


class Looker(Protocol):
    """Who looks."""

    async def look(self, check: HealthCheck, prepare: Prepare) -> Verdict:
        """One look; `PortError` where it could not be made."""

    def forget(self, token: str) -> None:
        """The attempt with this token is over."""


@dataclass(slots=True, eq=False)
class _Life:
    run: Run
    attempt: Attempt
    running: bool = False
    adopted: bool = False  # it ran already when we came
    work: Work | None = None  # prepared once: what it was started with does not change
    check: HealthCheck | None = None  # by which it is looked at now
    looking: asyncio.Task[None] | None = None
    trouble: str = ""  # why the last look could not be made


class Health:
    """Every life of a service under way, and who looks after it."""

    def __init__(
        self,
        *,
        looker: Looker,
        prepare: Callable[[Run, Attempt], Awaitable[Work]],
        inbox: Inbox,
        tasks: Tasks,
        clock: Clock,
    ) -> None:
        self._looker = looker
        self._prepare = prepare
        self._inbox = inbox
        self._tasks = tasks
        self._clock = clock
        self._lives: dict[int, _Life] = {}
        self._configuration: Configuration | None = None

    def settled(self, records: Sequence[Record], actions: Sequence[Action], configuration: Configuration) -> None:
        """This was decided and stored, under this configuration."""
        for action in actions:
            if isinstance(action, StartAttempt | AttachAttempt) and action.run.instance:
                life = self._lives.setdefault(action.run.id, _Life(action.run, action.attempt))
                life.running = life.adopted = action.run.state is State.RUNNING
                self._look_after(action.run.id, configuration)
        if configuration is not self._configuration:
            self._configuration = configuration
            for run_id in self._lives:
                self._look_after(run_id, configuration)
        for record in records if self._lives else ():
            if isinstance(record, RunMoved) and record.run_id in self._lives:
                self._moved(record, configuration)

    def trouble(self, run_id: int) -> str:
        """Why nobody can say whether it is well."""
        life = self._lives.get(run_id)
        return "" if life is None else life.trouble

    def _moved(self, moved: RunMoved, configuration: Configuration) -> None:
        self._lives[moved.run_id].running = moved.state is State.RUNNING
        self._look_after(moved.run_id, configuration)
        if moved.state in FINAL:
            self._looker.forget(self._lives.pop(moved.run_id).attempt.token)

    def _look_after(self, run_id: int, configuration: Configuration) -> None:
        """Look in the way that holds now, or not at all."""
        life = self._lives[run_id]
        service = configuration.services.get(life.run.task)
        check = service.health_check if service is not None and life.running else None
        if check == life.check:
            return
        if life.looking is not None:
            life.looking.cancel()
        life.check, life.looking, life.trouble = check, None, ""
        if check is not None:
            life.looking = self._tasks.spawn(self._watch(life, check), f"health {life.run.task}/{life.run.instance}")

    async def _watch(self, life: _Life, check: HealthCheck) -> None:
        told = self._now() + max(check.every - self._age(life.run), timedelta(0))
        well = False
        await asyncio.sleep(_offset(life.run.instance, min(check.every, AT_ONCE if life.adopted else SOON)))
        while True:
            began = self._now()
            verdict = await self._look(life, check)
            started = well or began >= told
            if verdict is not None and (verdict.well or started) and not self._inbox.full:
                self._inbox.tell(HealthTold(life.run.id, verdict.well, verdict.text))
            well = well or (verdict is not None and verdict.well)
            rhythm = check.every if well or began >= told else min(check.every, SOON)
            await asyncio.sleep(max(began + rhythm - self._now(), LEAST).total_seconds())

    async def _look(self, life: _Life, check: HealthCheck) -> Verdict | None:
        async def prepare() -> Work:
            if life.work is None:
                life.work = await self._prepare(life.run, life.attempt)
            return life.work

        try:
            verdict = await self._looker.look(check, prepare)
        except PortError as error:  # of the daemon, a vault or the host: the service may be as well as ever
            life.trouble = str(error)
            return None
        life.trouble = ""
        return verdict

    def _now(self) -> timedelta:
        return self._clock.read().monotonic

    def _age(self, run: Run) -> timedelta:
        now = self._clock.read().wall
        return now - (run.started_at or now)


def _offset(instance: int, most: timedelta) -> float:
    """A part of `most` that is another one for each instance."""
    return most.total_seconds() * (instance * GOLDEN % 1)
