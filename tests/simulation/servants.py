"""A short way to tell a story about services: what lives, what is said, what is written down."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from polysync.domain import inputs as ins
from polysync.domain.effects import EventName
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import State
from polysync.domain.service_views import ServiceView
from polysync.domain.settings import Configuration, HealthCheck, Service
from tests.simulation.simulator import Simulator
from tests.simulation.story import NOON

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
CHECK = HealthCheck(tcp="localhost:80", every=10 * SECOND, retries=2)
FOREVER = 1_000_000.0
BAD = Exit(code=1, error="no port left")


def a_service(name: str = "web", **keys: Any) -> Service:
    """A service with a script."""
    keys.setdefault("run", "serve")
    return Service(name=name, **keys)


def servants(*services: Service, lasting: float = FOREVER, end: Exit = BAD, **settings: Any) -> Simulator:
    """A daemon that has just started; lives that nobody stops last so many seconds, and end so."""
    configuration = Configuration(services={service.name: service for service in services}, **settings)

    def play(_run: Run, _attempt: Attempt) -> tuple[timedelta, Exit]:
        return SECOND * lasting, end

    simulator = Simulator(configuration, NOON, play, after_step=one_of_each)
    simulator.boot()
    simulator.run_for(SECOND)
    return simulator


def one_of_each(simulator: Simulator) -> None:
    """Never two lives of one instance."""
    doubled = [key for key, count in Counter(map(_key, _lives(simulator))).items() if count > 1]
    assert not doubled, doubled


def _lives(simulator: Simulator) -> list[Run]:
    return [run for run in simulator.journal.open.values() if run.instance]


def _key(run: Run) -> tuple[str, int]:
    return run.task, run.instance


def up(simulator: Simulator) -> list[str]:
    """The lives there are, each as the service and its number; with a star where it is being stopped."""
    return sorted(f"{run.task}{run.instance}{'*' * (run.state is State.STOPPING)}" for run in _lives(simulator))


def lives(simulator: Simulator, name: str = "web") -> int:
    """How many lives a service has had."""
    return sum(run.task == name for run in simulator.journal.runs.values())


def ends(simulator: Simulator, name: str = "web") -> list[str]:
    """How the lives of a service ended, oldest first."""
    over = [run for run in simulator.journal.runs.values() if run.task == name and run.ended_at is not None]
    return [f"{run.state}/{run.end_reason}" if run.end_reason else run.state.value for run in over]


def view(simulator: Simulator, name: str = "web") -> ServiceView:
    """How a service is shown."""
    assert simulator.engine is not None
    return next(shown for shown in simulator.engine.services() if shown.name == name)


def shown(simulator: Simulator, name: str = "web") -> str:
    """Where a service and its instances stand, in one line."""
    one = view(simulator, name)
    return f"{one.state}: {' '.join(instance.state for instance in one.instances)}"


def say(simulator: Simulator, name: str = "web", *, up: bool, restart: bool = False) -> None:
    """An operator's word, and a moment for what follows from it."""
    simulator.tell(ins.SetService(name, up, restart, key="asked", actor="eva"))
    assert simulator.answers["asked"].refusal is None, simulator.answers["asked"]
    simulator.run_for(SECOND)


def checked(simulator: Simulator, *well: bool, name: str = "web", number: int = 1) -> None:
    """So many checks of the life of an instance, one after the other."""
    for one in well:
        found = [run.id for run in _lives(simulator) if _key(run) == (name, number)]
        simulator.tell(ins.HealthTold(found[0], one, "" if one else "refused"))
        simulator.run_for(SECOND)


def told(simulator: Simulator) -> list[str]:
    """What was published of services, in order."""
    names = (EventName.SERVICE_STARTED, EventName.SERVICE_STOPPED, EventName.SERVICE_FATAL)
    events = [event for event in simulator.published if event.name in names]
    return [
        f"{event.name.split('.')[1]} {event.task}{event.data['instance']} {event.data.get('reason', '')}".strip()
        for event in events
    ]
