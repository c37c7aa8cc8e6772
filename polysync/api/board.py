"""What the routes about tasks and limits work with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from polysync.config.origin import Origin
from polysync.domain.glances import Ending, Past
from polysync.domain.limit_views import ContentionView, PlatformView
from polysync.domain.rows import Run
from polysync.domain.settings import Configuration
from polysync.domain.task_views import TaskView
from polysync.domain.values import OnShutdown


class Board(Protocol):
    """What is known of tasks and limits at this moment."""

    @property
    def configuration(self) -> Configuration:
        """The one that holds."""

    def now(self) -> datetime:
        """The time."""

    def task(self, name: str) -> TaskView:
        """How a task stands."""

    def platforms(self) -> Sequence[PlatformView]:
        """Every platform and how much runs there."""

    def contention(self) -> Sequence[ContentionView]:
        """Every counter of a shared limit."""

    async def past(self, tasks: Collection[str]) -> Mapping[str, Past]:
        """The newest run of each, and how the last ones ended."""

    async def endings(self, task: str, since: datetime, limit: int) -> Sequence[Ending]:
        """How the newest runs of a task stand that were made since then."""

    async def slot_rows(self, task: str, until: datetime, limit: int) -> Sequence[Run]:
        """The newest rows of a task whose slots are not after `until`."""

    async def origins(self, task: str) -> Sequence[Origin]:
        """Every key of a task with its value, and the place that set it."""

    async def conditions(self, task: str) -> Mapping[str, Any]:
        """What the work of a task finds when it begins, as far as others may know it."""

    def end(self, mode: OnShutdown | None) -> OnShutdown:
        """Have the daemon end; gives what becomes of the tasks that run."""
