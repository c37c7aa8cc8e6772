"""What is counted of runs, and the text that it becomes: as a parser that nobody here wrote reads it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from polysync.daemon import counts as counting
from polysync.daemon.counts import OTHERS, Counts, Histogram
from polysync.daemon.exposition import END, counter, counters, gauge, gauges, head, histogram, info, labelled, slices
from polysync.daemon.metrics import Metrics
from polysync.domain.effects import AttemptNoted, RunCreated, RunMoved
from polysync.domain.engine import Engine
from polysync.domain.rows import Run
from polysync.domain.run import Reason, State
from polysync.domain.task import Task
from polysync.domain.values import Trigger
from tests.api.stage import NOON, a_run
from tests.daemon.openmetrics import samples
from tests.daemon.rig import Rig, daemon, until
from tests.daemon.virtual import passing

HOSTILE = 'a"b\\c\nd{e="f"} # EOF é\u202e'
STORAGE: Mapping[str, Any] = {
    "database_bytes": 10,
    "wal_bytes": 20,
    "logs_bytes": 30,
    "logs_wal_bytes": 40,
    "free": 50,
    "low": False,
    "oldest_reader_s": 0.0,
    "pruned": {"runs": 0},
}


def fresh() -> Counts:
    return Counts(Engine)


def ended(number: int, state: State = State.SUCCEEDED, **values: Any) -> Run:
    run = a_run(number, state)
    times = {"started_at": run.created_at, "ended_at": run.created_at + timedelta(seconds=2)}
    return replace(run, **{**times, **values})


def test_each_run_is_counted_once_by_task_state_and_reason() -> None:
    counts = fresh()
    counts.settled((), [ended(1), ended(2, State.FAILED, end_reason=Reason.EXIT_CODE), ended(3)])
    counts.settled([RunCreated(a_run(4, State.SKIPPED, end_reason=Reason.OVERLAP, ended_at=NOON))], ())
    assert counts.ended == {
        ("backup", "succeeded", ""): 2,
        ("backup", "failed", "exit_code"): 1,
        ("backup", "skipped", "overlap"): 1,
    }
    assert counts.took == {"backup": [3, 6.0]}
    assert counts.durations.counts[3] == 3
    assert counts.created == {"cron": 1}


def test_lateness_is_that_of_slots_alone() -> None:
    counts = fresh()
    late = a_run(1, State.QUEUED, scheduled_for=NOON + timedelta(seconds=30))
    by_hand = a_run(2, State.QUEUED, trigger=Trigger.MANUAL, scheduled_for=None)
    counts.settled([RunCreated(late), RunCreated(by_hand)], ())
    assert (sum(counts.lateness.counts), counts.lateness.total) == (1, 30.0)


def test_the_wait_ends_with_the_first_start() -> None:
    counts = fresh()
    over = ended(1, available_at=NOON)
    start = NOON + timedelta(seconds=3)
    moved = RunMoved(1, start, State.QUEUED, State.STARTING, None, "engine", {"started_at": start})
    again = RunMoved(1, start, State.RETRYING, State.STARTING, None, "engine", {})
    back = RunMoved(1, start, State.RUNNING, State.RETRYING, None, "engine", {})
    unknown = RunMoved(9, start, State.QUEUED, State.STARTING, None, "engine", {"started_at": start})
    counts.settled([moved, back, again, unknown], [over])
    assert (sum(counts.waits.counts), counts.waits.total) == (1, 3.0)
    assert counts.retries == 1


def test_output_is_counted_when_its_attempt_ends() -> None:
    counts = fresh()
    counts.settled([AttemptNoted(1, 1, {"log_bytes": 500, "log_dropped": 20}), AttemptNoted(1, 1, {"handle": {}})], ())
    assert (counts.log_bytes, counts.log_dropped) == (500, 20)


def test_names_that_are_made_up_all_the_time_share_one_line() -> None:
    counts = fresh()
    counts.settled((), [ended(1, task=f"t{number}") for number in range(counting.MOST + 5)])
    assert len(counts.took) == counting.MOST + 1
    assert counts.ended[OTHERS, "succeeded", ""] == 5


def test_a_clock_that_was_set_back_gives_no_negative_length() -> None:
    told = Histogram((1.0,))
    told.add(timedelta(seconds=-5))
    assert (told.counts, told.total) == ([1, 0], 0.0)


def test_the_text_is_what_a_parser_reads() -> None:
    told = Histogram((0.5, 1.0))
    for seconds in (0.1, 0.5, 0.7, 3):
        told.add(timedelta(seconds=seconds))
    text = "".join(
        (
            gauge("a", HOSTILE, 1.5),
            gauges("b", "b", {HOSTILE: 2, "": 3}, "what"),
            counter("c", "c", 7),
            counters("d", "d", {"x": 1}, "by"),
            info("e", "e", version=HOSTILE),
            histogram("f", "f", told),
            END,
        )
    )
    found = samples(text)
    assert found["a", ()] == 1.5
    assert found["b", (("what", HOSTILE),)] == 2
    assert found["b", (("what", ""),)] == 3
    assert found["c_total", ()] == 7
    assert found["d_total", (("by", "x"),)] == 1
    assert found["e_info", (("version", HOSTILE),)] == 1
    assert [found["f_bucket", (("le", le),)] for le in ("0.5", "1.0", "+Inf")] == [2, 3, 4]
    assert (found["f_count", ()], round(found["f_sum", ()], 6)) == (4, 4.3)


def test_a_large_family_comes_in_pieces() -> None:
    lines = [f"n{labelled(task=str(number))} 1\n" for number in range(1000)]
    pieces = list(slices(head("n", "gauge", "n"), lines, 300))
    assert len(pieces) == 4
    assert len(samples("".join((*pieces, END)))) == 1000
    assert list(slices("# only\n", (), 300)) == ["# only\n"]


def the_metrics(rig: Rig, process: Path = Path("/proc/self")) -> Metrics:
    return Metrics(
        rig.counts, driver=rig.driver, desk=rig.desk, storage=lambda: STORAGE, clock=rig.clock, process=process
    )


async def whole(pieces: AsyncIterator[bytes]) -> str:
    return b"".join([piece async for piece in pieces]).decode()


def test_a_daemon_tells_what_it_did() -> None:
    texts: list[str] = []

    async def story(rig: Rig) -> None:
        rig.platform.lasts = 1
        await rig.ask()
        await until(lambda: "forget" in rig.platform.calls)
        texts.append(await whole(the_metrics(rig).text()))
        texts.append(await whole(the_metrics(rig, Path("/nowhere")).text()))

    daemon(story, Task(name="work", run="true"))
    found, hidden = map(samples, texts)
    assert found["polysync_runs_ended_total", (("reason", ""), ("state", "succeeded"), ("task", "work"))] == 1
    assert found["polysync_task_run_seconds_count", (("task", "work"),)] == 1
    assert found["polysync_task_last_success_timestamp_seconds", (("task", "work"),)] > 0
    assert found["polysync_queue_wait_seconds_count", ()] == 1
    assert found["polysync_file_bytes", (("file", "logs.db-wal"),)] == 40
    assert found["process_resident_memory_bytes", ()] > 1_000_000
    assert ("process_open_fds", ()) not in hidden
    assert len(hidden) == len(found) - 2


def test_a_scrape_of_many_tasks_gives_others_their_turn() -> None:
    seen: list[int] = []

    async def story(rig: Rig) -> None:
        rig.counts.settled((), [ended(1, task=f"t{number}") for number in range(5_000)])
        loop, ticks = asyncio.get_running_loop(), 0

        def tick() -> None:
            nonlocal ticks
            ticks += 1
            if not seen:
                loop.call_soon(tick)

        tick()
        text = await whole(the_metrics(rig).text())
        seen.extend((ticks, text.count("\n")))
        await passing(0)

    daemon(story, Task(name="work", run="true"))
    assert seen[1] > 15_000
    assert seen[0] > 20
