"""What is written is what the definitions hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from polysync.domain.settings import Calendar, Configuration, HealthCheck, Token
from polysync.domain.task import Approval, Edge, Task, Watch
from polysync.domain.values import (
    Backoff,
    Catchup,
    Codes,
    EdgeOn,
    NeverOn,
    OnStart,
    Parameter,
    ParamType,
    Quorum,
    Restart,
    Role,
    Signal,
)
from tests.config.reading import fine

TASK = "[tasks.t]\nrun = 'x'\n"
VALUES: list[tuple[str, str, Any]] = [
    ("timeout = '1h30m'", "timeout", timedelta(minutes=90)),
    ("timeout = 'none'", "timeout", None),
    ("graceful_stop = '0s'", "graceful_stop", timedelta(0)),
    ("keep_for = 'forever'", "keep_for", timedelta.max),
    ("keep_runs = 'all'", "keep_runs", None),
    ("keep_runs = 7", "keep_runs", 7),
    ("max_concurrent = 'unlimited'", "max_concurrent", 1024),
    ("priority = 'low'", "priority", -10),
    ("log_max_size = '1.5GB'", "log_max_size", 3 << 29),
    ("retry_backoff = 'fixed'", "retry_backoff", Backoff.CONSTANT),
    ("stop_signal = 'SIGINT'", "stop_signal", Signal.INT),
    ("catch_up = 'all'", "catch_up", Catchup.ALL),
    ("restart = 'on_failure'", "restart", Restart.ON_FAILURE),
    ("cron = '@daily'", "cron", ("@daily",)),
    ("cron = '@reboot'", "run_on_start", OnStart.BOOT),
    ("cron = ['@reboot', '@daily']", "cron", ("@daily",)),
    ("cron = '@reboot'\nrun_on_start = true", "run_on_start", OnStart.DAEMON),
    ("run_on_start = true", "run_on_start", OnStart.DAEMON),
    ("run_on_start = false", "run_on_start", OnStart.NO),
    ("run_on_start = 'boot'", "run_on_start", OnStart.BOOT),
    ("tags = ['a', 'team=fin']", "tags", {"a": "", "team": "fin"}),
    ("tags = { team = 'fin' }", "tags", {"team": "fin"}),
    ("success_codes = [0, '10-12']", "success_codes", Codes(((0, 0), (10, 12)))),
    ("retry_never_on = [2, '5-6', 'denied']", "retry_never_on", NeverOn(Codes(((2, 2), (5, 6))), ("denied",))),
    ("cpu_max = '150%'", "cpu_max", 1.5),
    ("cpu_max = 2", "cpu_max", 2.0),
    ("watch = { paths = 'in/*' }", "watch", Watch(paths=("in/*",))),
    ("approval = { before = true }", "approval", Approval(before=True)),
    ("parameters = { a = 1 }", "parameters", {"a": Parameter(value=1)}),
    ("parameters = { a = { b = 1 } }", "parameters", {"a": Parameter(value={"b": 1})}),
    (
        "parameters = { a = { state = 'k', default = 2 } }",
        "parameters",
        {"a": Parameter(state="k", default=2, has_default=True)},
    ),
    (
        "parameters = { a = { value = 's', type = 'secret' } }",
        "parameters",
        {"a": Parameter(value="s", type=ParamType.SECRET, sensitive=True)},
    ),
    (
        "parameters = { a = { value = { state = 'k' }, sensitive = true } }",
        "parameters",
        {"a": Parameter(state="k", sensitive=True)},
    ),
    ("parameters = { a = 'vault://v/s' }\n[vaults.v]\ntype='env'", "parameters", {"a": Parameter(vault="vault://v/s")}),
    ("depends_on = 'u'\ndepends_mode = 'any'\n[tasks.u]\nrun='x'", "depends_mode", Quorum(1)),
    ("depends_on = 'u'\ndepends_mode = '60%'\n[tasks.u]\nrun='x'", "depends_mode", Quorum(60, percent=True)),
    (
        "depends_on = ['u', { task = 'v', on = 'failure', when = 'outputs.n > 0' }]\n[tasks]\nu.run='x'\nv.run='x'",
        "depends_on",
        (Edge(task="u"), Edge(task="v", on=EdgeOn.FAILURE, when="outputs.n > 0")),
    ),
    ("requirements = { gpu = true }\n[daemon]\nlabels = { gpu = true }", "requirements", {"gpu": True}),
    ("platform = 'local'", "platform", "local"),
]


@pytest.mark.parametrize(("line", "key", "value"), VALUES, ids=[line.split("\n")[0] for line, _, _ in VALUES])
def test_a_value_of_a_task_is_what_was_written(line: str, key: str, value: Any) -> None:
    made = getattr(fine(TASK + line).tasks["t"], key)
    assert made == value
    assert type(made) is type(value)


def test_a_task_has_the_defaults_of_its_class_and_equals_one_made_by_hand() -> None:
    made = fine(TASK).tasks["t"]
    assert made == Task(name="t", run="x")
    assert made.retry_delay == timedelta(seconds=5)
    assert dict(made.env) == {}


def test_every_other_table_is_what_was_written() -> None:
    config = fine(
        f"""
        [scheduler]
        timezone = "Asia/Kathmandu"
        [api]
        listen = "[::1]:80"
        token = [{{ name = "a", role = "admin", sha256 = "{"b" * 64}" }}]
        [calendars.c]
        weekdays = ["sat", "sun"]
        dates = ["12-25"]
        windows = ["22:00-06:00"]
        [services.s]
        run = "x"
        health_check = {{ tcp = "127.0.0.1:5", retries = 0 }}
        restart = "on_failure"
        [[notifier]]
        id = "n"
        type = "ntfy"
        topic = "t"
        [platforms.p]
        type = "http"
        url = "https://example.org"
        deep = {{ list = [1, {{ a = "b" }}] }}
        [vaults.v]
        type = "env"
        prefix = "X_"
        """
    )
    assert config.zone == "Asia/Kathmandu"
    assert config.api.token == (Token(name="a", role=Role.ADMIN, sha256="b" * 64),)
    assert config.calendars["c"] == Calendar(
        name="c", dates=("12-25",), weekdays=config.calendars["c"].weekdays, windows=("22:00-06:00",)
    )
    assert len(config.calendars["c"].weekdays) == 2
    assert config.services["s"].health_check == HealthCheck(tcp="127.0.0.1:5", retries=0)
    assert config.notifier[0].options == {"topic": "t"}
    assert config.platforms["p"].options == {"url": "https://example.org", "deep": {"list": [1, {"a": "b"}]}}
    assert config.vaults["v"].options == {"prefix": "X_"}


def test_a_parameter_is_as_sensitive_as_the_output_that_it_is_taken_from() -> None:
    config = fine(
        """
        [jobs.login.parameters]
        token = { direction = "out", sensitive = true }
        key = { type = "secret", direction = "out" }
        rows = { type = "int", direction = "out" }
        [jobs.login]
        platform = "local"
        type = "script"
        external_id = "/srv/login"
        [tasks.login]
        job = "login"
        [tasks.plain]
        run = "true"
        [tasks.base]
        mode = "template"
        depends_on = ["login", "plain"]
        parameters = { handed = { from = "login", output = "token" } }
        [tasks.next]
        run = "use"
        extends = "base"
        [tasks.next.parameters]
        key = { from = "login", output = "key" }
        rows = { from = "login", output = "rows" }
        free = { from = "plain", output = "token" }
        odd = { from = "login", output = "nobody-said" }
        text = "x"
        """
    )
    found = {name: one.sensitive for name, one in config.tasks["next"].parameters.items()}
    assert found == {"handed": True, "key": True, "rows": False, "free": False, "odd": False, "text": False}


def test_the_zone_is_the_hosts_where_the_file_names_none() -> None:
    assert fine("").zone == "UTC"
    assert isinstance(fine(""), Configuration)


def test_loopback_by_name_needs_no_tls() -> None:
    token = f"[[api.token]]\nname='a'\nsha256='{'a' * 64}'\n"
    assert fine(f"[api]\nlisten='localhost:80'\n{token}").api.listen == "localhost:80"
