"""`polysync show`: effective values, their origin, and never a secret."""

from __future__ import annotations

from typing import Any

from tests.cli.terminal import Terminal

TASKS = """
[scheduler]
timezone = "Europe/Bratislava"
[defaults]
retry_attempts = 2
[vaults.ops]
type = "env"
[platforms.lake]
type = "databricks"
host = "https://lake"
token = "vault://ops/lake"
[jobs.etl]
platform = "lake"
external_id = "/etl"
[jobs.etl.parameters]
day = { type = "string", default = "today" }
key = { type = "secret", default = "vault://ops/key" }
pin = { type = "string", sensitive = true, default = "1234" }
[tasks.nightly]
mode = "template"
timeout = "1h"
[tasks.backup]
extends = "nightly"
run = '''
first line
second line
'''
cron = ["30 2 * * *", "@reboot"]
log_max_size = "5mb"
success_codes = [0, "3-5"]
depends_on = ["sales", { task = "sales", on = "failure" }]
depends_trigger = false
secrets = { TOKEN = "vault://ops/token" }
[tasks.sales]
job = "etl"
[tasks.sales.parameters]
pin = { value = "98765", sensitive = true }
[services.web]
command = ["web"]
env = { DB_PASSWORD = "hunter2-literal" }
"""


def shown(terminal: Terminal, *words: str) -> dict[str, Any]:
    return {item["key"]: item for item in terminal.polysync("show", *words, "--json").data["items"]}


def test_show_tells_where_each_value_comes_from(terminal: Terminal) -> None:
    terminal.write(TASKS)
    found = shown(terminal, "backup")
    assert {key: found[key]["origin"] for key in ("run", "retry_attempts", "timeout")} == {
        "run": "task",
        "retry_attempts": "[defaults]",
        "timeout": "template nightly",
    }
    assert (found["retry_attempts"]["line"], found["retry_attempts"]["path"]) == (5, "polysync.toml")
    assert "group" not in found


def test_show_writes_values_as_the_file_would(terminal: Terminal) -> None:
    terminal.write(TASKS)
    found = shown(terminal, "backup")
    assert found["log_max_size"]["value"] == "5mb"
    assert found["success_codes"]["value"] == [0, "3-5"]
    assert found["depends_on"]["value"] == ["sales", {"task": "sales", "on": "failure"}]
    everything = shown(terminal, "backup", "--all")
    assert everything["depends_mode"]["value"] == "all"
    assert everything["retry_never_on"]["value"] == []
    assert everything["group"]["origin"] == "default"


def test_show_keeps_secrets(terminal: Terminal) -> None:
    terminal.write(TASKS)
    assert shown(terminal, "backup")["secrets.TOKEN"]["value"] == "vault://ops/token"
    everything = "".join(terminal.polysync("show", name, "--all").out for name in ("sales", "etl", "web", "backup"))
    everything += "".join(terminal.polysync("show", name, "--all", "--json").out for name in ("sales", "etl", "web"))
    assert "***" in everything
    assert not any(secret in everything for secret in ("98765", "1234", "hunter2"))


def test_show_for_people(terminal: Terminal) -> None:
    terminal.write(TASKS)
    terminal.columns = 80
    said = terminal.polysync("show", "backup", "--all")
    assert said.status == 0
    assert said.lines[0] == "backup  task"
    assert "first line⏎second line" in said.out
    assert "30 2 * * *  At 02:30, every day" in said.lines
    assert any(line.startswith("next: Sat 2026-03-28 02:30 Europe/Bratislava, in 15h 30m") for line in said.lines)
    assert all(len(line) <= 80 for line in said.lines)
    assert "next:" not in terminal.polysync("show", "backup", "-q").out


def test_show_of_a_task_without_a_schedule_ends_with_its_values(terminal: Terminal) -> None:
    terminal.write(TASKS)
    assert "next:" not in terminal.polysync("show", "sales").out
    assert "next:" not in terminal.polysync("show", "nightly").out


def test_show_takes_services_and_jobs(terminal: Terminal) -> None:
    terminal.write(TASKS)
    assert terminal.polysync("show", "web").lines[0] == "web  service"
    assert terminal.polysync("show", "etl").lines[0] == "etl  job"
    found = shown(terminal, "etl", "--all")
    assert found["external_id"] == {
        "key": "external_id",
        "value": "/etl",
        "origin": "job",
        "path": "polysync.toml",
        "line": 14,
        "column": 1,
    }
    assert found["tags"]["origin"] == "default"


def test_show_of_something_unknown(terminal: Terminal) -> None:
    terminal.write(TASKS)
    said = terminal.polysync("show", "bakcup")
    assert (said.status, said.out) == (3, "")
    assert "did you mean backup?" in said.err
    assert terminal.polysync("show", "[bw]*").status == 3


def test_show_of_a_broken_configuration_lists_its_problems(terminal: Terminal) -> None:
    terminal.write("[tasks.x]\nrun = 3\n")
    said = terminal.polysync("show", "x")
    assert said.status == 2
    assert "polysync.toml:2:7" in said.err
    assert "error: polysync.toml has 1 problem" in said.err
    assert "validate" in said.err


def test_show_says_what_happens_on_start_as_the_file_would(terminal: Terminal) -> None:
    terminal.write(
        '[tasks.a]\nrun = "x"\nrun_on_start = true\n[tasks.b]\nrun = "x"\n[tasks.c]\nrun = "x"\ncron = "@reboot"'
    )
    values = [
        {item["key"]: item["value"] for item in terminal.polysync("show", name, "--all", "--json").data["items"]}
        for name in ("a", "b", "c")
    ]
    assert [value["run_on_start"] for value in values] == [True, False, "boot"]


def test_show_hides_secrets_wherever_they_stand(terminal: Terminal) -> None:
    terminal.write("""
[tasks.t]
run = "x"
settings = { auth = { password = "hunter2" }, hosts = [{ token = "hunter2" }] }
parameters = { p = { state = "k", default = "hunter2", sensitive = true } }
""")
    for option in ((), ("--json",)):
        assert "hunter2" not in terminal.polysync("show", "t", *option).out


def test_show_wraps_long_meanings(terminal: Terminal) -> None:
    terminal.write('[tasks.t]\nrun = "x"\ncron = "*/7 9-17 1,15 * mon#2"\ntimezone = "America/Argentina/Buenos_Aires"')
    terminal.columns = 60
    assert max(map(len, terminal.polysync("show", "t").lines)) <= 60
