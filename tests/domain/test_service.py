"""What follows the life of a service, as tables; and what counts as the same process."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from polysync.domain.rows import Instance, Over, Run, ServiceState
from polysync.domain.run import Reason, State
from polysync.domain.service import (
    Down,
    after_life,
    as_task,
    booted,
    delay_after,
    dependents,
    fitted,
    process_of,
    told_down,
    told_up,
    unwanted,
)
from polysync.domain.settings import Service
from polysync.domain.task import Kept, Process
from polysync.domain.values import Backoff, Restart, Trigger

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def a_service(**keys: Any) -> Service:
    return Service(name="web", run="serve", **keys)


def a_life(state: State, reason: Reason | None, **keys: Any) -> Run:
    made = Run(7, "u", "web", state, Trigger.SERVICE, NOON, NOON, instance=1, **keys)
    made.end_reason = reason
    return made


FAILED = a_life(State.FAILED, Reason.EXIT_CODE)
DONE = a_life(State.SUCCEEDED, None)
NEEDLESS = a_life(State.SKIPPED, Reason.SKIP_CODE)
BY_HAND = a_life(State.CANCELLED, Reason.STOPPED, stop_reason=Reason.STOPPED)
UNHEALTHY = a_life(State.FAILED, Reason.UNHEALTHY, stop_reason=Reason.UNHEALTHY)
SHUT_DOWN = a_life(State.CANCELLED, Reason.SHUTDOWN, stop_reason=Reason.SHUTDOWN)
REBOOTED = a_life(State.CRASHED, Reason.HOST_REBOOTED)
STEP = 4  # delays of 1, 2, 4, 8 seconds: what follows the third failure


@pytest.mark.parametrize(
    ("restart", "life", "waits", "over"),
    [
        (Restart.ALWAYS, FAILED, STEP, None),
        (Restart.ALWAYS, DONE, STEP, None),
        (Restart.ALWAYS, NEEDLESS, STEP, None),
        (Restart.ALWAYS, UNHEALTHY, STEP, None),
        (Restart.ALWAYS, BY_HAND, 2, None),
        (Restart.ALWAYS, SHUT_DOWN, None, None),
        (Restart.ALWAYS, REBOOTED, None, None),
        (Restart.ON_FAILURE, FAILED, STEP, None),
        (Restart.ON_FAILURE, UNHEALTHY, STEP, None),
        (Restart.ON_FAILURE, DONE, None, Over.ENDED),
        (Restart.ON_FAILURE, NEEDLESS, None, Over.ENDED),
        (Restart.ON_FAILURE, BY_HAND, None, Over.ENDED),
        (Restart.ON_FAILURE, SHUT_DOWN, None, None),
        (Restart.NEVER, FAILED, None, Over.ENDED),
        (Restart.NEVER, DONE, None, Over.ENDED),
        (Restart.NEVER, BY_HAND, None, Over.ENDED),
        (Restart.NEVER, UNHEALTHY, None, Over.ENDED),
        (Restart.NEVER, SHUT_DOWN, None, None),
        (Restart.NEVER, REBOOTED, None, None),
    ],
)
def test_what_follows_a_life_that_was_not_the_first_to_fail(
    restart: Restart, life: Run, waits: int | None, over: Over | None
) -> None:
    one = Instance(1, run=7, failures=2)
    after = after_life(a_service(restart=restart), one, life, NOON, outdated=False)
    assert (after.due_at, after.over) == (None if waits is None else NOON + waits * SECOND, over)
    assert after.restarts == (waits is not None)


def test_life_that_lasted_is_no_failure_unless_it_was_unwell() -> None:
    proven = Instance(1, run=7, proven=True)
    assert after_life(a_service(restart_attempts=1), proven, FAILED, NOON, outdated=False).over is None
    assert after_life(a_service(restart_attempts=1), proven, UNHEALTHY, NOON, outdated=False).over is Over.FATAL


def test_life_under_another_definition_is_followed_at_once_and_judged_by_nobody() -> None:
    one = Instance(1, run=7, failures=9)
    after = after_life(a_service(restart=Restart.NEVER, restart_attempts=1), one, FAILED, NOON, outdated=True)
    assert after == replace(one, failures=0)


@pytest.mark.parametrize(
    ("backoff", "seconds"),
    [
        (Backoff.CONSTANT, [2, 2, 2, 2, 2, 2]),
        (Backoff.LINEAR, [2, 2, 4, 6, 8, 9]),
        (Backoff.EXPONENTIAL, [2, 2, 4, 8, 9, 9]),
    ],
)
def test_delays_grow_up_to_the_longest_without_any_jitter(backoff: Backoff, seconds: list[int]) -> None:
    service = a_service(restart_delay=2 * SECOND, restart_max_delay=9 * SECOND, restart_backoff=backoff)
    assert [delay_after(service, failures) // SECOND for failures in range(6)] == seconds


@pytest.mark.parametrize(
    ("keys", "up", "why"),
    [
        ({}, None, None),
        ({}, True, None),
        ({}, False, Down.STOPPED),
        ({"autostart": False}, None, Down.AUTOSTART),
        ({"autostart": False}, True, None),
        ({"enabled": False}, True, Down.DISABLED),
    ],
)
def test_word_beats_autostart_and_the_file_beats_the_word(
    keys: dict[str, Any], *, up: bool | None, why: Down | None
) -> None:
    assert unwanted(a_service(**keys), ServiceState(up=up)) is why
    assert unwanted(None, ServiceState(up=up)) is Down.REMOVED


def test_definition_of_a_life_has_what_a_service_shares_with_a_task() -> None:
    service = a_service(env={"A": "b"}, log_max_size=4096, graceful_stop=9 * SECOND, group="Front", tags={"x": ""})
    task = as_task(service)
    for one in (*fields(Process), *fields(Kept)):
        assert getattr(task, one.name) == getattr(service, one.name), one.name
    assert (task.name, task.group, task.tags, task.platform) == ("web", "Front", {"x": ""}, "local")
    assert (task.retry_attempts, task.timeout, task.cron) == (0, None, ())


def test_process_is_another_one_when_what_is_started_is() -> None:
    base = process_of(a_service())
    assert process_of(a_service(instances=5, title="Web", log_max_size=4096, healthy_after=SECOND)) == base
    others = (
        {"run": "serve -v"},
        {"env": {"A": "b"}},
        {"user": "nobody"},
        {"stop_signal": "INT"},
        {"command": ("a",)},
    )
    assert len({base, *(process_of(replace(a_service(), **keys)) for keys in others)}) == len(others) + 1


def test_fitting_adds_and_drops_instances_and_frees_those_with_something_else_to_start() -> None:
    kept = tuple(Instance(number, run=number, process="old", failures=3, over=Over.FATAL) for number in (1, 2, 3))
    state = ServiceState(instances=kept)
    same = fitted(state, a_service(instances=4), "old", ())
    assert same.instances == (*kept, Instance(4))
    other = fitted(state, a_service(instances=2), "new", (1,))
    assert other.instances == (kept[0], Instance(2, run=2))


def test_what_lives_stays_up_where_it_no_longer_starts_by_itself() -> None:
    off = a_service(autostart=False)
    assert fitted(ServiceState(), off, "p", (1,)).up is True
    assert fitted(ServiceState(), off, "p", ()).up is None
    assert fitted(ServiceState(up=False), off, "p", (1,)).up is False


def test_only_what_ended_by_itself_begins_again_with_the_host() -> None:
    ended, fatal = Instance(1, over=Over.ENDED), Instance(2, over=Over.FATAL)
    state = ServiceState(boot="one", instances=(ended, fatal))
    assert booted(state, "one") is state
    assert booted(state, "two") == ServiceState(boot="two", instances=(Instance(1), fatal))


def test_words_forget_what_kept_it_down() -> None:
    kept = Instance(1, run=4, process="p", failures=3, due_at=NOON, over=Over.FATAL)
    state = ServiceState(instances=(kept, replace(kept, number=2)))
    up = told_up(state, (2,), "eva", renew=False)
    assert (up.up, up.actor) == (True, "eva")
    assert up.instances == (Instance(1, run=4), replace(kept, number=2))
    assert told_up(state, (1, 2), "eva", renew=True).instances == (Instance(1, run=4), Instance(2, run=4))
    down = told_down(state, "adam")
    assert (down.up, down.actor, down.instances[0].over, down.instances[0].failures) == (False, "adam", None, 0)


def test_dependents_are_named_once() -> None:
    services = {
        "db": Service(name="db", run="x"),
        "web": Service(name="web", run="x", depends_on=("db", "db")),
        "api": Service(name="api", run="x", depends_on=("db", "web")),
    }
    assert dependents(services) == {"db": ("web", "api"), "web": ("api",)}
