"""A definition as data: its canonical form, and the hash by which runs refer to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from hashlib import sha256
from typing import Any, Self, TypeVar

from polysync.domain.quantity import format_span
from polysync.domain.settings import Configuration
from polysync.domain.task import Task

Found = TypeVar("Found")


class Substituted(str):
    """A string that a substitution gave; `written` is what stands in the file, which alone may be shown."""

    __slots__ = ("written",)
    written: str

    def __new__(cls, value: str, written: str) -> Self:
        """`value`, which `written` stands for."""
        made = super().__new__(cls, value)
        made.written = written
        return made


def resolve_job(name: str, jobs: Mapping[str, Found]) -> Found | None:
    """The job that `name` means: the table of that name, else the highest version of it."""
    if name in jobs:
        return jobs[name]
    prefix = name + "@"
    versions = [job for job in jobs if job.startswith(prefix) and job[len(prefix) :].isdecimal()]
    return jobs[max(versions, key=lambda job: int(job[len(prefix) :]))] if versions else None


def data_of(value: Any, *, reveal: bool = False) -> Any:
    """`value` as plain JSON data; substituted strings show what was written unless revealed."""
    if isinstance(value, Substituted):
        return str.__str__(value) if reveal else value.written
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value
    if isinstance(value, timedelta):
        return "forever" if value == timedelta.max else format_span(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return _container(value, reveal=reveal)


def _container(value: Any, *, reveal: bool) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: data_of(getattr(value, f.name), reveal=reveal) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): data_of(item, reveal=reveal) for key, item in value.items()}
    return [data_of(item, reveal=reveal) for item in value]


def definition_data(task: Task, config: Configuration, *, reveal: bool = False) -> dict[str, Any]:
    """Everything that decides how a run of `task` executes, as JSON data."""
    job = resolve_job(task.job, config.jobs) if task.job else None
    platform = config.platforms.get(task.platform or (job.platform if job else "local"))
    whole = {"task": task, "job": job, "platform": platform}
    return {key: data_of(value, reveal=reveal) for key, value in whole.items()}


def definition_hash(task: Task, config: Configuration) -> str:
    """A hash that stays the same exactly as long as the task, its job and its platform do."""
    data = definition_data(task, config, reveal=True)
    return sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
