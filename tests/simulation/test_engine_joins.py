"""Dependencies: what starts a task downstream, what holds it back, and what calls it off."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from polysync.domain import inputs as ins
from polysync.domain.outcome import Exit
from polysync.domain.run import State
from polysync.domain.settings import Configuration
from polysync.domain.task import Edge, Job, JobParameter
from polysync.domain.values import EdgeOn, Parameter, ParamType, Quorum, UpstreamFailure
from tests.simulation.simulator import Simulator
from tests.simulation.story import MINUTE, a_task, rows, story, submit

UP = a_task("up")
AFTER_UP: dict[str, Any] = {"depends_on": (Edge(task="up"),)}
OTHERWISE = (Exit(code=1),)
ROWS_OUT = (Exit(code=0, outputs={"rows": 7}),)


def test_success_upstream_starts_the_task_with_its_parent_and_correlation_id() -> None:
    simulator = story(UP, a_task(**AFTER_UP))
    parent = submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["dependency: succeeded"]
    runs = simulator.journal.runs
    child = runs[parent + 1]
    assert child.parents == (parent,)
    assert child.correlation_id == runs[parent].correlation_id == runs[parent].uid


def test_join_of_two_waits_for_both_and_consumes_both() -> None:
    join = a_task(depends_on=(Edge(task="up"), Edge(task="other")))
    simulator = story(UP, a_task("other"), join)
    first, second = submit(simulator, "up"), submit(simulator, "other")
    simulator.run_for(10 * MINUTE)
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["dependency: succeeded"]
    joined = next(run for run in simulator.journal.runs.values() if run.task == "work")
    assert joined.parents == (first, second)
    assert joined.correlation_id == joined.uid


def test_failure_edge_fires_only_after_the_retries() -> None:
    upstream = a_task("up", retry_attempts=1)
    simulator = story(upstream, a_task(depends_on=(Edge(task="up", on=EdgeOn.FAILURE),)), exits=OTHERWISE)
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["dependency: failed/exit_code"]
    assert simulator.journal.attempt_count == 3


def test_condition_on_outputs_decides() -> None:
    met = a_task("met", depends_on=(Edge(task="up", when="outputs.rows > 5"),))
    unmet = a_task("unmet", depends_on=(Edge(task="up", when="outputs.rows > 50"),))
    simulator = story(UP, met, unmet, exits=ROWS_OUT)
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator, "met") == ["dependency: succeeded"]
    assert rows(simulator, "unmet") == []


def test_upstream_failure_waits_skips_or_fails() -> None:
    tasks = [a_task(f"t-{what}", **AFTER_UP, on_upstream_failure=what) for what in UpstreamFailure]
    feeds = a_task("feeds", depends_on=(Edge(task="t-skip", on=EdgeOn.SKIPPED),))
    simulator = story(UP, *tasks, feeds, exits=OTHERWISE)
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator, "t-wait") == []
    assert rows(simulator, "t-skip") == ["dependency: skipped/upstream_failed"]
    assert rows(simulator, "t-fail") == ["dependency: failed/upstream_failed"]
    assert rows(simulator, "feeds") == ["dependency: failed/exit_code"]


def test_gated_run_waits_for_its_dependencies_and_for_its_approval_after() -> None:
    simulator = story(UP, a_task(**AFTER_UP, depends_trigger=False, expires_after=timedelta(hours=1)))
    number = submit(simulator)
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["manual: waiting"]
    parent = submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"]
    assert simulator.journal.runs[number].parents == (parent,)
    submit(simulator)
    simulator.run_for(timedelta(hours=2))
    assert rows(simulator)[1:] == ["manual: expired/not_started_in_time"]


def test_gated_run_is_released_after_a_restart_too() -> None:
    simulator = story(UP, a_task(**AFTER_UP, depends_trigger=False))
    submit(simulator)
    simulator.kill()
    simulator.boot()
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"]


def test_end_upstream_without_a_waiting_run_is_kept_for_the_next_one() -> None:
    simulator = story(UP, a_task(**AFTER_UP, depends_trigger=False))
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == []
    submit(simulator)
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"]


def test_gated_run_is_called_off_with_its_upstream() -> None:
    task = a_task(**AFTER_UP, depends_trigger=False, on_upstream_failure=UpstreamFailure.FAIL)
    simulator = story(UP, task, exits=OTHERWISE)
    submit(simulator)
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["manual: failed/upstream_failed"]


def test_output_of_the_parent_becomes_a_parameter() -> None:
    task = a_task(**AFTER_UP, parameters={"count": Parameter(upstream="up", output="rows")})
    simulator = story(UP, task, exits=ROWS_OUT)
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert [run.parameters for run in simulator.journal.runs.values() if run.task == "work"] == [{"count": 7}]


def test_missing_output_fails_before_the_start() -> None:
    parameters = {"count": Parameter(upstream="up", output="rows")}
    joined = a_task("joined", **AFTER_UP, parameters=parameters)
    gated = a_task("gated", **AFTER_UP, parameters=parameters, depends_trigger=False)
    simulator = story(UP, joined, gated)
    submit(simulator, "gated")
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator, "joined") == ["dependency: failed/missing_output"]
    assert rows(simulator, "gated") == ["manual: failed/missing_output"]
    assert simulator.journal.attempt_count == 1


def test_parameters_that_a_reload_made_wrong_fail_the_waiting_run() -> None:
    text = Job(name="etl", parameters={"day": JobParameter(type=ParamType.STRING)})
    simulator = story(UP, a_task(**AFTER_UP, job="etl", depends_trigger=False), jobs={"etl": text})
    submit(simulator, parameters={"day": "monday"})
    number = Job(name="etl", parameters={"day": JobParameter(type=ParamType.INT)})
    simulator.reload(replace(simulator.configuration, jobs={"etl": number}))
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["manual: failed/precheck"]


def test_loop_ends_after_its_turns() -> None:
    begin = a_task("begin", depends_on=(Edge(task="again"),), max_turns=3)
    again = a_task("again", depends_on=(Edge(task="begin"),))
    simulator = story(begin, again)
    submit(simulator, "begin")
    simulator.run_for(timedelta(hours=2))
    assert rows(simulator, "begin") == ["manual: succeeded", *["dependency: succeeded"] * 4]
    assert rows(simulator, "again") == ["dependency: succeeded"] * 4
    last = max(run.id for run in simulator.journal.runs.values())
    assert simulator.journal.runs[last].attempt == 0


def test_loop_that_calls_itself_off_ends_too() -> None:
    never = (Edge(task="work", when="outputs.rows > 5"),)
    task = a_task(depends_on=never, max_turns=3, on_upstream_failure=UpstreamFailure.SKIP)
    simulator = story(task)
    submit(simulator)
    simulator.run_for(timedelta(hours=1))
    assert rows(simulator) == ["manual: succeeded", *["dependency: skipped/upstream_failed"] * 3]


def test_disabled_or_paused_task_downstream_leaves_a_row() -> None:
    simulator = story(UP, a_task("off", **AFTER_UP, enabled=False), a_task(**AFTER_UP))
    simulator.tell(ins.Pause("work", "asked"))
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator, "off") == ["dependency: skipped/disabled"]
    assert rows(simulator) == ["dependency: skipped/paused"]


def test_any_of_several_is_enough_where_the_task_says_so() -> None:
    task = a_task(depends_on=(Edge(task="up"), Edge(task="other")), depends_mode=Quorum(1))
    simulator = story(UP, a_task("other"), task)
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["dependency: succeeded"]


def test_held_ends_survive_a_restart_and_a_removed_task_forgets_them() -> None:
    join = a_task(depends_on=(Edge(task="up"), Edge(task="other")))
    simulator = story(UP, a_task("other"), join)
    submit(simulator, "up")
    simulator.run_for(10 * MINUTE)
    simulator.kill()
    simulator.boot()
    whole = simulator.configuration
    assert set(simulator.journal.held["work"]) == {"up"}
    simulator.reload(without(whole, "work"))
    assert "work" not in simulator.journal.held
    simulator.reload(whole)
    submit(simulator, "other")
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == []


def without(whole: Configuration, name: str) -> Configuration:
    return replace(whole, tasks={key: task for key, task in whole.tasks.items() if key != name})


def test_end_of_a_task_whose_dependant_is_gone_starts_nothing() -> None:
    simulator: Simulator = story(UP, a_task(**AFTER_UP))
    submit(simulator, "up")
    simulator.reload(replace(simulator.configuration, tasks={"up": UP, "work": a_task()}))
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == []
    assert {run.state for run in simulator.journal.runs.values()} == {State.SUCCEEDED}
