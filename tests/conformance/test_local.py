"""The adapter of this host keeps the promises of its port; and one that does not is found out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polysync.adapters.local.adapter import LocalAdapter
from polysync.domain.outcome import Exit
from polysync.domain.task import Process
from polysync.domain.values import Command
from polysync.home import Home
from polysync.ports import Handle, Sink, Work
from polysync.testing import FLOOD, GREETING, Exercise, Kind, NotConforming, exercise_adapter

COMMANDS = {
    Kind.SHORT: f"echo '{GREETING.decode().strip()}'",
    Kind.FAILS: "exit 3",
    Kind.LONG: "while :; do sleep 1; done",
    Kind.FLOODS: "cat flood",
}


class Here:
    """Adapters on one home, and work that leaves a line wherever it begins."""

    def __init__(self, folder: Path, make: Callable[[Home], LocalAdapter]) -> None:
        self._folder = folder
        self._make = make
        self.made: list[LocalAdapter] = []
        (folder / "flood").write_bytes(FLOOD)

    def adapter(self) -> LocalAdapter:
        self.made.append(self._make(Home(self._folder)))
        return self.made[-1]

    def work(self, number: int, kind: Kind) -> Work:
        token = f"{number:032x}"
        command = Command(f"echo begun >> {self._folder}/{token}; {COMMANDS[kind]}")
        where = str(self._folder)
        process = Process(working_dir=where)
        what: dict[str, Any] = {"task": "exercise", "type": "shell", "command": command, "process": process}
        return Work(token=token, run_id=number, number=1, folder=where, **what)

    def begun(self, token: str) -> int:
        path = self._folder / token
        return len(path.read_text().splitlines()) if path.exists() else 0


async def exercised(folder: Path, make: Callable[[Home], LocalAdapter]) -> None:
    here = Here(folder, make)
    try:
        await exercise_adapter(Exercise(here.adapter, here.work, here.begun))
    finally:
        for adapter in here.made:
            adapter.close()


async def test_local_keeps_the_promises_of_its_port(tmp_path: Path) -> None:
    await exercised(tmp_path, lambda home: LocalAdapter(home=home))
    assert not list((tmp_path / "runs").iterdir())


class Blind(LocalAdapter):
    """Finds nothing."""

    async def find(self, token: str) -> Handle | None:
        del token
        return None


class Cheerful(LocalAdapter):
    """Says that everything went well."""

    async def follow(self, handle: Handle, sink: Sink) -> Exit:
        await super().follow(handle, sink)
        return Exit(code=0)


@pytest.mark.parametrize(("kind", "words"), [(Blind, "nothing was found"), (Cheerful, "it told")])
async def test_an_adapter_that_does_not_is_found_out(kind: type[LocalAdapter], words: str, tmp_path: Path) -> None:
    with pytest.raises(NotConforming, match=words):
        await exercised(tmp_path, lambda home: kind(home=home))
