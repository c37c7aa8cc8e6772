"""What is shown as stars of a run, what of it stays so for everybody, and what holds when its task is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from polysync.config.load import load
from polysync.daemon.secrecy import Secrecy
from polysync.domain.inputs import Configure
from polysync.domain.rows import Run
from polysync.domain.settings import Configuration
from polysync.domain.task import Task
from tests.api.stage import a_run
from tests.daemon.rig import Rig, daemon, until

TEXT = """
[vaults.v]
type = "env"
[jobs.j]
platform = "local"
type = "shell"
[jobs.j.parameters]
key = { type = "secret", default = "vault://v/KEY" }
limit = { type = "int", default = 3, sensitive = true }
[tasks.by_job]
job = "j"
[tasks.plain]
run = "true"
[tasks.plain.parameters]
pin = { value = "4713", sensitive = true }
password = { value = "vault://v/PASSWORD" }
name = { value = "x" }
"""


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    file = tmp_path / "polysync.toml"
    file.write_text(TEXT)
    loaded = load(file, env={})
    assert loaded.config is not None, loaded.errors
    return loaded.config


def a_run_of(task: str, **values: Any) -> Run:
    return a_run(1, task=task, **values)


def test_sensitive_values_may_be_revealed_and_secrets_never(configuration: Configuration) -> None:
    async def story(rig: Rig) -> None:
        secrecy = Secrecy(lambda: rig.driver)
        rig.inbox.tell(Configure(configuration))
        await until(lambda: rig.driver.configuration is configuration)
        plain, by_job = a_run_of("plain", sensitive=("digest",)), a_run_of("by_job")
        assert secrecy.sensitive(plain) == {"pin", "password", "digest"}
        assert secrecy.secret(plain) == {"password"}
        assert secrecy.sensitive(by_job) == {"key", "limit"}
        assert secrecy.secret(by_job) == {"key"}

    daemon(story, Task(name="work", run="true"))


def test_where_the_task_is_gone_everything_is_a_secret() -> None:
    async def story(rig: Rig) -> None:
        secrecy = Secrecy(lambda: rig.driver)
        run = a_run_of("gone", parameters={"a": 1}, outputs={"b": 2})
        assert secrecy.sensitive(run) == secrecy.secret(run) == {"a", "b"}
        await until(lambda: True)

    daemon(story, Task(name="work", run="true"))
