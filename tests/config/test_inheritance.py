"""What a task comes to: [defaults], its templates, its own table, and its job."""

from __future__ import annotations

from datetime import timedelta

from polysync.domain.definition import resolve_job
from polysync.domain.task import NotifyOn
from polysync.domain.values import Mode, Parameter, ParamType, RetryPreset
from tests.config.reading import complaints, fine


def test_a_default_holds_where_nothing_nearer_speaks() -> None:
    config = fine(
        """
        [defaults]
        timeout = "1h"
        keep_runs = 5
        env = { A = "default", B = "default" }
        retry_preset = "by_outcome"
        [tasks.a]
        run = "x"
        [tasks.b]
        run = "x"
        timeout = "none"
        env = { B = "own", C = "own" }
        [services.s]
        run = "x"
        """
    )
    assert config.tasks["a"].timeout == timedelta(hours=1)
    assert config.tasks["a"].retry_preset is RetryPreset.BY_OUTCOME
    assert config.tasks["b"].timeout is None
    assert config.tasks["b"].env == {"A": "default", "B": "own", "C": "own"}
    assert config.services["s"].keep_runs == 5
    assert config.services["s"].env == {"A": "default", "B": "default"}


def test_templates_hand_their_keys_down_a_chain() -> None:
    config = fine(
        """
        [defaults]
        retry_delay = "9s"
        [vaults.v]
        type = "env"
        [tasks.root]
        mode = "template"
        run = "root"
        cron = "@daily"
        group = "G"
        secrets = { A = "vault://v/root", B = "vault://v/root" }
        settings = { a = 1, b = 1 }
        parameters = { p = 1, q = 1 }
        retry_on = { failed = { retry_attempts = 1, retry_delay = "1s" }, timeout = { retry_attempts = 9 } }
        notify_on = { recovered = ["inapp"], missed = ["inapp"] }
        [tasks.middle]
        mode = "template"
        extends = "root"
        retry_delay = "7s"
        [tasks.t]
        extends = "middle"
        command = ["own"]
        secrets = { B = "vault://v/own" }
        settings = { b = 2 }
        parameters = { q = 2 }
        retry_on = { failed = { retry_attempts = 2 } }
        notify_on = { missed = [] }
        """
    )
    task = config.tasks["t"]
    assert (task.mode, task.extends, task.run, task.command) == (Mode.RUN, "middle", None, ("own",))
    assert (task.cron, task.group, task.retry_delay) == (("@daily",), "G", timedelta(seconds=7))
    assert task.secrets == {"A": "vault://v/root", "B": "vault://v/own"}
    assert task.settings == {"a": 1, "b": 2}
    assert task.parameters == {"p": Parameter(value=1), "q": Parameter(value=2)}
    assert task.retry_on.failed is not None
    assert (task.retry_on.failed.retry_attempts, task.retry_on.failed.retry_delay) == (2, timedelta(seconds=1))
    assert task.retry_on.timeout is not None
    assert task.notify_on == NotifyOn(recovered=("inapp",), missed=())
    assert config.tasks["middle"].mode is Mode.TEMPLATE
    assert config.tasks["middle"].retry_on.crashed is None


JOBS = """
[platforms.far]
type = "ssh"
[contention]
a = { type = "concurrency", max = 1 }
b = { type = "concurrency", max = 1 }
[vaults.v]
type = "env"
[jobs.load]
platform = "far"
contention = ["a"]
settings = { cluster = "small", wait = true }
[jobs.load.parameters]
day = { type = "string", default = "today" }
key = { type = "secret", default = "vault://v/key" }
rows = { type = "int", direction = "out", default = 1 }
limit = { type = "int", sensitive = true }
"""


def test_a_job_lends_platform_limits_settings_and_parameters() -> None:
    task = fine(
        JOBS + "[tasks.t]\njob = 'load'\ncontention = 'b'\nsettings = { cluster = 'large' }\nparameters = { limit = 5 }"
    ).tasks["t"]
    assert task.platform == "far"
    assert task.contention == ("a", "b")
    assert task.settings == {"cluster": "large", "wait": True}
    assert task.parameters == {
        "limit": Parameter(value=5, type=ParamType.INT, sensitive=True),
        "day": Parameter(value="today", type=ParamType.STRING),
        "key": Parameter(vault="vault://v/key", type=ParamType.SECRET, sensitive=True),
    }


def test_a_task_may_choose_another_platform_than_its_job() -> None:
    assert fine(JOBS + "[tasks.t]\njob = 'load'\nplatform = 'local'").tasks["t"].platform == "local"


def test_a_job_name_means_its_table_else_the_highest_version() -> None:
    jobs = {"a@2": 2, "a@10": 10, "b": 0, "b@3": 3, "a@x": -1}
    assert [resolve_job(name, jobs) for name in ("a", "b", "b@3", "c", "a@2")] == [10, 0, 3, None, 2]
    config = fine(
        "[jobs.'j@2']\nexternal_id='two'\n[jobs.'j@11']\nplatform='p'\n[platforms.p]\ntype='ssh'\n[tasks.t]\njob='j'"
    )
    assert config.tasks["t"].platform == "p"


def test_a_default_that_contradicts_a_restart_is_no_contradiction_of_the_task() -> None:
    assert complaints("[defaults]\nretry_attempts = 3\n[tasks.t]\nrun = 'x'\nrestart = 'on_failure'\n") == []
