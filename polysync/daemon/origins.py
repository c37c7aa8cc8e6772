"""Where the values of a task come from: looked up in the files, as long as they say what holds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from polysync.config.layers import JOINED
from polysync.config.load import load
from polysync.config.origin import BUILT_IN, Origin, origins, shown
from polysync.domain.settings import Configuration
from polysync.domain.shape import keys_of
from polysync.domain.task import Task

KEPT: Final = 64  # tasks
UNKNOWN: Final = "configuration"  # the place is not known: the files say something else by now


class Origins:
    """Reads the files for one task at a time; whoever asks for many waits for each."""

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        self._path = path
        self._env = env
        self._one = asyncio.Lock()
        self._of: Configuration | None = None
        self._known: dict[str, tuple[Origin, ...]] = {}

    async def of(self, configuration: Configuration, name: str) -> tuple[Origin, ...]:
        """Every key of the task with its effective value, and the place that set it where that is known."""
        async with self._one:
            if configuration is not self._of or len(self._known) >= KEPT:
                self._of, self._known = configuration, {}
            known = self._known.get(name)
            if known is None:
                known = await asyncio.to_thread(self._found, configuration.tasks[name], configuration.zone)
                if known:
                    self._known[name] = known
        return known or tuple(_unplaced(configuration.tasks[name]))

    def _found(self, task: Task, zone: str) -> tuple[Origin, ...]:
        loaded = load(self._path, env=self._env, host_zone=zone)
        holds = loaded.config is not None and loaded.config.tasks.get(task.name) == task
        return origins(loaded, task.name) if holds else ()


def _unplaced(task: Task) -> Iterator[Origin]:
    """The values that hold, without places."""
    plain = Task(name=task.name)
    for key in keys_of(Task):
        value: Any = getattr(task, key)
        source = BUILT_IN if value == getattr(plain, key) else UNKNOWN
        if key in JOINED and isinstance(value, Mapping) and value:
            yield from (Origin(f"{key}.{name}", shown(name, item), source) for name, item in value.items())
        else:
            yield Origin(key, shown(key, value), source)
