"""What an attempt is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from polysync.config.decode import decode
from polysync.daemon.work import Preparer, traceparent
from polysync.domain.definition import Definition, definition_hash, parts_of
from polysync.domain.rows import Attempt, Run
from polysync.domain.run import Reason, State
from polysync.domain.settings import Configuration
from polysync.domain.task import Process
from polysync.domain.values import Command, Trigger
from polysync.ports import PortError, Secret, Work

SLOT = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - the name of an attempt
ENV = {"DB_PASSWORD": "s3cret", "BAD": "a\0b"}
VAULT = '[vaults.env]\ntype = "env"\n[vaults.other]\ntype = "keyring"\n'


def configured(text: str) -> Configuration:
    loaded = decode(VAULT + text, host_zone="Europe/Bratislava")
    assert loaded.config is not None, [str(problem) for problem in loaded.problems]
    return loaded.config


def run_of(configuration: Configuration, task: str, **values: Any) -> Run:
    made: dict[str, Any] = {
        "available_at": SLOT,
        "scheduled_for": SLOT,
        "correlation_id": "c0ffee",
        "definition": definition_hash(configuration.tasks[task], configuration),
        "attempt": 2,
        **values,
    }
    return Run(7, "uid", task, State.STARTING, Trigger.CRON, created_at=SLOT, **made)


def preparer(configuration: Configuration, folder: Path) -> Preparer:
    tasks = configuration.tasks
    return Preparer(
        configuration,
        lambda run: parts_of(tasks[run.task], configuration),
        env=ENV,
        folder=folder,
        socket=folder / "polysync.sock",
    )


async def prepared(text: str, folder: Path, *, task: str = "t", platform: str = "local", **values: Any) -> Work:
    configuration = configured(text)
    run = run_of(configuration, task, **values)
    return await preparer(configuration, folder).prepare(run, Attempt(7, 2, TOKEN, platform, SLOT))


async def refused(text: str, folder: Path, **values: Any) -> PortError:
    with pytest.raises(PortError) as caught:
        await prepared(text, folder, **values)
    assert caught.value.permanent
    assert "s3cret" not in str(caught.value)
    return caught.value


def opened(environment: Mapping[str, str | Secret]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value.reveal() for name, value in environment.items()}


async def test_a_plain_task(tmp_path: Path) -> None:
    work = await prepared('[tasks.t]\nrun = "echo"\nenv = { A = "1" }', tmp_path)
    assert work.command == Command(script="echo")
    assert work.environment == {
        "A": "1",
        "POLYSYNC_RUN_ID": "7",
        "POLYSYNC_TASK": "t",
        "POLYSYNC_ATTEMPT": "2",
        "POLYSYNC_TRIGGER": "cron",
        "POLYSYNC_SCHEDULED_FOR": "2026-03-29T01:00:00Z",
        "POLYSYNC_CORRELATION_ID": "c0ffee",
        "POLYSYNC_SOCKET": str(tmp_path / "polysync.sock"),
        "TRACEPARENT": work.environment["TRACEPARENT"],
    }
    assert (work.token, work.run_id, work.number, work.task, work.type) == (TOKEN, 7, 2, "t", "shell")
    assert (work.folder, work.settings, work.parameters) == (str(tmp_path), {}, {})
    assert isinstance(work.process, Process)


def test_a_trace_goes_through_all_that_belongs_together() -> None:
    whole = "4bf92f3577b34da6a3ce929d0e0e4736"
    assert traceparent(whole, TOKEN) == f"00-{whole}-{TOKEN[:16]}-01"
    version, trace, span, flags = traceparent("order 5", TOKEN).split("-")
    assert (version, len(trace), span, flags) == ("00", 32, TOKEN[:16], "01")
    assert traceparent("0" * 32, TOKEN).split("-")[1] != "0" * 32


async def test_a_run_knows_its_parents_and_its_review(tmp_path: Path) -> None:
    work = await prepared('[tasks.t]\nrun = "x"', tmp_path, parents=(3, 5), comment="again")
    assert work.environment["POLYSYNC_PARENT_ID"] == "3,5"
    assert work.environment["POLYSYNC_REVIEW_COMMENT"] == "again"


async def test_later_layers_of_the_environment_win(tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text("A=file\nB=file\nC=file\nD=file\nPARAM_P=file\nPOLYSYNC_TASK=file\n")
    (tmp_path / "b.env").write_text("D=second\n")
    text = """
[tasks.t]
run = "x"
env_file = ["a.env", "b.env"]
env = { B = "env" }
secrets = { C = "vault://env/DB_PASSWORD" }
[tasks.t.parameters]
p = ["x", 1]
"""
    work = await prepared(text, tmp_path, parameters={"p": ["x", 1]})
    found = opened(work.environment)
    assert {name: found[name] for name in ("A", "B", "C", "D", "PARAM_P")} == {
        "A": "file",
        "B": "env",
        "C": "s3cret",
        "D": "second",
        "PARAM_P": '["x",1]',
    }
    assert found["POLYSYNC_TASK"] == "t"
    assert "s3cret" not in repr(work)


async def test_command_and_settings_are_filled_in(tmp_path: Path) -> None:
    text = """
[platforms.web]
type = "http"
url = "https://h/$${x}"
token = "vault://env/DB_PASSWORD"
method = "PUT"
[jobs.call]
platform = "web"
type = "rest"
external_id = "/run"
[jobs.call.settings]
method = "GET"
body = { day = "${run:scheduled_for:%F}" }
many = ["${param:n}", "vault://env/DB_PASSWORD"]
[jobs.call.parameters.n]
type = "int"
[tasks.t]
job = "call"
settings = { method = "POST" }
parameters = { n = 5 }
[tasks.argv]
command = ["echo", "${run:id}", "$${x}"]
"""
    work = await prepared(text, tmp_path, platform="web", parameters={"n": 5})
    assert (work.type, work.external_id, work.command) == ("rest", "/run", None)
    many = work.settings["many"]
    assert (many[0], many[1].reveal(), work.settings["token"].reveal()) == ("5", "s3cret", "s3cret")
    assert {name: work.settings[name] for name in ("method", "body", "url")} == {
        "method": "POST",
        "body": {"day": "2026-03-29"},
        "url": "https://h/${x}",
    }
    assert (await prepared(text, tmp_path, task="argv")).command == Command(argv=("echo", "7", "${x}"))


PARAMETERS = """
[jobs.load]
[jobs.load.parameters]
key = { type = "secret", default = "vault://env/DB_PASSWORD" }
mark = { type = "string", sensitive = true }
out = { type = "string", direction = "out", default = "vault://env/GONE" }
[tasks.t]
job = "load"
[tasks.t.parameters]
mark = "hidden"
own = { value = "vault://env/DB_PASSWORD" }
day = "${run:scheduled_for:%F}"
rows = { value = [1], sensitive = true }
"""


async def test_parameters_are_opened_and_closed(tmp_path: Path) -> None:
    text = PARAMETERS.replace("own =", "# own =").replace("day =", "# day =").replace("rows =", "# rows =")
    work = await prepared(text, tmp_path, parameters={"mark": "hidden"})
    assert {name: value.reveal() for name, value in work.parameters.items()} == {"key": "s3cret", "mark": "hidden"}
    assert opened(work.environment)["PARAM_KEY"] == "s3cret"
    asked = await prepared(text, tmp_path, parameters={"mark": "m", "key": "given"}, overrides={"key": "given"})
    assert asked.parameters["key"].reveal() == "given"
    assert "given" not in repr(asked)


async def test_parameters_of_a_task_without_a_job(tmp_path: Path) -> None:
    text = """
[tasks.t]
run = "x"
[tasks.t.parameters]
own = "vault://env/DB_PASSWORD"
day = "${run:scheduled_for:%F} $${x}"
rows = { value = [1], sensitive = true }
"""
    values = {"day": "${run:scheduled_for:%F} $${x}", "rows": [1]}
    work = await prepared(text, tmp_path, parameters=values)
    assert (work.parameters["day"], work.parameters["rows"]) == ("2026-03-29 ${x}", [1])
    assert work.parameters["own"].reveal() == "s3cret"
    assert json.loads(opened(work.environment)["PARAM_ROWS"]) == [1]


@pytest.mark.parametrize(
    ("text", "said", "reason"),
    [
        ('run = "x"\nenv_file = "gone.env"', "gone.env does not exist", Reason.START_FAILED),
        ('run = "x"\nparameters = { a = { state = "k" } }', "state k, which is not set", Reason.START_FAILED),
        ('command = ["${run:scheduled_for:%Q}"]', "%Q is not a part of a date", Reason.START_FAILED),
        ('run = "x"\nsecrets = { A = "vault://env/GONE" }', "vault env: the environment variable GONE", None),
        ('run = "x"\nsecrets = { A = "vault://env/BAD" }', "holds a NUL", None),
        ('run = "x"\nsecrets = { A = "vault://other/k" }', "type keyring are not available", None),
        ('run = "x"\nparameters = { a = "vault://env/GONE" }', "GONE is not set", None),
    ],
)
async def test_what_cannot_be_prepared_says_why(text: str, said: str, reason: Reason | None, tmp_path: Path) -> None:
    error = await refused(f"[tasks.t]\n{text}", tmp_path)
    assert said in str(error)
    assert error.reason is (reason or Reason.SECRET_ERROR)


async def test_a_secret_parameter_never_reaches_a_command_line(tmp_path: Path) -> None:
    configuration = configured('[tasks.t]\ncommand = ["echo", "${param:k}"]\nparameters = { k = 1 }')
    closed = configured('[tasks.t]\nrun = "x"\nparameters = { k = { value = "s3cret", sensitive = true } }')
    task = configuration.tasks["t"]
    made = preparer(configuration, tmp_path)
    run = run_of(configuration, "t", parameters={"k": "s3cret"})
    object.__setattr__(task, "parameters", closed.tasks["t"].parameters)
    with pytest.raises(PortError, match="the parameter k is secret"):
        await made.prepare(run, Attempt(7, 2, TOKEN, "local", SLOT))


async def test_a_nul_character_is_refused(tmp_path: Path) -> None:
    error = await refused('[tasks.t]\nrun = "x"', tmp_path, correlation_id="a\0b")
    assert "POLYSYNC_CORRELATION_ID would hold a NUL" in str(error)
    assert error.reason is Reason.START_FAILED


async def test_a_definition_that_is_not_at_hand_is_asked_for_again(tmp_path: Path) -> None:
    configuration = configured('[tasks.t]\nrun = "x"')
    made = Preparer(configuration, lambda _run: None, env={}, folder=tmp_path, socket=tmp_path / "s")
    with pytest.raises(PortError) as caught:
        await made.prepare(run_of(configuration, "t"), Attempt(7, 2, TOKEN, "local", SLOT))
    assert not caught.value.permanent


async def test_job_and_platform_are_those_of_the_definition_and_the_zone_is_that_of_today(tmp_path: Path) -> None:
    task = '[jobs.j.parameters]\nat = {}\n[tasks.t]\njob = "j"\nparameters = { at = "${run:scheduled_for:%H}" }'
    first = configured(f'[jobs.j]\ntype = "a"\n{task}')
    second = replace(configured(f'[jobs.j]\ntype = "b"\n{task}'), zone="UTC")
    made, run = preparer(first, tmp_path), run_of(first, "t", parameters={"at": "${run:scheduled_for:%H}"})
    attempt = Attempt(7, 2, TOKEN, "local", SLOT)
    before = await made.prepare(run, attempt)
    made.configure(second)
    after = await made.prepare(run, attempt)
    assert (before.type, after.type) == ("a", "a")
    assert before.parameters["at"] != after.parameters["at"]


async def test_a_definition_without_its_job_starts_nothing(tmp_path: Path) -> None:
    configuration = configured('[tasks.t]\nrun = "x"')
    lost = Definition(replace(configuration.tasks["t"], run=None, job="j"))
    made = Preparer(configuration, lambda _run: lost, env={}, folder=tmp_path, socket=tmp_path / "s")
    with pytest.raises(PortError, match="the job j is not in the configuration any more"):
        await made.prepare(run_of(configuration, "t"), Attempt(7, 2, TOKEN, "local", SLOT))
