"""The JSON Schema says what the decoder does."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any

import jsonschema
import pytest

from polysync.config.decode import decode
from polysync.config.schema import schema
from polysync.domain.settings import Configuration
from polysync.domain.shape import Text, key, keys_of
from polysync.domain.task import Task
from tests.config.many import many
from tests.config.reading import complaints, fine

TASK = "[tasks.t]\nrun = 'x'\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """Keys of a kind of platform, as an adapter would declare them."""

    host: str = key(Text(empty=False), "Where it is.")
    user: str | None = key(Text(), "Who asks.", None)


OPTIONS: dict[str, type[Any]] = {"platforms.rig": Rig, "notifier.rig": Rig}


def accepted(text: str) -> bool:
    return not list(jsonschema.Draft202012Validator(schema(OPTIONS)).iter_errors(tomllib.loads(text)))


def test_the_schema_is_one_and_describes_every_key() -> None:
    made = schema(OPTIONS)
    jsonschema.Draft202012Validator.check_schema(made)
    for name, table in [("root", made), *made["$defs"].items()]:
        for key_name, prop in table.get("properties", {}).items():
            assert prop.get("description"), f"{name}.{key_name}"
    assert set(made["properties"]) == {*keys_of(Configuration), "defaults"}
    assert set(made["$defs"]["Task"]["properties"]) == set(keys_of(Task))
    assert "cron" not in made["$defs"]["Defaults"]["properties"]


@pytest.mark.parametrize(
    "line",
    [
        "retry_attemps = 3",
        "timeout = 15",
        "timeout = '15'",
        "on_overlap = 'quue'",
        "retry_attempts = 101",
        "cron = 5",
        "watch = {}",
        "umask = '99'",
        "env = { A = 5 }",
        "depends_on = [{ on = 'success' }]",
        "priority = 'hihg'",
    ],
)
def test_what_the_decoder_refuses_the_schema_refuses(line: str) -> None:
    assert not accepted(TASK + line)
    assert complaints(TASK + line)


@pytest.mark.parametrize(
    "line",
    [
        "timeout = '1h30m'",
        "timeout = '${env:A:-5s}'",
        "priority = 'high'",
        "cron = ['@daily']",
        "cron = '@daily'",
        "cpu_max = '150%'",
        "run_on_start = 'boot'",
        "tags = { a = 'b' }",
        "depends_mode = '${env:A:-all}'",
        "keep_runs = 'all'",
    ],
)
def test_what_the_decoder_takes_the_schema_takes(line: str) -> None:
    text = TASK + line + ("\ndepends_on = 'u'\n[tasks.u]\nrun='x'" if "depends" in line else "")
    assert accepted(text)
    assert complaints(text) == []


def test_the_schema_takes_a_large_configuration() -> None:
    assert accepted(many(8))
    assert len(fine(many(8)).tasks) == 8


def test_an_adapter_brings_keys_of_its_own() -> None:
    fine_text = "[platforms.p]\ntype = 'rig'\nhost = 'h'\n"
    assert accepted(fine_text)
    assert not accepted("[platforms.p]\ntype = 'rig'\n")
    config = decode(fine_text, options=OPTIONS).config
    assert config is not None
    assert config.platforms["p"].options == {"host": "h"}
    said = [
        str(problem)
        for problem in decode("[platforms.p]\ntype = 'rig'\nuesr = 'u'\nhost = ''\n", options=OPTIONS).problems
    ]
    assert said == [
        "polysync.toml:3:1: platforms.p.uesr: unknown key; did you mean user?",
        "polysync.toml:4:8: platforms.p.host: must not be empty",
    ]
    said = [str(problem) for problem in decode("[[notifier]]\nid='n'\ntype='rig'\n", options=OPTIONS).problems]
    assert said == ["polysync.toml:1:3: notifier[0]: host is missing; where it is"]
