"""Bad input never gives a traceback, and never hangs."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from polysync.config.decode import Loaded, decode
from polysync.config.gather import SECTIONS
from polysync.config.load import load
from polysync.config.read import read_bytes
from polysync.domain.errors import ValueProblem
from polysync.domain.settings import Configuration, Service
from polysync.domain.shape import keys_of
from polysync.domain.task import Task
from tests.config.many import many
from tests.config.reading import complaints, told
from tests.seeds import seed_of

EXAMPLE = (Path(__file__).parents[2] / "polysync.toml.example").read_text(encoding="utf-8")
KNOWN = sorted({*SECTIONS, *keys_of(Task), *keys_of(Service), "from", "value", "state", "output", "type", "tasks", "t"})
KEYS = st.sampled_from(KNOWN) | st.text(max_size=4)
SCALARS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.booleans(),
    st.floats(),
    st.dates(),
    st.times(),
    st.sampled_from(
        ["t", "a", "5s", "10mb", "* * * * *", "vault://v/s", "${env:A}", "${run:id}", "${param:x}", "always", "\0"]
    ),
    st.text(max_size=8),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=15
)


def sound(loaded: Loaded) -> None:
    """What must hold of every answer."""
    assert (loaded.config is None) == bool(loaded.errors)
    assert list(loaded.problems) == sorted(loaded.problems)
    for problem in loaded.problems:
        assert problem.message
        assert problem.line >= 0
        assert (problem.message + problem.hint + problem.key).isprintable()


@given(st.dictionaries(st.sampled_from(SECTIONS) | KEYS, VALUES, max_size=5))
@settings(max_examples=200)
@pytest.mark.slow
def test_any_data_gives_an_answer(data: dict[str, Any]) -> None:
    sound(told(tomli_w.dumps(data)))


@given(
    st.sampled_from(["tasks", "services", "jobs", "platforms", "calendars", "contention", "webhooks"]),
    st.dictionaries(KEYS, VALUES, max_size=6),
)
@settings(max_examples=200)
@pytest.mark.slow
def test_any_table_of_a_section_gives_an_answer(section: str, table: dict[str, Any]) -> None:
    sound(told(tomli_w.dumps({section: {"t": table, "a": {"run": "x", "depends_on": ["t"]}}})))


@given(st.text(max_size=200))
@settings(max_examples=100)
def test_any_text_gives_an_answer(text: str) -> None:
    sound(told(text))


def test_a_mutated_example_gives_an_answer() -> None:
    chance = random.Random(seed_of("mutated example"))
    pieces = ["[", "]", "{", "}", '"', "'", "=", "\n", "#", ".", ",", "5", "${", "\\", "-", "true", "\0", "é"]
    for text in (EXAMPLE, many(8)):
        for _ in range(60):
            at, length = chance.randrange(len(text)), chance.choice([0, 0, 1, 3, 40])
            sound(told(text[:at] + chance.choice(pieces) + text[at + length :]))


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "[" * 3000 + "]" * 3000,
        "[" + "a." * 5000 + "a]",
        "a = " + "9" * 10_000,
        "a = '''" + "x" * 100_000,
        "[" + "a." * 50_000 + "a]",
        "x = 1\n" + '"a" . ' * 20_000 + "a = 1",
    ],
    ids=["open lists", "deep lists", "deep tables", "long number", "open string", "very deep tables", "very deep key"],
)
def test_what_tomllib_cannot_take_is_told(text: str) -> None:
    loaded = told(text)
    assert loaded.errors
    sound(loaded)


@pytest.mark.parametrize("depth", [50, 150, 250, 350, 450, 2000])
def test_deep_nesting_is_taken_or_told(depth: int) -> None:
    task = "[tasks.t]\nrun = 'x'\nnope = 1\n"
    for text in (
        task + "settings.a = " + "[" * depth + "]" * depth,
        task + "settings" + ".a" * depth + " = 1",
        task + "parameters.p = " + "{ a = " * depth + "1" + " }" * depth,
        "[platforms.p]\ntype = 'http'\nnope" + ".a" * depth + " = 1",
    ):
        sound(told(text))


def test_dots_in_a_value_are_no_depth() -> None:
    assert complaints("[tasks.t]\nrun = 'x'\ntitle = '" + "a." * 5000 + "'") == []


@pytest.mark.parametrize("value", ["1", "[1]", "'a'", "true"])
def test_settings_that_are_no_table_are_told_wherever_they_are_merged(value: str) -> None:
    text = f"""[jobs.j]
settings = {value}
[jobs.k]
settings = {{ a = 1 }}
[tasks.base]
mode = "template"
settings = {value}
[tasks.t]
extends = "base"
job = "j"
settings = {{ b = 1 }}
[tasks.u]
job = "k"
settings = {value}
"""
    said = [(problem.key, problem.line, problem.column) for problem in told(text).problems]
    assert said == [("jobs.j.settings", 2, 12), ("tasks.base.settings", 7, 12), ("tasks.u.settings", 14, 12)]


def test_one_wrong_zone_is_told_for_each_task_that_names_it() -> None:
    text = "".join(f"[tasks.t{n}]\nrun = 'x'\ntimezone = 'Europe/Bratislva'\n" for n in range(1000))
    assert {problem.hint for problem in told(text).errors} == {"did you mean Europe/Bratislava?"}
    assert len(told(text).errors) == 1000


def test_only_the_first_unknown_keys_come_with_a_guess() -> None:
    errors = told("[tasks.t]\nrun = 'x'\n" + "".join(f"retry_attemps{n} = 1\n" for n in range(1200))).errors
    assert len(errors) == 1200
    assert errors[0].hint == "did you mean retry_attempts?"
    assert errors[-1].hint == ""


def test_text_that_defines_nothing_is_a_configuration() -> None:
    assert decode("").config == Configuration()
    assert decode("# nothing yet\n").problems == ()


def test_a_thousand_unknown_references_are_told_quickly() -> None:
    text = "".join(f"[tasks.task-{n}]\nrun = 'x'\ndepends_on = ['tusk-{n}']\n" for n in range(1000))
    assert len(told(text).errors) == 1000


# ---------------------------------------------------------------- files


def loaded_from(path: Path) -> list[str]:
    loaded = load(path, env={})
    sound(loaded)
    return [str(problem).replace(str(path), "FILE") for problem in loaded.problems]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert loaded_from(tmp_path / "polysync.toml") == ["FILE: does not exist; `polysync init` writes one"]


def test_a_folder_a_pipe_and_a_device_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert loaded_from(tmp_path) == ["FILE: is a folder, not a file; name a regular file"]
    assert loaded_from(tmp_path / "pipe") == ["FILE: is a pipe, not a file; name a regular file"]
    assert loaded_from(Path("/dev/zero")) == ["FILE: is a device, not a file; name a regular file"]


def test_a_path_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "plain").write_text("")
    assert loaded_from(tmp_path / "loop") == ["FILE: cannot be read: Too many levels of symbolic links"]
    assert loaded_from(tmp_path / "plain" / "x") == ["FILE: cannot be read: Not a directory"]


def test_a_huge_file_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "big.toml"
    with path.open("wb") as file:
        file.truncate((16 << 20) + 1)
    assert loaded_from(path) == ["FILE: is larger than 16 MB; split it, or check that it is the right file"]


def test_bytes_that_are_not_utf8_are_placed(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes("# é\nx = 'é'\n".encode() + b"y = '\xe9'\n")
    assert loaded_from(path) == ["FILE:3:6: is not UTF-8: byte 19 (line 3, column 6) is 0xe9; save it as UTF-8"]


def test_a_byte_order_mark_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bom.toml"
    path.write_bytes(b"\xef\xbb\xbfinclude = []\n")
    assert loaded_from(path) == ["FILE:1:1: starts with a byte order mark; save it as UTF-8 without one"]


def test_a_path_with_a_nul_is_told(tmp_path: Path) -> None:
    assert loaded_from(tmp_path / "a\0b") == ["FILE: is not a path; it contains a NUL character"]
    path = tmp_path / "polysync.toml"
    path.write_text('include = ["a\\u0000b", "${env:PATTERN}"]')
    said = [problem.message for problem in load(path, env={"PATTERN": "x\0*"}).problems]
    assert said == ["contains a NUL character", "contains a NUL character"]


def test_a_failing_disk_is_told(tmp_path: Path) -> None:
    def broken(_path: str, _flags: int) -> int:
        return os.open(tmp_path, os.O_PATH)  # a descriptor that can be asked what it is, and not be read

    with pytest.raises(ValueProblem, match="is a folder"):
        read_bytes(tmp_path, broken)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueProblem, match="cannot be read: Bad file descriptor"):
        read_bytes(tmp_path, lambda _path, _flags: os.open(tmp_path / "file", os.O_PATH))


def test_a_refusal_by_the_system_is_told(tmp_path: Path) -> None:
    def refuse(path: Path) -> bytes:
        return read_bytes(path, opener=_denied)

    loaded = load(tmp_path / "x.toml", env={}, read=refuse)
    assert [problem.message for problem in loaded.problems] == ["cannot be read: permission denied"]


def _denied(_path: str, _flags: int) -> int:
    raise PermissionError(13, "Permission denied")
