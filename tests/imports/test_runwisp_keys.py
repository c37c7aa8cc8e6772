"""Each key of a RunWisp unit, with values that fit and values that do not."""

from __future__ import annotations

import pytest

from polysync.config.imports.runwisp import from_runwisp
from polysync.config.imports.verdict import Mark
from polysync.domain.values import Overlap
from tests.imports.accepting import accepted

TASK = "[tasks.t]\nrun = 'true'\n"
SERVICE = "[services.t]\nrun = 'true'\n"
CASES = [
    (TASK, "group = ''", Mark.NOTE, "default heading"),
    (TASK, "group = 'Night'", Mark.IMPORTED, "group"),
    (TASK, "description = 3", Mark.SKIPPED, "should be a string"),
    (TASK, "description = '${}'", Mark.SKIPPED, "not a variable"),
    (TASK, "description = '${open'", Mark.SKIPPED, "not closed"),
    (TASK, "description = '${file:note.txt} $${x}'", Mark.IMPORTED, "description"),
    (TASK, 'description = "\\u0000"', Mark.SKIPPED, "NUL"),
    (TASK, "shell = 'bash'", Mark.SKIPPED, "absolute"),
    (TASK, "shell = '/bin/bash'", Mark.IMPORTED, "shell"),
    (TASK, "user = 'a b'", Mark.SKIPPED, "user name"),
    (TASK, "user = 'alice:staff'", Mark.IMPORTED, "user"),
    (TASK, "umask = '022'", Mark.IMPORTED, "umask"),
    (TASK, "umask = '999'", Mark.SKIPPED, "octal"),
    (TASK, "working_dir = ''", Mark.NOTE, "default"),
    (TASK, "working_dir = '~'", Mark.IMPORTED, "working_dir"),
    (TASK, "stop_signal = 'SIGINT'", Mark.IMPORTED, "stop_signal"),
    (TASK, "stop_signal = 'SIGSTOP'", Mark.SKIPPED, "stop signal"),
    (TASK, "graceful_stop = '0s'", Mark.IMPORTED, "graceful_stop"),
    (TASK, "graceful_stop = '3d'", Mark.SKIPPED, "longer than"),
    (TASK, "env = { A = '${SHOP}' }", Mark.IMPORTED, "env"),
    (TASK, "env = { '1' = 'x' }", Mark.SKIPPED, "environment variable"),
    (TASK, "env = { API_TOKEN = 'x' }", Mark.ADJUSTED, "vault"),
    (TASK, "env = 'A=1'", Mark.SKIPPED, "table"),
    (TASK, "env_base = 'clean'", Mark.IMPORTED, "env_base"),
    (TASK, "env_base = 'dirty'", Mark.SKIPPED, "inherit, clean"),
    (TASK, "env_file = ['a.env', 'b.env']", Mark.IMPORTED, "env_file"),
    (TASK, "env_file = []", Mark.NOTE, "no file"),
    (TASK, "secrets = {}", Mark.NOTE, "empty"),
    (TASK, "secrets = { A = '${SHOP}' }", Mark.IMPORTED, "daemon's environment"),
    (TASK, "timeout = '5s x 5s'", Mark.SKIPPED, "duration"),
    (TASK, "secrets_file = 'x'", Mark.SKIPPED, "EnvironmentFile"),
    (TASK, "log_max_size = '1.5MB'", Mark.IMPORTED, "log_max_size"),
    (TASK, "log_max_size = '10b'", Mark.SKIPPED, "least"),
    (TASK, "log_max_size = 'big'", Mark.SKIPPED, "not a size"),
    (TASK, "log_on_full = 'stop'", Mark.SKIPPED, "drop_old"),
    (TASK, "keep_runs = 10", Mark.IMPORTED, "keep_runs"),
    (TASK, "keep_runs = true", Mark.SKIPPED, "number"),
    (TASK, "keep_for = '36500d'", Mark.IMPORTED, "keep_for"),
    (TASK, "keep_for = '99999w'", Mark.IMPORTED, "keep_for"),
    (TASK, "keep_for = '5ms'", Mark.SKIPPED, "second"),
    (TASK, "cron = '0 0 30 2 *'", Mark.SKIPPED, "never fires"),
    (TASK, "keep_for = '0s'", Mark.SKIPPED, "second"),
    (TASK, "cron = []", Mark.NOTE, "manual"),
    (TASK, "cron = '${WHEN}'", Mark.SKIPPED, "variable"),
    (TASK, "timezone = 'Mars/Base'", Mark.SKIPPED, "zone"),
    (TASK, "timezone = 'Asia/Tokyo'", Mark.IMPORTED, "timezone"),
    (TASK, "run_on_start = 'boot'", Mark.IMPORTED, "run_on_start"),
    (TASK, "run_on_start = true", Mark.IMPORTED, "run_on_start"),
    (TASK, "catch_up = 1", Mark.IMPORTED, "catch_up"),
    (TASK, "catch_up = 5", Mark.IMPORTED, "max_catch_up_runs"),
    (TASK, "catch_up = 'skip'", Mark.IMPORTED, "catch_up"),
    (TASK, "catch_up = -1", Mark.SKIPPED, "number"),
    (TASK, "timeout = '1500us'", Mark.IMPORTED, "timeout"),
    (TASK, "timeout = 'soon'", Mark.SKIPPED, "duration"),
    (TASK, "timeout = '5s5'", Mark.SKIPPED, "duration"),
    (TASK, "max_queued = 3", Mark.IMPORTED, "queue_max"),
    (TASK, "api_trigger = 'yes'", Mark.SKIPPED, "true or false"),
    (TASK, "failures = ['failed', 'missed', 'timeout', 'crashed', '1-3', '75']", Mark.ADJUSTED, "always"),
    (TASK, "failures = ['+stopped', '-timeout']", Mark.ADJUSTED, "run.cancelled"),
    (TASK, "failures = ['-timeout', '-crashed']", Mark.ADJUSTED, "no retry after timeout and crashed"),
    (TASK, "failures = ['+output:ERROR']", Mark.ADJUSTED, "output is not searched"),
    (TASK, "failures = ['-75', '+75', '-3']", Mark.IMPORTED, "exit codes"),
    (TASK, "failures = ['-70-80']", Mark.IMPORTED, "exit codes"),
    (TASK, "failures = ['10-19']", Mark.ADJUSTED, "no retry"),
    (TASK, "failures = ['failed', '-3']", Mark.SKIPPED, "mixes"),
    (TASK, "failures = ['nonsense']", Mark.SKIPPED, "not known"),
    (TASK, "failures = [3]", Mark.SKIPPED, "words"),
    (TASK, "notify = []", Mark.IMPORTED, "nobody"),
    (TASK, "notify_on_success = 'inapp'", Mark.IMPORTED, "notify_on_success"),
    (TASK, "restart = 'always'", Mark.SKIPPED, "service"),
    (TASK, "restart = 'never'", Mark.IMPORTED, "restart"),
    (TASK, "hook_tokens = 'x'", Mark.SKIPPED, "1 of them"),
    (TASK, "instances = 2", Mark.SKIPPED, "on a task either"),
    (TASK, "params = []", Mark.IMPORTED, "parameters"),
    (TASK, "params = [{ env = 'A', default = 1.5, type = 'number' }]", Mark.IMPORTED, "parameters"),
    (TASK, "params = [{ flag = '--x', default = 'true' }]", Mark.IMPORTED, "parameters"),
    (TASK, "params = [{ arg = 'x', default = 3 }]", Mark.IMPORTED, "parameters"),
    (TASK, "params = [{ arg = 'x', default = nan }]", Mark.SKIPPED, "default"),
    (TASK, "params = [{ arg = 'x', default = 'vault://a/b' }]", Mark.SKIPPED, "default"),
    (TASK, "params = [{ arg = 'x', default = [] }]", Mark.SKIPPED, "default"),
    (TASK, "params = [{ arg = 'x', env = 'x' }]", Mark.SKIPPED, "exactly one"),
    (TASK, "params = [{ arg = 'ä' }]", Mark.SKIPPED, "not possible"),
    (TASK, "params = [{ env = 'a-b' }]", Mark.SKIPPED, "environment variable"),
    (TASK, "params = [{ arg = 'a' }, { option = '--A' }]", Mark.SKIPPED, "same variable"),
    (TASK, "params = [3]", Mark.SKIPPED, "table"),
    (TASK, "params = 3", Mark.SKIPPED, "list of tables"),
    (SERVICE, "instances = 3", Mark.IMPORTED, "instances"),
    (SERVICE, "restart = 'sometimes'", Mark.SKIPPED, "always, on_failure, never"),
    (SERVICE, "restart_backoff = 'linear'", Mark.IMPORTED, "restart_backoff"),
    (SERVICE, "depends_on = ['t']", Mark.IMPORTED, "depends_on"),
    (SERVICE, "health_check = 'x'", Mark.SKIPPED, "table"),
    (SERVICE, "health_check = { run = 'x', cron = '* * * * *' }", Mark.SKIPPED, "only @every"),
    (SERVICE, "health_check = { run = 'x', cron = '@every 0s' }", Mark.SKIPPED, "least"),
    (SERVICE, "health_check = { run = 'x', cron = '@every 200ms' }", Mark.SKIPPED, "least"),
    (SERVICE, "health_check = { run = 'x', timeout = '0s' }", Mark.SKIPPED, "least"),
    (SERVICE, "health_check = { run = 'x' }", Mark.IMPORTED, "health_check"),
    (SERVICE, "notify = ['nobody']", Mark.ADJUSTED, "not a notifier"),
    (SERVICE, "notify = []", Mark.IMPORTED, "nobody"),
    (SERVICE, "cron = '@daily'", Mark.SKIPPED, "no such key"),
    (SERVICE, "failures = ['failed']", Mark.SKIPPED, "failure of a service"),
    (SERVICE, "api_trigger = false", Mark.SKIPPED, "[access]"),
    ("[storage]\n", "max_size = 0", Mark.SKIPPED, "always have a limit"),
    ("[storage]\n", "max_size = '0b'", Mark.SKIPPED, "always have a limit"),
    ("[storage]\n", "max_size = '1kb'", Mark.SKIPPED, "least"),
    ("[storage]\n", "odd = 1", Mark.SKIPPED, "not a key"),
    ("[daemon]\n", "timezone = 'Mars/Base'", Mark.SKIPPED, "zone"),
    ("[daemon]\n", "check_updates = true", Mark.NOTE, "never looks"),
    ("[notify]\n", "coalesce_outbound = true", Mark.NOTE, "by default"),
    ("[notify]\n", "global_notifiers = ['x']", Mark.ADJUSTED, "not a notifier"),
    ("[notify]\n", "retry_budget = '2m'", Mark.IMPORTED, "retry_budget"),
    ("[notify]\n", "default_timeout = '2m'", Mark.IMPORTED, "retry_budget"),
    ("[notify]\n", "coalesce_window = '1h'", Mark.IMPORTED, "coalesce_window"),
    ("[defaults]\n", "keep_for = '7d'", Mark.IMPORTED, "keep_for"),
    ("[defaults]\n", "failures = ['bad']\n[tasks.t]\nrun = 'true'", Mark.IMPORTED, "each task"),
]


@pytest.mark.parametrize(("table", "line", "mark", "words"), CASES)
def test_runwisp_key_is_accounted_for(table: str, line: str, mark: Mark, words: str) -> None:
    imported = from_runwisp(f"{table}{line}\n", "runwisp.toml")
    accepted(imported)
    at = table.count("\n") + 1
    verdict = next(verdict for verdict in imported.verdicts if verdict.line == at)

    assert verdict.mark is mark
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tasks]\nt = 3\n", "should be a table"),
        ("tasks = 3\n", "should be a table"),
        ("notifiers = 3\n", "should be a table"),
        ("notifier = 3\n", "no id"),
        ("[notifiers]\na = 3\n", "should be a table"),
        ("[notifiers.a]\ntype = 'pigeon'\n", "type is not known"),
        ("[notifiers.a]\ntype = 'slack'\nx = 1.5\n", "not used here"),
        ("[notifiers.a]\ntype = 'webhook'\nurl = 'x'\nheaders = { A = ['${SHOP}', 1, true] }\n", "becomes"),
        ("[[notifier]]\nid = 'inapp'\ntype = 'slack'\n", "no id of its own"),
        ("route = 3\n", "should be a table"),
        ("[[route]]\nmatch = 3\n", "should be a table"),
        ("[[route]]\nnotifiers = []\n", "no notifiers"),
        ("[[route]]\nnotifiers = ['x']\n", "not a notifier"),
        ("[[route]]\nnotifiers = ['inapp']\n", "every event"),
        ("[[route]]\nnotifiers = ['inapp']\nmatch = { failure = false }\n", "only failure = true"),
        ("[[route]]\nnotifiers = ['inapp']\nmatch = { kinds = ['odd'] }\n", "odd is not an event"),
        ("[[route]]\nnotifiers = ['inapp']\nmatch = { kinds = ['odd', 'failed'], failure = true }\n", "odd is not"),
        ("[[route]]\nnotifiers = ['inapp']\nmatch = { kinds = ['started'], failure = true }\n", "finally came to"),
        ("[[route]]\nnotifiers = ['inapp']\nmatch = { kinds = ['missed'] }\n", "becomes match"),
        ("[[route]]\nnotifiers = ['inapp']\nmatch = { kinds = ['missed'], severity = 1 }\n", "match.severity"),
        ("[tasks.t]\ncron = '@daily'\n", "has no run"),
        ("[services.t]\nrun = ' '\n", "has no run"),
        ("[tasks.t]\nrun = 'x'\nshell = '/usr/bin/fish'\nparams = [{ arg = 'a' }]\n", "POSIX shell"),
        ("[defaults]\nshell = '/usr/bin/fish'\n[tasks.t]\nrun = 'x'\nparams = [{ arg = 'a' }]\n", "POSIX shell"),
        ("[tasks.t]\nrun = 'x'\nenv = { PARAM_A = '1' }\nparams = [{ arg = 'a' }]\n", "name of a parameter"),
        ("[defaults]\nfailures = 3\n[tasks.t]\nrun = 'x'\n", "each task"),
    ],
)
def test_runwisp_table_is_accounted_for(text: str, words: str) -> None:
    imported = from_runwisp(text, "runwisp.toml")
    accepted(imported)

    assert any(words in verdict.reason for verdict in imported.verdicts)


def test_runwisp_notifiers_keep_their_names_apart() -> None:
    text = "[notifiers.'a b']\ntype = 'slack'\n[notifiers.a-b]\ntype = 'slack'\n"

    assert [one.id for one in accepted(from_runwisp(text, "r")).notifier] == ["a-b", "a-b-2"]


def test_runwisp_script_in_another_shell_is_left_alone() -> None:
    text = "[defaults]\nshell = '/usr/bin/fish'\n[tasks.t]\nrun = 'a; b'\n"

    assert accepted(from_runwisp(text, "r")).tasks["t"].run == "a; b"


def test_runwisp_task_that_never_waits_skips() -> None:
    text = "[tasks.a]\nrun = 'x'\nmax_queued = 0\n[tasks.b]\nrun = 'x'\nmax_queued = 0\non_overlap = 'kill'\n"
    tasks = accepted(from_runwisp(text, "r")).tasks

    assert [tasks[name].on_overlap for name in "ab"] == [Overlap.SKIP, Overlap.TERMINATE]


def test_runwisp_services_in_a_circle_are_opened() -> None:
    text = "[services.a]\nrun='x'\ndepends_on=['b']\n[services.b]\nrun='x'\ndepends_on=['a', 'b']\n"

    assert [one.depends_on for one in accepted(from_runwisp(text, "r")).services.values()] == [("b",), ()]
