"""The example file is complete and right, line by line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from polysync.config.checks.parameters import variable_of
from polysync.config.schema import schema
from polysync.config.unknown import TABLES
from polysync.domain.shape import keys_of
from polysync.domain.task import NotifyOn, RetryOn, RetryOverride
from tests.config.reading import complaints, fine

TEXT = (Path(__file__).parents[2] / "polysync.toml.example").read_text(encoding="utf-8")
ICS = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261224\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
FILES = {"holidays.ics": ICS, "conf.d/a.toml": "[tasks.included]\nrun = 'x'\n"}
LINES = TEXT.split("\n")
UNSET = [number for number, line in enumerate(LINES) if re.match(r"#[a-z_]+ = ", line)]
HEADERS = " ".join(line for line in LINES if line.startswith("["))
SHOWN = set(re.findall(r"([a-z_0-9]+) = ", TEXT)) | set(re.findall(r"[a-z_]+", HEADERS))


def test_the_example_is_a_configuration_without_a_complaint() -> None:
    assert complaints(TEXT, files=FILES) == []
    config = fine(TEXT, files=FILES)
    assert set(config.tasks) == {"nightly", "backup", "extract", "sales-daily"}
    assert config.tasks["sales-daily"].platform == "lake"


@pytest.mark.parametrize("number", UNSET, ids=[LINES[number].split(" =")[0] + f":{number + 1}" for number in UNSET])
def test_each_key_of_the_example_that_is_not_set_may_be_set(number: int) -> None:
    text = "\n".join([*LINES[:number], LINES[number][1:], *LINES[number + 1 :]])
    assert complaints(text, files=FILES) == []


@pytest.mark.parametrize(("table", "definition"), TABLES, ids=[table for table, _ in TABLES])
def test_the_example_shows_every_key(table: str, definition: type) -> None:
    assert set(keys_of(definition)) - SHOWN - {"options"} == set(), table


def test_the_example_shows_every_key_of_the_tables_in_tables() -> None:
    assert set(keys_of(NotifyOn)) <= SHOWN
    assert set(keys_of(RetryOverride)) <= SHOWN
    assert "failed, timeout, crashed, intermediate" in TEXT
    assert set(keys_of(RetryOn)) == {"failed", "timeout", "crashed", "intermediate"}


def test_the_schema_accepts_the_example() -> None:
    jsonschema.Draft202012Validator(schema()).validate(tomllib.loads(TEXT))


def test_a_parameter_is_found_as_a_variable_in_capitals() -> None:
    assert variable_of("day.of-year") == "PARAM_DAY_OF_YEAR"
