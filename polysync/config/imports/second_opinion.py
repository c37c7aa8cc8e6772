"""croniter's reading of a cron expression, to set beside ours when a crontab is imported."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from polysync.config.imports.agreement import START

COUNT: Final = 40  # enough to meet a month's end and every weekday


def croniter_times(expression: str) -> list[datetime]:
    """The first firings from `START` on, as wall time, as croniter sees them, with cron's own rule for the days."""
    from croniter import croniter  # noqa: PLC0415 - a slow import that only an import of a crontab needs

    first = START.replace(tzinfo=None) - timedelta(seconds=1)  # without a zone: clock changes are not the question
    times = croniter(expression, first, implement_cron_bug=True)
    return [times.get_next(datetime) for _ in range(COUNT)]
