"""A file that is not TOML: the place, the reason, and what else is wrong."""

from __future__ import annotations

import pytest

from polysync.config.syntax import parse
from tests.config.reading import complaints

FAULTS = [
    ("a = 30s", "1:5", 'text without quotes; write "30s"'),
    ("[daemon]\nlog_level = info # x", "2:13", 'text without quotes; write "info"'),
    ("a = ", "1:5", "this is not a value"),
    ("a", "1:2", "a key without =; write KEY = VALUE"),
    ("a = 'x", "1:7", "a string without its closing quote"),
    ('a = "x\n', "1:7", "a string without its closing quote"),
    ("a = '''x", "1:9", "a string without its closing quote"),
    ("a = [1, 2", "1:10", "a list without its closing ]"),
    ("a = '1' b", "1:9", "something stands after the end of the statement"),
    ("a = 1\na = 2", "2:6", "this key stands here a second time"),
    ("[a]\n[a]", "2:3", "this table stands here a second time"),
    ("[a", "1:3", "a table header without its closing ]"),
    ("[[a]", "1:4", "a table header without its closing ]]"),
    ("= 1", "1:1", "this is neither KEY = VALUE nor [TABLE]"),
    ("a = { b = 1", "1:12", "a table without its closing }"),
    ('a = "\\q"', "1:8", "a lone \\ in a string"),
]


@pytest.mark.parametrize(("text", "place", "reason"), FAULTS, ids=[text for text, _, _ in FAULTS])
def test_a_syntax_error_is_placed_and_explained(text: str, place: str, reason: str) -> None:
    first = next(line for line in complaints(text) if "not valid TOML" in line)
    assert first.startswith(f"polysync.toml:{place}: not valid TOML: ")
    assert reason in first


def test_the_rest_of_a_broken_file_is_still_checked() -> None:
    said = complaints(
        "[tasks.a]\nrun = echo hi\ntimeout = 5\n[tasks.b\nrun = 1\n[tasks.c]\nrun = 5\nx = 'y\nno_such = 1\n"
    )
    assert [line.split(": ")[0] + " " + line.split(": ")[1] for line in said] == [
        "polysync.toml:2:7 not valid TOML",
        "polysync.toml:3:11 tasks.a.timeout",
        "polysync.toml:4:9 not valid TOML",
        "polysync.toml:7:7 tasks.c.run",
        "polysync.toml:8:7 not valid TOML",
        "polysync.toml:9:1 tasks.c.no_such",
    ]


def test_a_break_that_hides_the_rest_stops_there() -> None:
    assert len(complaints("a = '''\n[tasks.x]\nrun = 5\n")) == 1


def test_a_file_full_of_breaks_is_given_up_in_time() -> None:
    assert len(parse("x\n" * 1000, "p").problems) == 50


def test_crlf_and_a_missing_last_newline_change_no_place() -> None:
    text = "[tasks.a]\r\nrun = 'x'\r\nnope = 1"
    assert complaints(text)[0].startswith("polysync.toml:3:1: tasks.a.nope: unknown key")
