"""Tasks and limits as the API sees them: the engine's memory, the stored past, and the files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from polysync.clock import Clock
from polysync.config.origin import Origin
from polysync.daemon.conditions import conditions_of
from polysync.daemon.driver import Driver
from polysync.daemon.origins import Origins
from polysync.daemon.pasts import Pasts
from polysync.domain.glances import Ending, Past
from polysync.domain.limit_views import ContentionView, PlatformView
from polysync.domain.rows import Run
from polysync.domain.settings import Configuration
from polysync.domain.task_views import TaskView
from polysync.domain.values import OnShutdown
from polysync.store.overview import Overview


class NoticeBoard:
    """What is known of tasks and limits at this moment."""

    def __init__(
        self,
        driver: Callable[[], Driver],
        overview: Overview,
        clock: Clock,
        config: Path,
    ) -> None:
        self._driver = driver
        self._folder = config.parent
        self._overview = overview
        self._clock = clock
        self._origins = Origins(config, os.environ)
        self.pasts = Pasts(overview)
        self.finish: Callable[[OnShutdown], None] = lambda _mode: None  # ends the daemon; whoever runs it says how

    @property
    def configuration(self) -> Configuration:
        """The one that holds."""
        return self._driver().configuration

    def now(self) -> datetime:
        """The time."""
        return self._clock.read().wall

    def task(self, name: str) -> TaskView:
        """How a task stands."""
        return self._driver().engine.task(name)

    def platforms(self) -> Sequence[PlatformView]:
        """Every platform and how much runs there."""
        return self._driver().engine.platforms()

    def contention(self) -> Sequence[ContentionView]:
        """Every counter of a shared limit."""
        return self._driver().engine.contention()

    async def past(self, tasks: Collection[str]) -> Mapping[str, Past]:
        """The newest run of each, and how the last ones ended."""
        return await self.pasts.of(tasks)

    async def endings(self, task: str, since: datetime, limit: int) -> Sequence[Ending]:
        """How the newest runs of a task stand that were made since then."""
        return await self._overview.endings(task, since, limit)

    async def slot_rows(self, task: str, until: datetime, limit: int) -> Sequence[Run]:
        """The newest rows of a task whose slots are not after `until`."""
        return await self._overview.slot_rows(task, until, limit)

    async def origins(self, task: str) -> Sequence[Origin]:
        """Every key of a task with its value, and the place that set it."""
        return await self._origins.of(self.configuration, task)

    async def conditions(self, task: str) -> Mapping[str, Any]:
        """What the work of a task finds when it begins, as far as others may know it."""
        return await asyncio.to_thread(conditions_of, self.configuration.tasks[task], self._folder)

    def end(self, mode: OnShutdown | None) -> OnShutdown:
        """Have the daemon end, as it is configured unless said otherwise; gives what becomes of running tasks."""
        chosen = mode or self.configuration.daemon.on_shutdown
        self.finish(chosen)
        return chosen
