"""What people may ask for, and what they are told when they may not."""

from __future__ import annotations

from datetime import timedelta

from polysync.domain import inputs as ins
from polysync.domain.approvals import Decision
from polysync.domain.effects import EventName
from polysync.domain.outcome import Exit
from polysync.domain.run import Lack, State
from polysync.domain.task import Approval, Job, JobParameter
from polysync.domain.values import Mode, ParamType
from tests.simulation.story import MINUTE, NOON, a_task, events, refusal, rows, story, submit

HOUR = timedelta(hours=1)
BEFORE = Approval(before=True, ttl=10 * MINUTE)
AFTER = Approval(after=True, ttl=10 * MINUTE, request_changes=1)


def test_manual_run_starts_at_once_and_ends() -> None:
    simulator = story(a_task())
    number = submit(simulator)
    simulator.run_for(5 * MINUTE)
    assert simulator.journal.runs[number].exit_code == 0
    assert rows(simulator) == ["manual: succeeded"]


def test_unknown_template_and_closed_tasks_are_refused() -> None:
    simulator = story(a_task("closed", api_trigger=False), a_task("plan", mode=Mode.TEMPLATE))
    assert refusal(simulator, ins.Submit(task="nothing", key="asked")) == "unknown: no task nothing"
    plan, closed = (ins.Submit(task=name, key="asked") for name in ("plan", "closed"))
    assert refusal(simulator, plan) == "conflict: plan is a template: it never runs by itself"
    assert refusal(simulator, closed) == "forbidden: API triggering disabled for this task"


def test_bad_parameters_are_refused_and_leave_no_row() -> None:
    job = Job(name="etl", parameters={"day": JobParameter(type=ParamType.INT)})
    simulator = story(a_task(job="etl"), jobs={"etl": job})
    asked = ins.Submit(task="work", key="asked", parameters={"day": "tomorrow"})
    assert refusal(simulator, asked).startswith("invalid: parameter day:")
    assert rows(simulator) == []


def test_held_run_waits_for_its_release() -> None:
    simulator = story(a_task())
    number = submit(simulator, hold=True)
    simulator.run_for(HOUR)
    assert rows(simulator) == ["manual: held"]
    simulator.tell(ins.Release(number, "asked"))
    simulator.run_for(5 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"]
    assert refusal(simulator, ins.Release(number, "asked")) == f"conflict: run {number} is over, or was never there"


def test_only_a_held_run_can_be_released() -> None:
    simulator = story(a_task())
    number = submit(simulator)
    assert refusal(simulator, ins.Release(number, "asked")) == f"conflict: run {number} is not held"


def test_run_for_later_waits_for_its_time() -> None:
    simulator = story(a_task())
    submit(simulator, start_at=NOON + HOUR)
    simulator.run_for(HOUR - MINUTE)
    assert rows(simulator) == ["manual: scheduled"]
    simulator.run_for(5 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"]


def test_run_that_did_not_start_in_time_expires() -> None:
    simulator = story(a_task(), minutes=60)
    submit(simulator)
    submit(simulator, expires_after=10 * MINUTE)
    simulator.run_for(2 * HOUR)
    assert rows(simulator) == ["manual: succeeded", "manual: expired/not_started_in_time"]


def test_stop_ends_a_run_wherever_it_stands() -> None:
    simulator = story(a_task(), minutes=60)
    running, queued, held = submit(simulator), submit(simulator), submit(simulator, hold=True)
    simulator.run_for(MINUTE)
    simulator.tell(*(ins.Stop(number, "asked") for number in (running, queued, held, running)))
    simulator.run_for(MINUTE)
    assert rows(simulator) == ["manual: cancelled/stopped"] * 3
    assert refusal(simulator, ins.Stop(held, "asked")) == f"conflict: run {held} is over, or was never there"


def test_paused_task_accounts_for_its_slots_in_one_row() -> None:
    simulator = story(a_task(cron=("*/10 * * * *",)))
    simulator.tell(ins.Pause("work", "asked"))
    simulator.run_for(35 * MINUTE)
    simulator.tell(ins.Resume("work", "asked"))
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["cron 12:10 x3: skipped/paused", "cron 12:40: succeeded"]


def test_pause_ends_by_itself_and_catches_nothing_up() -> None:
    simulator = story(a_task(cron=("*/10 * * * *",)))
    simulator.tell(ins.Pause("work", "asked", until=NOON + 25 * MINUTE))
    simulator.tell(ins.Pause("work", "asked", until=NOON + 15 * MINUTE))
    simulator.run_for(38 * MINUTE)
    assert rows(simulator) == ["cron 12:10: skipped/paused", "cron 12:20: succeeded", "cron 12:30: succeeded"]
    assert not simulator.journal.tasks["work"].paused


def test_slots_missed_while_paused_are_not_caught_up() -> None:
    simulator = story(a_task(cron=("*/10 * * * *",)))
    simulator.tell(ins.Pause("work", "asked"))
    simulator.suspend(HOUR)
    simulator.run_for(MINUTE)
    assert rows(simulator) == ["cron 12:10 x6: skipped/paused"]


def test_skip_next_leaves_one_slot_out() -> None:
    simulator = story(a_task(cron=("*/10 * * * *",)), a_task("manual"))
    simulator.tell(ins.SkipNext("work", "asked"))
    simulator.run_for(25 * MINUTE)
    assert rows(simulator) == ["cron 12:10: skipped/skip_next", "cron 12:20: succeeded"]
    assert refusal(simulator, ins.SkipNext("manual", "asked")) == "conflict: manual has no schedule"


def test_requests_about_unknown_tasks_are_refused() -> None:
    simulator = story(a_task())
    for asked in (ins.Pause("x", "asked"), ins.Resume("x", "asked"), ins.SkipNext("x", "asked")):
        assert refusal(simulator, asked) == "unknown: no task x"


def test_approval_before_start_lets_the_run_start() -> None:
    simulator = story(a_task(approval=BEFORE))
    number = submit(simulator)
    assert simulator.journal.runs[number].state is State.WAITING
    assert EventName.APPROVAL_REQUESTED in events(simulator)
    simulator.tell(ins.Decide(number, Decision.APPROVE, "asked", "eva"))
    simulator.run_for(5 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"]


def test_approval_that_nobody_gives_fails_the_run() -> None:
    simulator = story(a_task(approval=BEFORE))
    number = submit(simulator)
    early = ins.Decide(number, Decision.REQUEST_CHANGES, "asked")
    assert refusal(simulator, early) == f"conflict: no changes can be requested of run {number}"
    simulator.run_for(HOUR)
    assert rows(simulator) == ["manual: failed/approval_expired"]


def test_denied_run_fails_for_good() -> None:
    simulator = story(a_task(approval=BEFORE, retry_attempts=5))
    number = submit(simulator)
    simulator.tell(ins.Decide(number, Decision.DENY, "asked"))
    assert rows(simulator) == ["manual: failed/denied"]
    late = ins.Decide(number, Decision.DENY, "asked")
    assert refusal(simulator, late) == f"conflict: run {number} is over, or was never there"


def test_result_is_final_only_after_approval() -> None:
    simulator = story(a_task(approval=AFTER), a_task("below", depends_on=()))
    number = submit(simulator)
    assert refusal(simulator, ins.Decide(number, Decision.APPROVE, "asked")).endswith("does not wait for approval")
    simulator.run_for(5 * MINUTE)
    assert rows(simulator) == ["manual: waiting"]
    simulator.tell(ins.Decide(number, Decision.APPROVE, "asked"))
    assert rows(simulator) == ["manual: succeeded"]


def test_requested_changes_rerun_without_using_up_retries() -> None:
    simulator = story(a_task(approval=AFTER))
    number = submit(simulator)
    simulator.run_for(5 * MINUTE)
    simulator.tell(ins.Decide(number, Decision.REQUEST_CHANGES, "asked", comment="wrong day"))
    simulator.run_for(5 * MINUTE)
    run = simulator.journal.runs[number]
    assert (run.attempt, run.used, run.cycles, run.comment) == (2, 0, 1, "wrong day")
    again = ins.Decide(number, Decision.REQUEST_CHANGES, "asked")
    assert refusal(simulator, again) == f"conflict: no changes can be requested of run {number}"


def test_disk_low_holds_attempts_back_and_says_so() -> None:
    simulator = story(a_task())
    simulator.tell(ins.SetDiskLow(low=True), ins.SetDiskLow(low=True))
    number = submit(simulator)
    simulator.run_for(HOUR)
    assert simulator.engine is not None
    assert [need.lack for need in simulator.engine.why(number)] == [Lack.DISK_LOW]
    assert events(simulator).count(EventName.DISK_LOW) == 1
    simulator.tell(ins.SetDiskLow(low=False))
    simulator.run_for(5 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"]
    assert simulator.engine.why(number) == []
    assert simulator.engine.run(number) is None


def test_shutdown_detaches_or_stops() -> None:
    simulator = story(a_task(), minutes=30)
    submit(simulator)
    simulator.run_for(MINUTE)
    simulator.tell(ins.Shutdown(stop=False))
    submit(simulator)
    simulator.run_for(40 * MINUTE)
    assert rows(simulator) == ["manual: succeeded", "manual: queued"]
    simulator.revive()
    simulator.run_for(MINUTE)
    simulator.tell(ins.Shutdown(stop=True))
    simulator.run_for(MINUTE)
    assert rows(simulator) == ["manual: succeeded", "manual: cancelled/shutdown"]


def test_reports_carry_progress_and_outputs() -> None:
    simulator = story(a_task(), minutes=30, exits=(Exit(code=0, outputs={"rows": 2}),))
    number = submit(simulator)
    simulator.run_for(MINUTE)
    simulator.tell(ins.AttemptReported(number, 1, progress=(40, "loading")))
    simulator.tell(ins.AttemptReported(number, 1, outputs={"day": "monday"}))
    simulator.tell(ins.AttemptReported(number, 1))
    simulator.tell(ins.AttemptReported(number, 9, progress=(99, "of another attempt")))
    simulator.run_for(HOUR)
    run = simulator.journal.runs[number]
    assert (run.progress, run.outputs) == ((40, "loading"), {"day": "monday", "rows": 2})


def test_late_and_repeated_words_of_an_adapter_change_nothing() -> None:
    simulator = story(a_task())
    number = submit(simulator)
    simulator.run_for(5 * MINUTE)
    before = list(simulator.journal.history)
    simulator.tell(ins.AttemptExited(number, 1, Exit(code=1)), ins.AttemptStarted(number, 1, {}))
    assert simulator.journal.history == before


def test_who_must_wait_for_a_time_and_for_a_word_waits_for_the_word_after_the_time() -> None:
    simulator = story(a_task(approval=BEFORE, start_after=10 * MINUTE))
    number = submit(simulator, start_at=NOON + 20 * MINUTE)
    assert simulator.journal.runs[number].state is State.SCHEDULED
    simulator.run_for(25 * MINUTE)
    assert simulator.journal.runs[number].state is State.WAITING
    simulator.tell(ins.Decide(number, Decision.APPROVE))
    simulator.run_for(10 * MINUTE)
    assert rows(simulator) == ["manual: succeeded"]
