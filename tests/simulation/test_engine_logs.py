"""A log that is not kept in full: told once, counted for each attempt, and the end of a run where its task says so."""

from __future__ import annotations

from datetime import timedelta

from polysync.domain import inputs as ins
from polysync.domain.effects import EventName
from polysync.domain.outcome import Exit, Usage
from polysync.domain.rows import Message
from polysync.domain.run import Reason, State
from tests.simulation.story import MINUTE, a_task, story, submit

RETRIED = a_task(retry_attempts=2, retry_delay=timedelta(minutes=1))
OLDEST, BUSY = "the oldest output is dropped", "output is passed over"


def test_dropped_output_is_told_once_and_its_causes_stand_on_the_run() -> None:
    simulator = story(a_task())
    number = submit(simulator)
    for why in (OLDEST, OLDEST, BUSY):
        simulator.tell(ins.LogDropped(number, 1, why))
    assert simulator.journal.runs[number].messages == tuple(Message("log_dropped", why) for why in (OLDEST, BUSY))
    (event,) = [event for event in simulator.published if event.name is EventName.LOG_DROPPED]
    assert (event.run_id, event.data) == (number, {"attempt": 1, "why": OLDEST})
    simulator.tell(ins.LogDropped(number, 2, "of an attempt that is not there"))
    simulator.tell(ins.LogDropped(99, 1, "of a run that is not there"))
    assert len(simulator.journal.runs[number].messages) == 2


def test_a_full_log_ends_the_run_for_good() -> None:
    simulator = story(RETRIED)
    number = submit(simulator)
    simulator.tell(ins.LogFull(number, 2))
    assert simulator.journal.runs[number].state is not State.STOPPING
    simulator.tell(ins.LogFull(number, 1), ins.LogFull(number, 1))
    stopped = simulator.journal.runs[number]
    assert (stopped.state, stopped.stop_reason) == (State.STOPPING, Reason.LOG_FULL)
    simulator.tell(ins.AttemptExited(number, 1, Exit(code=0)))
    simulator.run_for(30 * MINUTE)
    run = simulator.journal.runs[number]
    assert (run.state, run.end_reason, run.attempt) == (State.FAILED, Reason.LOG_FULL, 1)


def test_a_run_that_is_stopped_for_its_timeout_is_not_tried_again_once_its_log_is_full() -> None:
    simulator = story(a_task(retry_attempts=2, timeout=timedelta(seconds=30)))
    number = submit(simulator)
    simulator.tell(ins.AttemptStarted(number, 1, {}))
    while simulator.journal.runs[number].stop_reason is None:
        simulator.run_for(timedelta(seconds=1))
    assert simulator.journal.runs[number].stop_reason is Reason.TIMEOUT
    simulator.tell(ins.LogFull(number, 1))
    simulator.run_for(30 * MINUTE)
    run = simulator.journal.runs[number]
    assert (run.state, run.end_reason, run.attempt) == (State.FAILED, Reason.LOG_FULL, 1)


def test_output_of_earlier_attempts_that_went_meanwhile_is_counted_there() -> None:
    used = Usage(log_bytes=70, log_dropped=3, dropped_before={1: 40})
    simulator = story(RETRIED, exits=(Exit(code=1, usage=Usage(log_bytes=50)), Exit(code=0, usage=used)))
    simulator.trace = []
    number = submit(simulator)
    simulator.run_for(6 * MINUTE)
    noted = [text for text in simulator.trace if "'log_dropped': 40" in text]
    assert noted == [f"AttemptNoted(run_id={number}, number=1, changes={{'log_dropped': 40}})"]
    attempt = simulator.journal.attempts[number]
    assert (attempt.number, attempt.log_bytes, attempt.log_dropped) == (2, 70, 3)
