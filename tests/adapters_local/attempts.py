"""Attempts for tests: what a task with this command would ask of the adapter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from polysync.adapters.local import LocalAdapter
from polysync.domain.outcome import Exit
from polysync.domain.task import Process
from polysync.domain.values import Command
from polysync.ports import Secret, Work
from tests.adapters_local_io.spooling import Recorder

SOON = timedelta(seconds=5)
NOW = timedelta()


def work(
    what: str | tuple[str, ...] | None,
    folder: Path,
    *,
    run_id: int = 1,
    environment: Mapping[str, str | Secret] | None = None,
    parameters: Mapping[str, Any] | None = None,
    **process: Any,
) -> Work:
    """An attempt at a script, or at an argument list."""
    command = Command(script=what) if isinstance(what, str) else Command(argv=what or ())
    return Work(
        token=f"{run_id:032x}",
        run_id=run_id,
        number=1,
        task="task",
        type="shell",
        command=command if what is not None else None,
        process=Process(**process),
        folder=str(folder),
        environment=environment or {},
        parameters=parameters or {},
    )


async def carry_out(adapter: LocalAdapter, attempt: Work) -> tuple[Exit, Recorder]:
    """Start an attempt and follow it to its end."""
    sink = Recorder()
    return await adapter.follow(await adapter.start(attempt), sink), sink


def cpu_of(ended: Exit) -> float:
    """The processor time of an attempt, which must be known."""
    assert ended.usage is not None
    assert ended.usage.cpu_seconds is not None
    return ended.usage.cpu_seconds
