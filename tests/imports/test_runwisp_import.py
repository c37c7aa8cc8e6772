"""A RunWisp file, in its old words or its new ones, becomes the same thing here."""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta

import pytest

from polysync.config.imports.runwisp import from_runwisp, includes
from polysync.config.imports.verdict import Mark
from polysync.domain.task import NEVER
from polysync.domain.values import Backoff, Catchup, LogFull, OnStart, Overlap, ParamType, Restart
from tests.imports.accepting import about, accepted

CURRENT = """\
[daemon]
timezone = "Europe/Bratislava"
shutdown_timeout = "20s"
tls = "auto"
include = ["conf.d/*.toml"]
include_cron = ["/etc/cron.d/*"]

[storage]
max_size = "10gb"
min_free_space = 0

[defaults]
timeout = "2h"
catch_up = 0
restart_attempts = 5
failures = ["-42"]
env = { LANG = "C.UTF-8" }

[notify]
global_notifiers = ["inapp", "slack"]
coalesce_limit = 3

[notifiers.slack]
type = "slack"
webhook_url = "${SLACK_URL}"
channel = "#ops"

[notifiers.mail]
type = "smtp"
host = "mail.example"
from = "a@example.com"
to = ["b@example.com"]
password = "s3cret"
template_path = "x.tmpl"

[[route]]
match = { kinds = ["succeeded", "queue_full"], task = "etl-*" }
notifiers = ["slack:#etl"]

[[route]]
match.failure = true
notifiers = ["mail"]

[tasks.backup]
run = \"\"\"
pg_dump shop > dump
gzip dump
\"\"\"
description = "dump of ${SHOP} for $${money}"
cron = "0 3 * * *"
jitter = "10m"
on_overlap = "kill"
max_queued = 0
retry_attempts = 3
retry_backoff = "exponential"
retry_delay = "30s"
timeout = "0s"
notify = ["slack", "mail:x", "nobody"]
secrets = { PGPASSWORD = "${PGPASSWORD}", OTHER = "literal" }
hook_tokens = ["abcdefghijklmnopqrstuvwxyzabcdefgh"]
log_on_full = "kill"
bogus = 1

[tasks.report]
run = "printf '%s,' \\"$DAY\\" \\"$@\\""
max_concurrent = 2
manual_trigger = false
cron = "@every 90s"
run_on_start = "daemon"
keep_runs = 0
params = [
  { env = "DAY", default = "today", choices = ["today", "yesterday"] },
  { arg = "target", required = true, default = 3, type = "number" },
  { option = "--level", default = "" },
  { flag = "--dry-run", default = true },
]

[tasks.inside]
sdk = true

[tasks.boxed]
compose_file = "compose.yml"

[services.web]
run = "exec web"
restart = "on_failure"
depends_on = ["db", "ghost"]
health_check = { run = "curl -f localhost", cron = "@every 5s", timeout = "2s", retry_attempts = 1, retry_delay = "1s" }

[services.db]
run = "exec db"
restart_attempts = 2
priority = 3
notify = ["mail"]

[compose.shop]
file = "compose.yml"

[future]
x = 1
"""

CLASSIC = """\
[scheduler]
timezone = "UTC"
[notify]
default_notifiers = ["hook"]
coalesce_outbound = false
history_keep = 5
[[notifier]]
id = "hook"
type = "webhook"
url = "https://example.com/hook"
[[notification_route]]
notify = ["hook"]
match = { kind = "missed", severity = "error" }
[tasks.old]
run = "true; false"
cron = ["0 4 * * *", "0 16 * * *"]
catch_up = "all"
max_catch_up_runs = 7
on_overlap = "terminate"
log_on_full = "kill_task"
queue_max = 9
parallelism = 3
api_trigger = true
exit_codes = [0, 2]
treat_missed_as_failure = true
notify_on_failure = ["hook"]
notify_on_success = ["inapp"]
notify_on_missed = ["hook"]
restart = "on_failure"
retry_attempts = 5
[services.one]
run = "exec one"
start_retries = 1
backoff_reset_after = "30s"
"""


def test_runwisp_import_reads_the_current_words() -> None:
    config = accepted(from_runwisp(CURRENT, "runwisp.toml"))
    task = config.tasks["backup"]

    assert list(config.tasks) == ["backup", "report"]
    assert task.run == "set -e\npg_dump shop > dump\ngzip dump\n"
    assert task.description == "dump of shop for ${money}"
    assert task.jitter == timedelta(minutes=10)
    assert task.on_overlap is Overlap.TERMINATE
    assert (task.retry_attempts, task.retry_backoff) == (3, Backoff.EXPONENTIAL)
    assert task.retry_max_delay == timedelta(minutes=5)
    assert task.timeout is None
    assert task.catch_up is Catchup.SKIP
    assert task.notify_on_failure == task.notify_on.missed == ("slack", "mail")
    assert task.log_on_full is LogFull.KILL_TASK
    assert task.env == {"LANG": "C.UTF-8"}
    assert [code for code in range(256) if code in task.success_codes] == [0, 42]


def test_runwisp_import_reads_the_old_words() -> None:
    config = accepted(from_runwisp(CLASSIC, "runwisp.toml"))
    task = config.tasks["old"]

    assert config.scheduler.timezone == "UTC"
    assert task.cron == ("0 4 * * *", "0 16 * * *")
    assert (task.catch_up, task.max_catch_up_runs) == (Catchup.ALL, 7)
    assert task.on_overlap is Overlap.TERMINATE
    assert (task.queue_max, task.max_concurrent) == (9, 3)
    assert task.restart is Restart.ON_FAILURE
    assert task.notify_on_failure == task.notify_on.missed == ("hook",)
    assert task.notify_on_success == ("inapp",)
    assert config.notify.append_notifiers == ("hook",)
    assert config.notify.coalesce_window == timedelta(0)
    assert config.route[0].match.events == ("run.missed",)
    assert (config.services["one"].restart_attempts, config.services["one"].healthy_after) == (2, timedelta(seconds=30))


def test_runwisp_import_reads_the_tables_around() -> None:
    config = accepted(from_runwisp(CURRENT, "runwisp.toml"))

    assert config.scheduler.timezone == "Europe/Bratislava"
    assert config.daemon.shutdown_timeout == timedelta(seconds=20)
    assert (config.storage.max_size, config.storage.min_free_space) == (10 << 30, 0)
    assert config.tasks["report"].keep_for == NEVER
    assert [notifier.id for notifier in config.notifier] == ["slack", "mail"]
    assert config.notifier[0].options["webhook_url"] == "https://slack.example/hook"
    assert config.route[0].match.task == "etl-*"
    assert config.route[0].match.events == ("run.succeeded", "run.skipped")
    assert "run.timeout" in config.route[1].match.events


def test_runwisp_import_reads_services() -> None:
    services = accepted(from_runwisp(CURRENT, "runwisp.toml")).services

    assert services["web"].depends_on == ("db",)
    assert services["web"].restart is Restart.ON_FAILURE
    assert services["web"].restart_attempts == 6
    assert services["db"].restart_attempts == 3
    assert services["db"].notify_on_failure == ("mail",)
    check = services["web"].health_check
    assert check is not None
    assert (check.run, check.every, check.timeout, check.retries) == (
        "curl -f localhost",
        timedelta(seconds=5),
        timedelta(seconds=2),
        1,
    )


def test_runwisp_import_refers_to_secrets_and_copies_none() -> None:
    imported = from_runwisp(CURRENT, "runwisp.toml")

    assert accepted(imported).tasks["backup"].secrets == {
        "PGPASSWORD": "vault://env/PGPASSWORD",
        "OTHER": "vault://env/OTHER",
    }
    assert "literal" not in imported.toml
    assert "set OTHER in the environment" in about(imported, "tasks.backup.secrets").reason


def test_runwisp_import_turns_params_into_parameters() -> None:
    task = accepted(from_runwisp(CURRENT, "runwisp.toml")).tasks["report"]

    assert {name: given.value for name, given in task.parameters.items()} == {
        "DAY": "today",
        "target": 3,
        "level": "",
        "dry-run": True,
    }
    assert task.parameters["target"].type is ParamType.INT
    assert task.run_on_start is OnStart.DAEMON
    assert not task.api_trigger
    assert task.keep_runs == 1


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"DAY": "mon", "TARGET": "3", "LEVEL": "", "DRY_RUN": "true"}, "mon,3,--dry-run,"),
        ({"DAY": "", "TARGET": "a b", "LEVEL": "$x", "DRY_RUN": "false"}, ",a b,--level,$x,"),
    ],
)
def test_runwisp_import_passes_parameters_to_the_script(values: dict[str, str], wanted: str) -> None:
    run = accepted(from_runwisp(CURRENT, "runwisp.toml")).tasks["report"].run
    assert run is not None
    env = {"PATH": os.environ["PATH"]} | {f"PARAM_{name}": value for name, value in values.items()}
    ran = subprocess.run(["/bin/sh", "-c", run], check=True, capture_output=True, text=True, env=env)

    assert ran.stdout == wanted


@pytest.mark.parametrize(
    ("entry", "mark", "words"),
    [
        ("daemon.tls", Mark.SKIPPED, "[api]"),
        ("daemon.include", Mark.SKIPPED, "conf.d/*.toml"),
        ("daemon.include_cron", Mark.SKIPPED, "--from crontab"),
        ("defaults.failures", Mark.IMPORTED, "each task"),
        ("notify.coalesce_limit", Mark.SKIPPED, "no list"),
        ("notifiers.mail", Mark.ADJUSTED, "template_path"),
        ("route[0]", Mark.ADJUSTED, "notifier of its own"),
        ("tasks.backup", Mark.IMPORTED, "runs twice"),
        ("tasks.backup.max_queued", Mark.ADJUSTED, "on_overlap"),
        ("tasks.backup.notify", Mark.ADJUSTED, "'nobody' is not a notifier"),
        ("tasks.backup.hook_tokens", Mark.SKIPPED, "[webhooks.NAME]"),
        ("tasks.backup.bogus", Mark.SKIPPED, "not a key of RunWisp"),
        ("tasks.report.params", Mark.ADJUSTED, "choices, required"),
        ("tasks.report.keep_runs", Mark.ADJUSTED, "at least one"),
        ("tasks.inside", Mark.SKIPPED, "SDK"),
        ("tasks.boxed", Mark.SKIPPED, "docker"),
        ("services.web.depends_on", Mark.ADJUSTED, "not imported"),
        ("services.web.health_check", Mark.ADJUSTED, "without retry_delay"),
        ("services.db.priority", Mark.SKIPPED, "depends_on"),
        ("compose.shop", Mark.SKIPPED, "compose"),
        ("future", Mark.SKIPPED, "not a key"),
        ("runwisp.toml", Mark.NOTE, "keep_for"),
    ],
)
def test_runwisp_import_says_what_became_of(entry: str, mark: Mark, words: str) -> None:
    verdict = next(v for v in from_runwisp(CURRENT, "runwisp.toml").verdicts if v.entry == entry)

    assert verdict.mark is mark
    assert words in verdict.reason


def test_runwisp_import_names_the_line_of_each_key() -> None:
    for verdict in from_runwisp(CURRENT, "runwisp.toml").verdicts:
        if verdict.line:
            last = verdict.entry.rpartition(".")[2].partition("[")[0]
            assert last in CURRENT.split("\n")[verdict.line - 1], verdict


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[tasks.a]\nrun = \n", 2, "not valid TOML"),
        ("a = '\udc80'", 0, "UTF-8"),
        ("a = " + "[" * 5000, 0, "nested too deeply"),
    ],
)
def test_runwisp_import_says_why_it_cannot_read(text: str, line: int, words: str) -> None:
    imported = from_runwisp(text, "runwisp.toml")

    accepted(imported)
    assert [(verdict.mark, verdict.line) for verdict in imported.verdicts] == [(Mark.SKIPPED, line)]
    assert words in imported.verdicts[0].reason


def test_runwisp_import_renames_what_cannot_be_a_name_here() -> None:
    imported = from_runwisp('[tasks.".x"]\nrun = "a"\n[tasks.x]\nrun = "b"\n[services."7"]\nrun = "c"\n', "r.toml")
    config = accepted(imported)

    assert [*config.tasks, *config.services] == ["x", "x-2", "job-7"]
    assert about(imported, 'tasks.".x"').mark is Mark.ADJUSTED


def test_runwisp_import_lists_included_files() -> None:
    assert includes(CURRENT) == ("conf.d/*.toml",)
    assert includes("daemon = 1") == ()
    assert includes("daemon =") == ()
    assert includes("[daemon]\ninclude = 'a'") == ("a",)
