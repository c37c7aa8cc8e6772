"""What work and adapters tell about an attempt stands in the rows: messages, codes, use of the machine, the boot."""

from __future__ import annotations

from datetime import timedelta

from polysync.domain import inputs as ins
from polysync.domain.outcome import Exit, Usage
from polysync.domain.rows import Message
from polysync.domain.run import State
from tests.simulation.story import MINUTE, a_task, story, submit

SLOW, DONE = Message("slow", "the disk is slow"), Message("done", "no rows", error=True)


def test_messages_and_codes_and_usage_of_an_exit_are_written_down() -> None:
    used = Usage(cpu_seconds=1.5, max_rss=4096, log_bytes=70, log_dropped=3)
    end = Exit(code=1, status_code=503, messages=(SLOW, DONE), usage=used)
    simulator = story(a_task(), exits=(end,))
    number = submit(simulator)
    assert simulator.journal.attempts[number].boot == "boot-1"
    simulator.run_for(3 * MINUTE)
    run, attempt = simulator.journal.runs[number], simulator.journal.attempts[number]
    assert (run.messages, run.status_code, run.state) == ((SLOW, DONE), 503, State.FAILED)
    assert attempt.status_code == 503
    assert Usage(attempt.cpu_seconds, attempt.max_rss, attempt.log_bytes, attempt.log_dropped) == used


def test_messages_told_before_the_exit_stay_where_it_tells_none() -> None:
    simulator = story(a_task())
    number = submit(simulator)
    simulator.tell(ins.AttemptReported(number, 1, messages=(SLOW,)))
    assert simulator.journal.runs[number].messages == (SLOW,)
    commits = simulator.journal.commits
    simulator.tell(ins.AttemptReported(number, 1, messages=(SLOW,)))
    assert simulator.journal.commits == commits  # nothing new was said
    simulator.tell(ins.AttemptReported(number, 1, messages=(SLOW, DONE)))
    simulator.run_for(3 * MINUTE)
    assert simulator.journal.runs[number].messages == (SLOW, DONE)
    attempt = simulator.journal.attempts[number]
    assert (attempt.cpu_seconds, attempt.max_rss, attempt.log_bytes, attempt.log_dropped) == (None, None, 0, 0)


def test_another_attempt_begins_without_the_words_of_the_one_before() -> None:
    retried = a_task(retry_attempts=1, retry_delay=timedelta(minutes=1))
    simulator = story(retried, exits=(Exit(code=1, messages=(SLOW,)), Exit(code=0)))
    number = submit(simulator)
    simulator.run_for(2.5 * MINUTE)
    assert simulator.journal.runs[number].messages == (SLOW,)
    simulator.run_for(MINUTE)
    assert simulator.journal.runs[number].attempt == 2
    assert simulator.journal.runs[number].messages == ()


def test_the_reason_of_a_stop_stays_beside_what_the_work_said() -> None:
    simulator = story(a_task())
    number = submit(simulator)
    simulator.run_for(MINUTE / 2)
    simulator.tell(ins.AttemptReported(number, 1, messages=(Message("SLOW", "the disk is slow"),)))
    simulator.tell(ins.Stop(number, key="stop", actor="eve", comment="wrong day"))
    simulator.tell(ins.AttemptReported(number, 1, messages=(Message("SLOW", "the disk is slow"), Message("X", "end"))))
    simulator.run_for(MINUTE)

    run = simulator.journal.runs[number]
    assert [message.code for message in run.messages] == ["SLOW", "X", "stop"]
    assert run.messages[-1].text == "wrong day"
