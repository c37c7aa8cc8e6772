"""Where a run goes: the platform that was named, or the first one that carries what is required."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from polysync.domain.equality import same
from polysync.domain.task import Job, Task

LOCAL: Final = "local"


def fits(requirements: Mapping[str, Any], labels: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the requirements that `labels` do not meet; none left over means that they fit."""
    return tuple(name for name, wanted in requirements.items() if name not in labels or not same(labels[name], wanted))


def choose_platform(task: Task, job: Job | None, platforms: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Where `task` runs, given the labels of the `platforms` that can run it; None where none carries enough.

    The task's own platform comes first, then its job's where that is another than local, then
    requirements: local before the others, and those by name.  A platform that was named is not
    exchanged for a better one, so one that lacks a requirement keeps the run waiting.
    """
    named = task.platform or (job.platform if job is not None and job.platform != LOCAL else None)
    candidates = sorted(platforms, key=lambda name: (name != LOCAL, name)) if named is None else [named]
    if not task.requirements:
        return named or LOCAL
    return next((name for name in candidates if not fits(task.requirements, platforms.get(name, {}))), None)
