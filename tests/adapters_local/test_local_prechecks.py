"""What is missing is told before the start, in words that name it and what to do."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from polysync.adapters.local import LocalAdapter
from polysync.domain.run import Reason
from polysync.home import Home
from polysync.ports import PortError
from tests.adapters_local.attempts import carry_out, work
from tests.faults import fault


def _plain_file(folder: Path) -> None:
    (folder / "plain").write_text("")


@fault("F39", "F40")
@pytest.mark.parametrize(
    ("command", "process", "words"),
    [
        (None, {}, "nothing to execute"),
        (("nowhere-to-be-found",), {}, "nowhere-to-be-found was not found in PATH"),
        (("/nonexistent/program", "x"), {}, "/nonexistent/program does not exist"),
        (("./missing",), {}, "looked for from"),
        (("./plain",), {}, "is not executable; set its x bit"),
        (("./",), {}, "is a directory"),
        ("/nonexistent/program --now", {}, "/nonexistent/program does not exist"),
        ("exit 0", {"shell": "/nonexistent/shell"}, "the shell /nonexistent/shell does not exist"),
        ("exit 0", {"working_dir": "missing"}, "missing.*No such file.*create it or change working_dir"),
        ("exit 0", {"working_dir": "plain"}, "is not a directory"),
        ("exit 0", {"user": "nobody-of-that-name"}, "there is no user"),
        (("/bin/echo", "x" * 131_072), {}, "the system takes 131071"),
        (("/bin/echo", *["x" * 100_000] * 80), {}, "bytes together"),
        (("/bin/echo", "a\0b"), {}, "zero byte"),
        (("/bin/echo", "\ud800"), {}, "cannot be passed"),
    ],
)
async def test_it_is_refused_with_words(
    adapter: LocalAdapter, home: Home, tmp_path: Path, command: Any, process: dict[str, Any], words: str
) -> None:
    _plain_file(tmp_path)
    with pytest.raises(PortError, match=words) as caught:
        await adapter.start(work(command, tmp_path, **process))
    assert (caught.value.permanent, caught.value.reason) == (True, Reason.START_FAILED)
    assert list(home.runs.iterdir()) == []


@fault("F39")
async def test_a_variable_that_is_too_long_is_named_and_not_shown(adapter: LocalAdapter, tmp_path: Path) -> None:
    attempt = work("exit 0", tmp_path, environment={"BIG": "secret" * 30_000})
    with pytest.raises(PortError, match="BIG") as caught:
        await adapter.start(attempt)
    assert "secret" not in str(caught.value)


async def test_after_a_refusal_the_same_attempt_can_start(adapter: LocalAdapter, tmp_path: Path) -> None:
    attempt = work(("./later",), tmp_path)
    with pytest.raises(PortError):
        await adapter.start(attempt)
    shutil.copy("/bin/true", tmp_path / "later")
    ended, _ = await carry_out(adapter, attempt)
    assert ended.code == 0


async def test_a_program_is_looked_for_from_its_folder_and_in_its_path(adapter: LocalAdapter, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    shutil.copy("/bin/true", tmp_path / "bin" / "ours")
    beside, _ = await carry_out(adapter, work(("bin/ours",), tmp_path, run_id=1))
    by_path, _ = await carry_out(adapter, work(("ours",), tmp_path, run_id=2, environment={"PATH": f"{tmp_path}/bin"}))
    assert (beside.code, by_path.code) == (0, 0)


@fault("F40")
@pytest.mark.parametrize(("content", "busy"), [("#!/nonexistent/interpreter\n", False), ("#!/bin/sh\n", True)])
async def test_a_program_that_only_exec_refuses_is_told_apart_from_its_exit_code(
    adapter: LocalAdapter, tmp_path: Path, content: str, busy: bool
) -> None:
    program = tmp_path / "program"
    if busy:
        shutil.copy("/bin/true", program)
    else:
        program.write_text(content)
    program.chmod(0o700)
    writer = os.open(program, os.O_WRONLY) if busy else -1
    ended, sink = await carry_out(adapter, work((str(program),), tmp_path))
    if busy:
        os.close(writer)
    assert (ended.code, ended.reason) == (126 if busy else 127, Reason.START_FAILED)
    assert "could not be executed" in ended.error
    assert sink.kept["err"]


async def test_a_full_disk_may_pass(home: Home, tmp_path: Path) -> None:
    def full(_order: object) -> int:
        raise OSError(28, "No space left on device")

    adapter = LocalAdapter(home=home, spawn=full)
    with pytest.raises(PortError, match="No space left") as caught:
        await adapter.start(work(("/bin/true",), tmp_path))
    assert not caught.value.permanent
    adapter.close()
