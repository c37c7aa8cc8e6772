"""The daemon's own log: readable, harmless, and never in the way."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta

from polysync.daemon.logging import LogStream, open_log
from polysync.domain.values import LogFormat, LogLevel, Reading
from tests.faults import fault

NOW = datetime(2026, 3, 29, 1, 2, 3, 456_000, tzinfo=UTC)


class Stopped:
    def read(self) -> Reading:
        return Reading(NOW, timedelta(0), timedelta(0))


def read_all(descriptor: int) -> str:
    with os.fdopen(descriptor, encoding="utf-8") as stream:
        return stream.read()


def written(wanted: LogFormat, level: LogLevel = LogLevel.INFO) -> str:
    reading, writing = os.pipe()
    log, queue = open_log(writing, Stopped(), wanted, level)
    log.debug("too quiet")
    log.info("run ended", run=7, task="a b", state="succeeded")
    log.warning("name\x1b[31m", error="bad\nworse")
    queue.close()
    os.close(writing)
    return read_all(reading)


def test_machines_read_json() -> None:
    first, second = map(json.loads, written(LogFormat.AUTO).splitlines())
    assert first == {
        "at": "2026-03-29T01:02:03.456+00:00",
        "level": "info",
        "event": "run ended",
        "run": 7,
        "task": "a b",
        "state": "succeeded",
    }
    assert second["level"] == "warning"
    assert "\x1b" not in written(LogFormat.JSON)


def test_people_read_lines() -> None:
    assert written(LogFormat.CONSOLE).splitlines() == [
        '01:02:03 run ended  run=7  task="a b"  state=succeeded',
        "01:02:03 warning: name␛[31m  error=bad␊worse",
    ]


def test_the_level_is_the_least_that_is_said() -> None:
    assert "too quiet" in written(LogFormat.CONSOLE, LogLevel.DEBUG)
    assert written(LogFormat.CONSOLE, LogLevel.ERROR) == ""


def test_terminals_are_coloured() -> None:
    master, slave = os.openpty()
    try:
        log, queue = open_log(slave, Stopped())
        log.warning("low")
        queue.close()
        assert os.read(master, 1024).decode() == "01:02:03 \x1b[33mwarning: low\x1b[0m\r\n"
    finally:
        os.close(master)
        os.close(slave)


@fault("F49")
def test_a_full_pipe_stops_nobody_and_the_loss_is_told() -> None:
    reading, writing = os.pipe()
    queue = LogStream(writing, kept=10)
    while not queue.dropped:
        queue.put("x" * 9999 + "\n")
    got = b""
    while b"were dropped" not in got:
        queue.put("y\n")
        got += os.read(reading, 1 << 20)
    queue.close()
    os.close(writing)
    os.close(reading)


def test_a_reader_that_left_stops_nobody() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    queue = LogStream(writing)
    queue.put("x\n")
    queue.close()
    os.close(writing)
    assert queue.dropped == 0


def test_rich_is_not_loaded_for_it() -> None:
    rich = sys.modules.get("rich")
    open_log(2, Stopped())[1].close()
    assert sys.modules.get("rich") is rich
