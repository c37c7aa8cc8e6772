"""What happens, as lines of the daemon's own log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from polysync.domain.effects import EventName, Publish

LEVELS: Final = {
    EventName.RUN_SUCCEEDED: "info",
    EventName.RUN_SKIPPED: "info",
    EventName.RUN_CANCELLED: "info",
    EventName.RUN_RECOVERED: "info",
    EventName.CONFIG_RELOADED: "info",
    EventName.RUN_FAILED: "warning",
    EventName.RUN_TIMEOUT: "warning",
    EventName.RUN_CRASHED: "warning",
    EventName.RUN_DEAD: "warning",
    EventName.RUN_EXPIRED: "warning",
    EventName.RUN_REJECTED: "warning",
    EventName.RUN_MISSED: "warning",
    EventName.RUN_LATE: "warning",
    EventName.RUN_LONG: "warning",
    EventName.RUN_STALE: "warning",
    EventName.CLOCK_CHANGED: "warning",
    EventName.DISK_LOW: "warning",
    EventName.LOG_DROPPED: "warning",
    EventName.NOTIFY_FAILED: "warning",
    EventName.SERVICE_FATAL: "error",
}


async def chronicle(events: AsyncIterator[Publish | None], log: Any) -> None:
    """Write down what is published, until nothing more comes; everything not named here is for debugging."""
    async for event in events:
        if event is None:
            log.warning("events were lost on the way to this log")
            continue
        about = {} if event.run_id is None else {"run": event.run_id}
        named = {} if event.task is None else {"task": event.task}
        getattr(log, LEVELS.get(event.name, "debug"))(event.name.value, **about, **named, **event.data)
