"""`show TASK`: each effective value with the place that set it."""

from __future__ import annotations

from polysync.config.origin import Origin, origins
from tests.config.reading import told

TEXT = """\
[defaults]
timeout = "1h"
env = { LANG = "C" }
[vaults.v]
type = "env"
[platforms.far]
type = "ssh"
[jobs.load]
platform = "far"
[jobs.load.parameters]
day = { default = "today" }
key = { type = "secret", default = "vault://v/k" }
a = { type = "int" }
b = {}
c = { type = "int" }
[tasks.base]
mode = "template"
group = "G"
settings = { password = "p4ss", size = 1 }
[tasks.up]
run = "x"
[tasks.t]
extends = "base"
job = "load"
env.A = "${env:SECRET}"
depends_on = ["up"]
parameters.a = { from = "up", output = "o", default = 1 }
parameters.b = { state = "k" }
parameters.c = { value = 1, sensitive = true }
[services.s]
run = "y"
"""


def shown(name: str) -> dict[str, Origin]:
    loaded = told(TEXT, {"SECRET": "hunter2"})
    return {origin.key: origin for origin in origins(loaded, name)}


def test_each_value_names_the_table_that_set_it() -> None:
    origin = shown("t")
    assert origin["job"] == Origin("job", "load", "task", "polysync.toml", 24, 1)
    assert origin["group"] == Origin("group", "G", "template base", "polysync.toml", 18, 1)
    assert origin["timeout"] == Origin("timeout", "1h", "[defaults]", "polysync.toml", 2, 1)
    assert origin["env.LANG"].source == "[defaults]"
    assert origin["env.A"] == Origin("env.A", "${env:SECRET}", "task", "polysync.toml", 25, 5)
    assert origin["platform"].source == "job load"
    assert origin["parameters.day"].source == "job load"
    assert origin["retry_delay"] == Origin("retry_delay", "5s", "default")
    assert origin["mode"] == Origin("mode", "run", "default")


def test_secrets_are_not_shown_and_parameters_read_as_written() -> None:
    origin = shown("t")
    assert origin["settings.password"].value == "***"
    assert origin["settings.size"].value == 1
    assert origin["parameters.key"].value == "vault://v/k"
    assert origin["parameters.a"].value == {"from": "up", "output": "o", "default": 1}
    assert origin["parameters.b"].value == {"state": "k"}
    assert origin["parameters.c"].value == "***"
    assert origin["parameters.day"].value == "today"


def test_a_service_is_shown_too_and_what_does_not_exist_is_not() -> None:
    assert shown("s")["run"] == Origin("run", "y", "service", "polysync.toml", 31, 1)
    assert shown("s")["env.LANG"].source == "[defaults]"
    assert shown("none") == {}
    assert origins(told("nope = 1"), "t") == ()
