"""Where the values of a task come from, as the daemon tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from polysync.config.load import load
from polysync.daemon.conditions import conditions_of
from polysync.daemon.origins import KEPT, UNKNOWN, Origins
from polysync.domain.settings import Configuration
from polysync.domain.task import Task
from polysync.domain.values import EnvBase
from polysync.ports import PortError

FILE = """
[defaults]
timeout = "5m"
[tasks.work]
run = "true"
env = { MODE = "fast", API_TOKEN = "hunter2" }
"""


def written(folder: Path, text: str = FILE) -> tuple[Path, Configuration]:
    path = folder / "polysync.toml"
    path.write_text(text)
    loaded = load(path, env={})
    assert loaded.config is not None
    return path, loaded.config


async def test_values_come_with_the_place_that_set_them(tmp_path: Path) -> None:
    path, holds = written(tmp_path)
    origins = Origins(path, {})
    found = {one.key: one for one in await origins.of(holds, "work")}
    assert (found["run"].source, found["run"].line) == ("task", 5)
    assert (found["timeout"].source, found["timeout"].line) == ("[defaults]", 3)
    assert found["nice"].source == "default"
    assert found["env.MODE"].value == "fast"
    assert found["env.API_TOKEN"].value == "***"
    assert await origins.of(holds, "work") == tuple(found.values())


async def test_files_that_say_something_else_by_now_are_not_believed(tmp_path: Path) -> None:
    path, holds = written(tmp_path)
    origins = Origins(path, {})
    path.write_text(FILE.replace('"true"', '"false"'))
    for _ in range(2):
        found = {one.key: one for one in await origins.of(holds, "work")}
        assert (found["run"].value, found["run"].source, found["run"].line) == ("true", UNKNOWN, 0)
        assert (found["nice"].source, found["env.API_TOKEN"].value) == ("default", "***")
    path.write_text(FILE)  # and are as soon as they are as they were
    assert {one.key: one.line for one in await origins.of(holds, "work")}["run"] == 5


async def test_only_some_tasks_are_kept(tmp_path: Path) -> None:
    path, holds = written(tmp_path, "".join(f'[tasks.t{n}]\nrun = "true"\n' for n in range(KEPT + 1)))
    origins = Origins(path, {})
    for name in holds.tasks:
        assert {one.key: one.source for one in await origins.of(holds, name)}["run"] == "task"


def test_conditions_tell_no_values_that_could_be_secret(tmp_path: Path) -> None:
    (tmp_path / "more.env").write_text("FROM_FILE=hidden\n")
    task = Task(
        name="work",
        run="true",
        env={"MODE": "hidden", "LANG": "C"},
        env_file=("more.env",),
        env_base=EnvBase.CLEAN,
        secrets={"KEY": "vault:main/key"},
        umask="027",
        working_dir="sub",
        nice=5,
    )
    found = conditions_of(task, tmp_path)
    assert (found["folder"], found["umask"], found["shell"]) == (f"{tmp_path}/sub", "027", "/bin/sh")
    assert found["variables"]["LANG"] == "C"
    assert {"MODE", "FROM_FILE", "KEY", "POLYSYNC_REPORT", "HOME"} <= found["variables"].keys()
    assert "hidden" not in str(found)
    assert found["limits"]["nice"] == 5
    assert conditions_of(Task(name="plain", command=("true",)), tmp_path)["shell"] is None
    with pytest.raises(PortError, match="more"):
        conditions_of(Task(name="work", run="true", env_file=("more.or.less",)), tmp_path)
    with pytest.raises(PortError, match="nobody-at-all"):
        conditions_of(Task(name="work", run="true", user="nobody-at-all"), tmp_path)
