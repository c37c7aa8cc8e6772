"""What is allowed and probably not meant is told, and does not refuse the file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from polysync.config.decode import decode
from polysync.config.load import load
from tests.config.reading import told

TASK = "[tasks.t]\nrun = 'x'\n"
WARNINGS = [
    (
        TASK + "api_trigger = false",
        "1:8: warning: tasks.t: nothing can start this task; give it a cron, watch or depends_on",
    ),
    (
        TASK + "api_trigger = false\ndepends_on = 'u'\ndepends_trigger = false\n[tasks.u]\nrun='x'",
        "nothing can start this task",
    ),
    (
        "[tasks.t]\nmode = 'template'\ncron = '@daily'",
        "3:1: warning: tasks.t.cron: a template with a schedule that no task extends",
    ),
    (
        TASK + "graceful_stop = '1m'\n[daemon]\non_shutdown = 'stop'",
        "3:17: warning: tasks.t.graceful_stop: is longer than shutdown_timeout",
    ),
    (
        "[services.s]\nrun='x'\ngraceful_stop = '1m'",
        "warning: services.s.graceful_stop: is longer than shutdown_timeout",
    ),
    (TASK + "timeout='2h'\nmax_duration='1h'", "warning: tasks.t.timeout: is longer than max_duration"),
    (
        TASK + "retry_on.failed.retry_delay='2h'",
        "3:29: warning: tasks.t.retry_on.failed.retry_delay: is longer than retry_max_delay, which cuts it",
    ),
    (
        "[contention.c]\ntype='rate'\nlimit=1\nwindow='1m'\nalgorithm='leaky'\nburst=3",
        "6:1: warning: contention.c.burst: has no effect; leaky spaces starts evenly",
    ),
    (TASK + "success_codes=[]", "3:15: warning: tasks.t.success_codes: is empty, so no exit code is a success"),
    (TASK + "retry_delay='2h'", "warning: tasks.t.retry_delay: is longer than retry_max_delay, which cuts it"),
    (TASK + "cron='@daily'\nroll='next'", "warning: tasks.t.roll: has no effect; only slots that only_on or skip_on"),
    (
        "[services.s]\nrun='x'\nrestart_delay='2m'",
        "warning: services.s.restart_delay: is longer than restart_max_delay",
    ),
    (
        "[services.s]\nrun='x'\nrestart='never'\nrestart_attempts=3",
        "4:18: warning: services.s.restart_attempts: has no effect; restart is never",
    ),
    (
        "[services.s]\nrun='x'\nhealth_check={tcp='a:1', timeout='1m'}",
        "warning: services.s.health_check.timeout: is longer than every",
    ),
    (
        "[services.s]\nrun='x'\ndepends_on='u'\n[services.u]\nrun='x'\nenabled=false",
        '3:12: warning: services.s.depends_on: "u" is disabled, so this service never starts',
    ),
    ("[platforms.p]\ntype='http'\npoll_interval='2m'", "warning: platforms.p.poll_interval: is longer than poll_max"),
    (
        "[platforms.p]\ntype='http'\ncall_retry={delay='2m'}",
        "warning: platforms.p.call_retry.delay: is longer than max_delay",
    ),
    (
        "[platforms.p]\ntype='http'\npol_interval='5s'",
        "3:1: warning: platforms.p.pol_interval: is passed to the platform as a key of its own; did you mean poll",
    ),
    ("[platforms.p]\ntype='http'\ntoken='abc'", "3:7: warning: platforms.p.token: a secret in the open"),
    ("[platforms.p]\ntype='http'\nauth={password='abc'}", "warning: platforms.p.auth.password: a secret in the open"),
    (
        "[[notifier]]\nid='n'\ntype='slack'\nwebhook_url='https://x'",
        "warning: notifier[0].webhook_url: a secret in the open",
    ),
    (TASK + "[webhooks.w]\ntask='t'\nsecret='abc'", "warning: webhooks.w.secret: a secret in the open"),
]
QUIET = [
    TASK + "api_trigger = false\ncron = '@daily'",
    TASK + "api_trigger = false\nrun_on_start = 'boot'",
    TASK + "graceful_stop = '1m'",
    TASK + "graceful_stop = '1m'\nenabled = false\n[daemon]\non_shutdown = 'stop'",
    "[tasks.t]\nmode = 'template'\ncron = '@daily'\n[tasks.u]\nextends = 't'\nrun = 'x'",
    "[platforms.p]\ntype='http'\ntoken='vault://v/x'\n[vaults.v]\ntype='env'",
    "[platforms.p]\ntype='http'\ntoken='${env:A}'\ntoken_url='https://x'\nlabel_x=1",
    "[defaults]\nroll='next'\n" + TASK + "cron='@daily'",
    TASK + "retry_on.failed={ retry_delay='2h', retry_max_delay='3h' }",
    "[contention.c]\ntype='rate'\nlimit=1\nwindow='1m'\nburst=3",
]


@pytest.mark.parametrize(("text", "wanted"), WARNINGS, ids=[wanted[:60] for _, wanted in WARNINGS])
def test_a_warning_is_told_and_does_not_refuse_the_file(text: str, wanted: str) -> None:
    loaded = told(text, {"A": "a"})
    assert loaded.config is not None
    assert any(wanted in str(problem) for problem in loaded.warnings), [str(problem) for problem in loaded.problems]


@pytest.mark.parametrize("text", QUIET)
def test_what_is_meant_is_not_warned_of(text: str) -> None:
    assert [str(problem) for problem in told(text, {"A": "a"}).problems] == []


def test_a_day_without_a_slot_is_told_where_the_clock_changes() -> None:
    text = "[scheduler]\ntimezone = 'Europe/Bratislava'\n" + TASK + "cron = '*/30 2 * * *'\n"
    loaded = decode(text, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert [str(problem) for problem in loaded.problems] == [
        (
            "polysync.toml:5:8: warning: tasks.t.cron: has no slot on 2026-03-29, when the clock changes; "
            'dst_gap = "after" fires at the first instant after the gap'
        )
    ]
    assert decode(text).problems == ()
    for key in ("dst_gap = 'after'", "enabled = false", "skip_on = ['none']"):
        assert not any(
            "no slot" in str(problem) for problem in decode(text + key, now=datetime(2026, 1, 1, tzinfo=UTC)).problems
        )


def test_secrets_in_a_file_that_everybody_can_read_are_told(tmp_path: Path) -> None:
    path = tmp_path / "polysync.toml"
    path.write_text("[platforms.p]\ntype = 'http'\ntoken = 'abc'\n")
    path.chmod(0o644)
    said = [str(problem) for problem in load(path, env={}).problems]
    assert said[0] == f"{path}: warning: every user of this host can read the secrets in it; chmod 600 {path}"
    path.chmod(0o600)
    assert len(load(path, env={}).problems) == 1
    path.write_text("[tasks.t]\nrun = 'x'\nenv.db_password = 'abc'\n")
    assert load(path, env={}).problems == ()
    path.chmod(0o644)
    assert len(load(path, env={}).problems) == 1


def test_what_only_the_defaults_say_is_warned_of_once_and_there() -> None:
    defaults = "[defaults]\ngraceful_stop = '1m'\nretry_delay = '2h'\n"
    text = f"[daemon]\non_shutdown = 'stop'\n{defaults}[tasks]\na.run = 'x'\nb.run = 'x'\n"
    assert [str(problem).split(": ")[:3:2] for problem in told(text).problems] == [
        ["polysync.toml:4:17", "defaults.graceful_stop"],
        ["polysync.toml:5:15", "defaults.retry_delay"],
    ]
