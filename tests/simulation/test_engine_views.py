"""What the engine tells of tasks, their slots and shared limits, to whoever asks."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

import pytest

from polysync.domain import inputs as ins
from polysync.domain.limit_views import ContentionView
from polysync.domain.run import Reason
from polysync.domain.settings import Calendar, Daemon, Platform, Profile
from polysync.domain.slot_story import Fate, Story, tell
from polysync.domain.task import Job
from polysync.domain.task_views import TaskView, coming, next_run, skipped
from polysync.domain.values import ProfileType, Scope
from polysync.domain.zone import LATEST
from tests.simulation.simulator import Simulator
from tests.simulation.story import MINUTE, NOON, a_task, refusal, story, submit

HOUR = timedelta(hours=1)
HOURLY = ("0 * * * *",)
ONE_AT_ONCE = Profile(name="one", type=ProfileType.CONCURRENCY, max=1)
FEW = Profile(name="few", type=ProfileType.RATE, limit=2, window=HOUR)


def view(simulator: Simulator, name: str = "work") -> TaskView:
    assert simulator.engine is not None
    return simulator.engine.task(name)


def ahead(simulator: Simulator, count: int = 3) -> list[tuple[datetime, Reason | None]]:
    """The coming slots of the task."""
    found = coming(simulator.configuration.tasks["work"], view(simulator), simulator.clock.read().wall)
    return [(one.slot.at, one.reason) for one in islice(found, count)]


def next_of(simulator: Simulator, name: str = "work") -> datetime | None:
    return next_run(simulator.configuration.tasks[name], view(simulator, name))


def told(simulator: Simulator, at: datetime) -> Story:
    """What the engine and the rows say of a slot."""
    rows = [run for run in simulator.journal.runs.values() if run.task == "work" and run.scheduled_for is not None]
    rows = sorted((run for run in rows if run.scheduled_for and run.scheduled_for <= at), key=lambda run: -run.id)
    task, now = simulator.configuration.tasks["work"], simulator.clock.read().wall
    return tell(task, view(simulator), at, rows, now, skipped(task, view(simulator), now))


def test_a_task_counts_its_runs_where_they_stand() -> None:
    simulator = story(a_task(max_concurrent=1), a_task("idle"), minutes=30)
    submit(simulator)
    submit(simulator)
    submit(simulator, start_at=NOON + HOUR)

    found = view(simulator)
    assert (found.running, found.queued, found.waiting) == (1, 1, 1)
    assert (found.next_at, found.timetable, next_of(simulator)) == (None, None, None)
    assert view(simulator, "idle").running == 0
    assert view(simulator, "unheard-of").state.task == "unheard-of"
    assert list(coming(a_task(), found, NOON)) == []


def test_the_next_run_is_the_next_slot_unless_something_holds_it_up() -> None:
    simulator = story(a_task(cron=HOURLY))
    assert ahead(simulator) == [(NOON + n * HOUR, None) for n in (1, 2, 3)]
    assert next_of(simulator) == NOON + HOUR

    simulator.tell(ins.SkipNext("work", "asked"))
    assert next_of(simulator) == NOON + 2 * HOUR
    assert ahead(simulator, 2) == [(NOON + HOUR, Reason.SKIP_NEXT), (NOON + 2 * HOUR, None)]

    simulator.tell(ins.Pause("work", "asked", until=NOON + 90 * MINUTE, reason="holiday", actor="ada"))
    assert view(simulator).state.paused_by == "ada"
    assert ahead(simulator, 3) == [
        (NOON + HOUR, Reason.PAUSED),
        (NOON + 2 * HOUR, Reason.SKIP_NEXT),
        (NOON + 3 * HOUR, None),
    ]
    assert next_of(simulator) == NOON + 3 * HOUR

    simulator.tell(ins.Pause("work", "asked"))
    assert next_of(simulator) is None
    simulator.tell(ins.Resume("work", "asked"))
    assert view(simulator).state.paused_by == ""
    simulator.run_for(61 * MINUTE)
    assert view(simulator).state.skip_next == 0


def test_slots_end_with_the_calendar() -> None:
    simulator = story(a_task(cron=HOURLY))
    found = coming(simulator.configuration.tasks["work"], view(simulator), LATEST - 3 * HOUR)
    assert [one.slot.at <= LATEST for one in found] in ([True] * 2, [True] * 3)


def test_a_calendar_and_a_switch_keep_slots_from_running() -> None:
    night = Calendar(name="night", windows=("12:30-15:30",))
    simulator = story(
        a_task(cron=HOURLY, skip_on=("night",)), a_task("off", cron=HOURLY, enabled=False), calendars={"night": night}
    )
    assert next_of(simulator) == NOON + 4 * HOUR
    assert [reason for _, reason in ahead(simulator, 4)] == [*[Reason.CALENDAR] * 3, None]
    assert next_of(simulator, "off") is None


def test_what_is_promised_of_slots_is_what_becomes_of_them() -> None:
    simulator = story(a_task(cron=("*/10 * * * *",)))
    simulator.tell(ins.SkipNext("work", "asked"))
    simulator.tell(ins.Pause("work", "asked", until=NOON + 35 * MINUTE))
    promised = {at: told(simulator, at) for at, _ in ahead(simulator, 8)}

    simulator.run_for(85 * MINUTE)

    assert {story.fate for story in promised.values()} == {Fate.COMING, Fate.WILL_NOT_RUN}
    for at, promise in promised.items():
        became = told(simulator, at)
        assert became.run is not None
        assert (became.fate is Fate.RUN) == (promise.fate is Fate.COMING), at
        assert became.reason is promise.reason


def test_a_range_accounts_for_each_of_its_slots_and_for_nothing_else() -> None:
    simulator = story(a_task(cron=HOURLY))
    simulator.tell(ins.Pause("work", "asked"))
    simulator.run_for(5 * HOUR)

    first, third = told(simulator, NOON + HOUR), told(simulator, NOON + 3 * HOUR)
    assert first.run is third.run is not None
    assert first.run is not None
    assert first.run.slots == 5
    assert third.fate is Fate.LEFT_OUT
    assert told(simulator, NOON + 90 * MINUTE).fate is Fate.NO_SLOT
    assert told(simulator, NOON - HOUR).fate is Fate.UNKNOWN  # before anybody knew the task
    assert told(simulator, NOON + 7 * HOUR).fate is Fate.WILL_NOT_RUN


def test_a_slot_of_a_schedule_that_is_gone_still_has_its_row() -> None:
    simulator = story(a_task(cron=HOURLY))
    simulator.run_for(61 * MINUTE)
    assert told(simulator, NOON + HOUR).fate is Fate.RUN
    row = simulator.journal.runs[1]
    plain = a_task()
    nothing = TaskView(view(simulator).state, None, None, 0, 0, 0)
    assert skipped(plain, nothing, NOON) == frozenset()
    assert tell(plain, nothing, NOON + HOUR, [row], NOON).fate is Fate.RUN
    assert tell(plain, nothing, NOON + 2 * HOUR, [row], NOON).fate is Fate.NO_SLOT


def test_a_stopped_schedule_promises_nothing() -> None:
    simulator = story(a_task(cron=HOURLY))
    simulator.tell(ins.SkipNext("work", "asked"))
    view(simulator).state.tripped = True
    assert ahead(simulator) == []
    assert told(simulator, NOON + HOUR).fate is Fate.UNKNOWN


def test_platforms_say_how_much_runs_there() -> None:
    simulator = story(
        a_task(),
        minutes=30,
        platforms={"far": Platform(name="far", type="local", max_running=2)},
        daemon=Daemon(labels={"gpu": True}),
    )
    submit(simulator)
    assert simulator.engine is not None
    far, local = simulator.engine.platforms()
    assert (far.platform.name, far.limited, far.running) == ("far", True, 0)
    assert (local.platform.name, local.limited, local.running, local.platform.labels) == (
        "local",
        False,
        1,
        {"gpu": True},
    )


def contention(simulator: Simulator) -> dict[tuple[str, str], ContentionView]:
    assert simulator.engine is not None
    return {(one.profile.name, one.platform): one for one in simulator.engine.contention()}


def test_limits_say_how_much_of_them_is_taken_and_who_waits() -> None:
    job = Job(name="etl", contention=("few",))
    simulator = story(
        a_task(contention=("one",), max_concurrent=5),
        a_task("load", contention=("few",), max_concurrent=5),
        a_task("other"),
        minutes=30,
        jobs={"etl": job},
        contention={
            "one": ONE_AT_ONCE,
            "few": FEW,
            "idle": Profile(name="idle", type=ProfileType.RATE, limit=1, window=HOUR),
        },
    )
    for name in ("work", "work", "work", "load", "load", "load", "other"):
        submit(simulator, name)

    found = contention(simulator)
    one, few, idle = found["one", ""], found["few", ""], found["idle", ""]
    assert (one.running, one.waiting, one.left, one.room_at) == (1, 2, None, None)
    assert (few.running, few.waiting, few.left) == (2, 1, 0)
    assert few.room_at == NOON + HOUR / 2
    assert (idle.running, idle.waiting, idle.left, idle.room_at) == (0, 0, 1, None)


def test_a_limit_for_each_platform_counts_each_apart() -> None:
    each = Profile(name="each", type=ProfileType.CONCURRENCY, max=1, scope=Scope.PLATFORM)
    simulator = story(
        a_task(contention=("each",), max_concurrent=5),
        a_task("far", contention=("each",), platform="far"),
        a_task("by-job", job="etl", max_concurrent=5, contention=("each",)),
        minutes=30,
        jobs={"etl": Job(name="etl", platform="far")},
        platforms={"far": Platform(name="far", type="local")},
        contention={"each": each},
    )
    assert list(contention(simulator)) == [("each", "")]
    for name in ("work", "work", "far", "by-job"):
        submit(simulator, name)
    found = contention(simulator)
    assert {key: (one.running, one.waiting) for key, one in found.items()} == {
        ("each", "far"): (1, 1),
        ("each", "local"): (1, 1),
    }


def test_queued_runs_of_a_task_that_is_gone_wait_for_no_limit() -> None:
    simulator = story(
        a_task(contention=("one",), max_concurrent=5), a_task("stays"), minutes=30, contention={"one": ONE_AT_ONCE}
    )
    submit(simulator)
    submit(simulator)
    assert contention(simulator)["one", ""].waiting == 1
    assert simulator.engine is not None
    world = simulator.engine._world  # noqa: SLF001 - what is removed while it waits is there for a moment only
    world.configuration.tasks.pop("work")  # type: ignore[attr-defined]  # as above
    assert contention(simulator)["one", ""].waiting == 0


def test_only_a_run_that_is_over_leaves_the_lists() -> None:
    simulator = story(a_task(), minutes=30)
    number = submit(simulator)
    assert refusal(simulator, ins.Archive(number, key="asked")) == f"conflict: run {number} is not over"
    assert refusal(simulator, ins.Archive(99, key="asked")) == "unknown: no run 99"
    simulator.run_for(HOUR)
    at = simulator.clock.read().wall
    simulator.tell(ins.Archive(number, key="asked"))
    assert simulator.answers["asked"].run_id == number
    assert simulator.journal.runs[number].archived_at == pytest.approx(at, abs=MINUTE)
    simulator.tell(ins.Archive(number, undo=True, key="asked"))
    assert simulator.journal.runs[number].archived_at is None
