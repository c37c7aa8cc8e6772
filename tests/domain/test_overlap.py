"""What a due run does beside those that are there already."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.overlap import Admission, admit, victims
from polysync.domain.task import Task
from polysync.domain.values import Overlap


def task(on_overlap: Overlap = Overlap.QUEUE, most: int = 1, queue_max: int = 100) -> Task:
    return Task(name="t", run="true", on_overlap=on_overlap, max_concurrent=most, queue_max=queue_max)


@pytest.mark.parametrize("policy", Overlap)
def test_overlap_with_room_always_queues(policy: Overlap) -> None:
    assert admit(task(policy), 0, 0) is Admission.QUEUE
    assert admit(task(policy, most=3), 1, 1) is Admission.QUEUE


@pytest.mark.parametrize(
    ("policy", "active", "pending", "admission"),
    [
        (Overlap.QUEUE, 1, 0, Admission.QUEUE),
        (Overlap.QUEUE, 1, 1, Admission.QUEUE),
        (Overlap.QUEUE, 1, 2, Admission.SKIP_QUEUE_FULL),
        (Overlap.QUEUE, 0, 2, Admission.QUEUE),
        (Overlap.QUEUE, 0, 3, Admission.SKIP_QUEUE_FULL),
        (Overlap.SKIP, 1, 0, Admission.SKIP_OVERLAP),
        (Overlap.SKIP, 0, 1, Admission.SKIP_OVERLAP),
        (Overlap.TERMINATE, 1, 0, Admission.TERMINATE),
        (Overlap.TERMINATE, 1, 2, Admission.SKIP_QUEUE_FULL),
        (Overlap.TERMINATE, 0, 1, Admission.QUEUE),
    ],
)
def test_overlap_at_the_limit_follows_the_policy(
    policy: Overlap, active: int, pending: int, admission: Admission
) -> None:
    assert admit(task(policy, queue_max=2), active, pending) is admission


def test_overlap_queue_holds_no_more_than_its_limit() -> None:
    for most in (1, 3):
        pending = 0
        while admit(task(most=most, queue_max=5), most, pending) is Admission.QUEUE:
            pending += 1
        assert pending == 5


@pytest.mark.parametrize(
    ("most", "active", "pending", "stopping", "stopped"),
    [
        (1, (4,), 1, (), (4,)),
        (3, (4, 5, 6), 1, (), (4,)),
        (3, (4, 5, 6), 2, (4,), (5,)),
        (3, (4, 5, 6), 1, (4,), ()),
        (3, (4, 5, 6), 1, (6,), ()),
        (2, (4, 5), 50, (), (4, 5)),
        (2, (4,), 1, (), ()),
    ],
)
def test_overlap_stops_just_enough_of_the_oldest(
    most: int, active: tuple[int, ...], pending: int, stopping: tuple[int, ...], stopped: tuple[int, ...]
) -> None:
    assert victims(task(Overlap.TERMINATE, most), active, pending, stopping) == stopped


@given(st.integers(1, 6), st.integers(0, 6), st.integers(1, 6), st.sets(st.integers(0, 5)))
def test_overlap_makes_room_for_all_pending_and_no_more(most: int, count: int, pending: int, asked: set[int]) -> None:
    active = tuple(range(count))
    stopped = victims(task(Overlap.TERMINATE, most), active, pending, asked)
    left = [run for run in active if run not in asked and run not in stopped]
    assert not asked & set(stopped)
    assert len(left) + pending <= most or not left
    if stopped:
        assert len(left) + 1 + pending > most
