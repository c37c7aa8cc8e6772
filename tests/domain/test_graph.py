"""Dependencies between tasks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.graph import (
    EdgeEvent,
    Failed,
    Met,
    Released,
    Waiting,
    counts,
    downstream_of,
    find_cycle,
    release,
)
from polysync.domain.run import FINAL, State
from polysync.domain.task import Edge, Task
from polysync.domain.values import EdgeOn, Quorum, UpstreamFailure

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def task(name: str, *upstream: str | Edge, **keys: Any) -> Task:
    edges = tuple(edge if isinstance(edge, Edge) else Edge(task=edge) for edge in upstream)
    return Task(name=name, run="true", depends_on=edges, **keys)


def graph(**upstream: str) -> dict[str, Task]:
    return {name: task(name, *above.split()) for name, above in upstream.items()}


def event(name: str, state: State = State.SUCCEEDED, *, age: timedelta = MINUTE, **more: Any) -> EdgeEvent:
    return EdgeEvent(name, 7, state, NOW - age, **more)


def held(**states: State) -> dict[str, EdgeEvent]:
    return {name: event(name, state) for name, state in states.items()}


@pytest.mark.parametrize(
    ("on", "states"),
    [
        (EdgeOn.SUCCESS, {State.SUCCEEDED}),
        (EdgeOn.FAILURE, {State.FAILED, State.TIMEOUT, State.CRASHED, State.DEAD}),
        (EdgeOn.SKIPPED, {State.SKIPPED}),
        (EdgeOn.COMPLETION, FINAL - {State.SKIPPED}),
    ],
)
def test_graph_edge_counts_the_ends_it_names(on: EdgeOn, states: set[State]) -> None:
    counted = {state for state in FINAL if counts(Edge(task="a", on=on), event("a", state)) is Met.YES}
    assert counted == states


@pytest.mark.parametrize(
    ("when", "met"),
    [
        ("outputs.rows > 0", Met.YES),
        ("outputs.rows > 9", Met.NO),
        ("parameters.day == 'mon' and state == 'succeeded'", Met.YES),
    ],
)
def test_graph_edge_asks_its_condition(when: str, met: Met) -> None:
    ended = event("a", outputs={"rows": 3}, parameters={"day": "mon"})
    assert counts(Edge(task="a", when=when), ended) is met


@pytest.mark.parametrize(
    ("mode", "states", "waits_for"),
    [
        (Quorum(), {}, ("a", "b", "c")),
        (Quorum(), {"a": State.SUCCEEDED, "b": State.SUCCEEDED}, ("c",)),
        (Quorum(2), {"b": State.SUCCEEDED}, ("a", "c")),
        (Quorum(60, percent=True), {"c": State.SUCCEEDED}, ("a", "b")),
        (Quorum(1), {"a": State.FAILED}, ("a", "b", "c")),
    ],
)
def test_graph_join_waits_until_enough_are_met(
    mode: Quorum, states: Mapping[str, State], waits_for: tuple[str, ...]
) -> None:
    assert release(task("t", "a", "b", "c", depends_mode=mode), held(**states), NOW) == Waiting(waits_for)


@pytest.mark.parametrize(
    ("mode", "states", "consumed"),
    [
        (Quorum(), {"a": State.SUCCEEDED, "b": State.SUCCEEDED, "c": State.SUCCEEDED}, "abc"),
        (Quorum(1), {"b": State.SUCCEEDED}, "b"),
        (Quorum(1), {"a": State.FAILED, "b": State.SUCCEEDED}, "b"),
        (Quorum(2), {"a": State.SUCCEEDED, "b": State.FAILED, "c": State.SUCCEEDED}, "ac"),
        (Quorum(60, percent=True), {"a": State.SUCCEEDED, "c": State.SUCCEEDED}, "ac"),
    ],
)
def test_graph_join_is_released_by_enough(mode: Quorum, states: Mapping[str, State], consumed: str) -> None:
    events = held(**states)
    found = release(task("t", "a", "b", "c", depends_mode=mode), events, NOW)
    assert found == Released(tuple(events[name] for name in consumed))


def test_graph_two_edges_to_one_task_are_met_by_one_event() -> None:
    both = task("t", Edge(task="a"), Edge(task="a", when="outputs.rows > 0"))
    full, empty = event("a", outputs={"rows": 1}), event("a")
    assert release(both, {"a": full}, NOW) == Released((full,))
    assert release(both, {"a": empty}, NOW) == Waiting(())


def test_graph_event_that_is_too_old_is_as_if_it_had_not_come() -> None:
    fresh = task("t", "a", "b", depends_max_age=5 * MINUTE, on_upstream_failure=UpstreamFailure.FAIL)
    events = {"a": event("a", age=5 * MINUTE), "b": event("b", State.FAILED, age=6 * MINUTE)}
    assert release(fresh, events, NOW) == Waiting(("b",))


@pytest.mark.parametrize(
    ("policy", "mode", "states", "found"),
    [
        (UpstreamFailure.WAIT, Quorum(), {"a": State.FAILED}, Waiting(("a", "b"))),
        (UpstreamFailure.FAIL, Quorum(), {"a": State.FAILED}, Failed("a")),
        (UpstreamFailure.SKIP, Quorum(), {"b": State.SKIPPED}, Failed("b")),
        (UpstreamFailure.SKIP, Quorum(1), {"a": State.FAILED}, Waiting(("a", "b"))),
        (UpstreamFailure.SKIP, Quorum(1), {"a": State.FAILED, "b": State.TIMEOUT}, Failed("a")),
    ],
)
def test_graph_join_fails_when_it_cannot_be_met_any_more(
    policy: UpstreamFailure, mode: Quorum, states: Mapping[str, State], found: Waiting | Failed
) -> None:
    assert release(task("t", "a", "b", depends_mode=mode, on_upstream_failure=policy), held(**states), NOW) == found


STATES = st.dictionaries(st.sampled_from("abcde"), st.sampled_from(sorted(FINAL)))


@given(STATES, st.integers(1, 5), st.sampled_from(UpstreamFailure))
def test_graph_join_agrees_with_counting(states: dict[str, State], need: int, policy: UpstreamFailure) -> None:
    found = release(task("t", *"abcde", depends_mode=Quorum(need), on_upstream_failure=policy), held(**states), NOW)
    good = sum(state is State.SUCCEEDED for state in states.values())
    hopeless = policy is not UpstreamFailure.WAIT and 5 - (len(states) - good) < need
    expected = Released if good >= need else Failed if hopeless else Waiting
    assert isinstance(found, expected)


def test_graph_lists_what_is_downstream_in_the_order_of_the_file() -> None:
    below = downstream_of(graph(a="", b="a", c="a b gone"))
    assert below == {"a": ("b", "c"), "b": ("c",), "c": (), "gone": ("c",)}


@pytest.mark.parametrize(
    ("tasks", "cycle"),
    [
        (graph(a="", b="a", c="a b", d="b c"), None),
        (graph(a="a"), ("a", "a")),
        (graph(a="b", b="a"), ("a", "b", "a")),
        (graph(x="", a="x c", b="a", c="b"), ("a", "b", "c", "a")),
        (graph(a="gone", b="a"), None),
    ],
)
def test_graph_cycle_is_shown_as_a_path(tasks: dict[str, Task], cycle: tuple[str, ...] | None) -> None:
    assert find_cycle(tasks) == cycle


def test_graph_cycle_through_a_task_with_turns_is_none() -> None:
    tasks = graph(a="c", b="a", c="b")
    assert find_cycle({**tasks, "b": task("b", "a", max_turns=3)}) is None
    assert find_cycle({**tasks, "b": task("b", "a", max_turns=3), "a": task("a", "c", "a")}) == ("a", "a")


def test_graph_cycle_is_found_at_the_end_of_a_long_chain() -> None:
    names = [f"t{k}" for k in range(5000)]
    tasks = {name: task(name, above) for name, above in zip(names[1:], names, strict=False)}
    assert find_cycle(tasks) is None
    found = find_cycle({**tasks, "t0": task("t0", "t4999")})
    assert found is not None
    assert len(found) == 5001


EDGES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20)


@given(EDGES)
def test_graph_cycle_agrees_with_peeling_off_what_nothing_leads_to(edges: list[tuple[int, int]]) -> None:
    tasks = {str(k): task(str(k), *(str(up) for up, down in edges if down == k)) for k in range(8)}
    left = {name: {edge.task for edge in one.depends_on} for name, one in tasks.items()}
    while free := [name for name, above in left.items() if not above & left.keys()]:
        for name in free:
            del left[name]
    found = find_cycle(tasks)
    assert (found is not None) == bool(left)
    if found is not None:
        assert found[0] == found[-1]
        assert all(up in {edge.task for edge in tasks[down].depends_on} for up, down in pairwise(found))
