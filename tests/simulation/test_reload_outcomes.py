"""What becomes of a run whose task is removed, renamed, disabled, changed or made a template: docs/decisions/0021."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from polysync.domain import inputs as ins
from polysync.domain.approvals import Decision
from polysync.domain.definition import Definition, Substituted, refreshed
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import State
from polysync.domain.settings import Configuration, Platform
from polysync.domain.task import Approval, Edge, Job, JobParameter, Task
from polysync.domain.values import Mode, Parameter, ParamType
from tests.faults import fault
from tests.simulation.simulator import Simulator
from tests.simulation.story import MINUTE, NOON, a_task, rows, story, submit

HOUR = timedelta(hours=1)
DAY = {"day": Parameter(value="old")}
ASKS = Approval(before=True, ttl=10 * HOUR)
SHOWS = Approval(after=True, ttl=10 * HOUR)
Edit = Callable[[Task], dict[str, Task]]


def began(simulator: Simulator, number: int) -> Run:
    """The run as it is stored."""
    return simulator.journal.runs[number]


def definition_of(simulator: Simulator, number: int) -> Definition:
    found: Definition = simulator.journal.definitions[began(simulator, number).definition]
    return found


# ---- the states that a run may be found in


def busy(simulator: Simulator) -> None:
    """Have the task's one slot taken, so that what follows waits."""
    submit(simulator)


def held(**keys: Any) -> tuple[Simulator, int]:
    simulator = story(a_task(parameters=DAY, **keys))
    return simulator, submit(simulator, hold=True)


def scheduled(**keys: Any) -> tuple[Simulator, int]:
    simulator = story(a_task(parameters=DAY, **keys))
    return simulator, submit(simulator, start_at=NOON + 30 * MINUTE)


def waiting_for_others(**keys: Any) -> tuple[Simulator, int]:
    edges: dict[str, Any] = {"depends_on": (Edge(task="up"),), "depends_trigger": False}
    simulator = story(a_task(parameters=DAY, **edges, **keys), a_task("up"))
    return simulator, submit(simulator)


def waiting_for_a_word(**keys: Any) -> tuple[Simulator, int]:
    simulator = story(a_task(parameters=DAY, approval=ASKS, **keys))
    return simulator, submit(simulator)


def queued(**keys: Any) -> tuple[Simulator, int]:
    simulator = story(a_task(parameters=DAY, **keys), minutes=20)
    busy(simulator)
    return simulator, submit(simulator)


def queued_by_cron(**keys: Any) -> tuple[Simulator, int]:
    simulator = story(a_task(parameters=DAY, cron=("0 13 * * *",), **keys), minutes=90)
    busy(simulator)
    simulator.run_for(61 * MINUTE)
    return simulator, 2


def running(**keys: Any) -> tuple[Simulator, int]:
    simulator = story(a_task(parameters=DAY, **keys), minutes=20)
    number = submit(simulator)
    simulator.run_for(MINUTE)
    return simulator, number


def retrying(**keys: Any) -> tuple[Simulator, int]:
    retries: dict[str, Any] = {"retry_attempts": 1, "retry_delay": HOUR}
    simulator = story(a_task(parameters=DAY, **retries, **keys), minutes=5, exits=(Exit(code=1), Exit(code=0)))
    number = submit(simulator)
    simulator.run_for(6 * MINUTE)
    return simulator, number


def stopping(**keys: Any) -> tuple[Simulator, int]:
    simulator, number = running(graceful_stop=10 * MINUTE, **keys)
    simulator.tell(ins.Stop(number))
    return simulator, number


def shown(**keys: Any) -> tuple[Simulator, int]:
    simulator = story(a_task(parameters=DAY, approval=SHOWS, **keys), minutes=5)
    number = submit(simulator)
    simulator.run_for(6 * MINUTE)
    return simulator, number


Arrange = Callable[..., tuple[Simulator, int]]
UNSTARTED: dict[Arrange, State] = {
    held: State.HELD,
    scheduled: State.SCHEDULED,
    waiting_for_others: State.WAITING,
    waiting_for_a_word: State.WAITING,
    queued: State.QUEUED,
    queued_by_cron: State.QUEUED,
}
STARTED: dict[Arrange, State] = {
    running: State.RUNNING,
    retrying: State.RETRYING,
    stopping: State.STOPPING,
    shown: State.WAITING,
}


# ---- the edits


def removed(_task: Task) -> dict[str, Task]:
    return {}


def renamed(task: Task) -> dict[str, Task]:
    return {"other": replace(task, name="other")}


def made_a_template(task: Task) -> dict[str, Task]:
    return {task.name: replace(task, mode=Mode.TEMPLATE)}


def disabled(task: Task) -> dict[str, Task]:
    return {task.name: replace(task, enabled=False)}


def changed(task: Task) -> dict[str, Task]:
    new = {"day": Parameter(value="new"), "more": Parameter(value=1)}
    return {task.name: replace(task, description="new", parameters=new)}


def apply(simulator: Simulator, edit: Edit, *, down: bool) -> None:
    """Reload with the edit, or start a daemon on it where the one before was killed."""
    before = simulator.configuration
    rest = {name: task for name, task in before.tasks.items() if name != "work"}
    after = replace(before, tasks={**rest, **edit(before.tasks["work"])})
    if not down:
        simulator.reload(after)
        return
    simulator.kill()
    simulator.configuration = after
    simulator.boot()


def go_on(simulator: Simulator, number: int) -> None:
    """Give every run what it waits for, and time."""
    if "up" in simulator.configuration.tasks:
        submit(simulator, "up")
    simulator.tell(ins.Release(number), ins.Decide(number, Decision.APPROVE, "asked"))
    simulator.run_for(5 * HOUR)


@fault("F42")
@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("edit", [removed, renamed, made_a_template])
@pytest.mark.parametrize("arrange", UNSTARTED)
def test_what_never_started_ends_with_its_task(arrange: Arrange, edit: Edit, *, down: bool) -> None:
    simulator, number = arrange()
    assert began(simulator, number).state is UNSTARTED[arrange]
    apply(simulator, edit, down=down)
    run = began(simulator, number)
    assert f"{run.state}/{run.end_reason}" == "skipped/removed"
    assert not rows(simulator, "other")


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("arrange", UNSTARTED)
def test_of_a_disabled_task_only_what_people_asked_for_goes_on(arrange: Arrange, *, down: bool) -> None:
    simulator, number = arrange()
    apply(simulator, disabled, down=down)
    go_on(simulator, number)
    run = began(simulator, number)
    ended = f"{run.state}/{run.end_reason}" if run.end_reason else run.state.value
    assert ended == ("skipped/disabled" if arrange is queued_by_cron else "succeeded")


@fault("F42")
@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("edit", [removed, renamed, made_a_template, disabled, changed])
@pytest.mark.parametrize("arrange", STARTED)
def test_what_has_started_goes_on_as_it_was_started(arrange: Arrange, edit: Edit, *, down: bool) -> None:
    simulator, number = arrange()
    assert began(simulator, number).state is STARTED[arrange]
    before = began(simulator, number).definition
    apply(simulator, edit, down=down)
    assert began(simulator, number).state is STARTED[arrange]
    go_on(simulator, number)
    assert began(simulator, number).state is (State.CANCELLED if arrange is stopping else State.SUCCEEDED)
    assert began(simulator, number).definition == before
    assert definition_of(simulator, number).task.parameters == DAY
    assert began(simulator, number).parameters == {"day": "old"}


@fault("F41")
@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("arrange", UNSTARTED)
def test_what_never_started_has_all_of_the_new_definition(arrange: Arrange, *, down: bool) -> None:
    simulator, number = arrange()
    apply(simulator, changed, down=down)
    go_on(simulator, number)
    assert began(simulator, number).state is State.SUCCEEDED
    assert definition_of(simulator, number).task.description == "new"
    assert began(simulator, number).parameters == {"day": "new", "more": 1}


def test_what_was_given_with_the_request_stays_given() -> None:
    simulator = story(a_task(parameters=DAY), minutes=20)
    busy(simulator)
    number = submit(simulator, parameters={"day": "mine"})
    apply(simulator, changed, down=False)
    go_on(simulator, number)
    assert began(simulator, number).parameters == {"day": "mine", "more": 1}


def test_a_request_that_fits_no_more_fails_and_says_why() -> None:
    simulator = story(a_task(parameters=DAY), minutes=20)
    busy(simulator)
    number = submit(simulator, parameters={"day": "mine"})
    apply(simulator, lambda task: {"work": replace(task, parameters={"hour": Parameter(value=1)})}, down=False)
    run = began(simulator, number)
    assert (run.state, run.end_reason) == (State.FAILED, "precheck")
    assert "unknown parameter day" in (run.error or "")


def taking(*names: str) -> dict[str, Parameter]:
    return {name: Parameter(upstream="up", output=name) for name in names}


@pytest.mark.parametrize(("names", "ended"), [(("rows",), "succeeded"), (("rows", "size"), "failed/missing_output")])
def test_outputs_that_a_queued_run_took_stay_taken(names: tuple[str, ...], ended: str) -> None:
    down = a_task(depends_on=(Edge(task="up"),), parameters=taking("rows"))
    simulator = story(a_task("up"), down, exits=(Exit(code=0, outputs={"rows": 7}),), minutes=5)
    simulator.tell(ins.SetDiskLow(low=False))
    submit(simulator, "up")
    simulator.at(4 * MINUTE, lambda sim: sim.tell(ins.SetDiskLow(low=True)))
    simulator.run_for(6 * MINUTE)
    apply(simulator, lambda task: {"work": replace(task, parameters=taking(*names))}, down=False)
    simulator.tell(ins.SetDiskLow(low=False))
    simulator.run_for(HOUR)
    assert rows(simulator) == [f"dependency: {ended}"]


def test_a_gated_run_takes_its_outputs_when_it_is_released() -> None:
    simulator, number = waiting_for_others()
    apply(simulator, lambda task: {"work": replace(task, parameters=taking("rows"))}, down=False)
    assert began(simulator, number).state is State.WAITING
    simulator.adapter.script = lambda _run, _attempt: (MINUTE, Exit(code=0, outputs={"rows": 7}))
    go_on(simulator, number)
    assert began(simulator, number).parameters == {"rows": 7}


def test_job_and_platform_of_that_moment_belong_to_the_definition() -> None:
    lake, pond = (Platform(name=name, type="slurm") for name in ("lake", "pond"))
    job = Job(name="etl", platform="lake", parameters={"n": JobParameter(type=ParamType.INT, default=1)})
    task = a_task(job="etl", retry_attempts=2, retry_delay=MINUTE)
    places = {"lake": lake, "pond": pond}
    simulator, used = story(task, platforms=places, jobs={"etl": job}), list[tuple[int, str]]()

    def play(run: Run, attempt: Attempt) -> tuple[timedelta, Exit]:
        used.append((run.id, attempt.platform))
        return 5 * MINUTE, Exit(code=1 if attempt.number == 1 else 0)

    simulator.adapter.script = play
    number = submit(simulator)
    moved = replace(simulator.configuration, jobs={"etl": replace(job, platform="pond", parameters={})})
    simulator.reload(moved)
    simulator.run_for(30 * MINUTE)
    assert used == [(number, "lake"), (number, "lake")]
    assert definition_of(simulator, number) == Definition(task, job, lake)
    other = submit(simulator)
    simulator.run_for(30 * MINUTE)
    assert definition_of(simulator, other).job == moved.jobs["etl"]
    assert used[2:] == [(other, "pond"), (other, "pond")]


def test_values_that_were_filled_in_are_found_again_where_the_file_still_says_the_same() -> None:
    secret = Substituted("s3cret", "${env:KEY}")
    today = Definition(a_task(env={"KEY": secret, "N": "1"}, description="new"))
    stored = Definition(a_task(env={"KEY": "${env:KEY}", "OLD": "2"}, description="old"))
    found = refreshed(stored, today)
    assert found.task.env == {"KEY": "s3cret", "OLD": "2"}
    assert found.task.description == "old"
    lake = Platform(name="lake", type="slurm", options={"token": "open", "host": "a"})
    kept = replace(lake, options={"token": "***", "host": "b"})
    made = refreshed(Definition(a_task(), platform=kept), Definition(a_task(), platform=lake)).platform
    assert made is not None
    assert made.options == {"token": "open", "host": "b"}


def test_one_and_true_are_two_definitions() -> None:
    simulator = story(a_task(settings={"wait": 1}))
    first = submit(simulator)
    simulator.run_for(HOUR)
    simulator.reload(Configuration(tasks={"work": a_task(settings={"wait": True})}))
    second = submit(simulator)
    assert definition_of(simulator, first).task.settings["wait"] is not True
    assert definition_of(simulator, second).task.settings["wait"] is True
