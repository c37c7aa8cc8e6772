"""A definition as data: its canonical form, and the hash by which runs refer to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring_ascii
from typing import Any, Final, NamedTuple, Self, TypeVar

from polysync.domain.quantity import format_span
from polysync.domain.settings import Configuration, Platform
from polysync.domain.task import Job, Task

Found = TypeVar("Found")
HIDDEN: Final = "***"  # stands for a secret that was written in the open, and is not kept
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


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
    if value.__class__ is tuple or value.__class__ is str:  # nearly all that is not a definition
        return value if value.__class__ is str else [data_of(item, reveal=reveal) for item in value]
    if isinstance(value, Substituted):
        return str.__str__(value) if reveal else value.written
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return value.value
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


class Definition(NamedTuple):
    """Everything that decides how a run executes, as it stood when the run took it up."""

    task: Task
    job: Job | None = None
    platform: Platform | None = None  # the one that task or job name; requirements may choose another


def parts_of(task: Task, config: Configuration) -> Definition:
    """Everything that decides how a run of `task` executes; of equal parts the definition is the same."""
    job = resolve_job(task.job, config.jobs) if task.job else None
    return Definition(task, job, config.platforms.get(task.platform or (job.platform if job else "local")))


def refreshed(kept: Definition, today: Definition) -> Definition:
    """`kept` with today's values wherever both are written the same: of a substituted one only that is kept."""
    return Definition(*(_refreshed(before, now) for before, now in zip(kept, today, strict=True)))


def _refreshed(kept: Any, today: Any) -> Any:
    if kept == HIDDEN or _CANONICAL(data_of(kept)) == _CANONICAL(data_of(today)):
        return today
    if isinstance(kept, Mapping) and isinstance(today, Mapping):
        return {name: _refreshed(item, today[name]) if name in today else item for name, item in kept.items()}
    if is_dataclass(kept) and kept.__class__ is today.__class__ and not isinstance(kept, type):
        return replace(
            kept, **{f.name: _refreshed(getattr(kept, f.name), getattr(today, f.name)) for f in fields(kept)}
        )
    return kept


def definition_data(task: Task, config: Configuration, *, reveal: bool = False) -> dict[str, Any]:
    """Everything that decides how a run of `task` executes, as JSON data."""
    return {name: data_of(part, reveal=reveal) for name, part in parts_of(task, config)._asdict().items()}


def definition_hash(task: Task, config: Configuration) -> str:
    """A hash that stays the same exactly as long as the task, its job and its platform do."""
    task_text, job_text, platform_text = map(_text, parts_of(task, config))
    text = f'{{"job":{job_text},"platform":{platform_text},"task":{task_text}}}'
    return sha256(text.encode()).hexdigest()


def _text(value: Any) -> str:
    """`value` as canonical JSON; of a definition only what is not as born, under a name for how those are born."""
    if value.__class__ is str:
        return encode_basestring_ascii(value)
    if value is None:
        return "null"
    if value.__class__ is tuple:
        return f"[{','.join(map(_text, value))}]"
    if not hasattr(value, "__dataclass_fields__"):
        return _CANONICAL(data_of(value, reveal=True))
    born = _born(value.__class__)
    pieces = []
    # What an instance does not hold is a default that its class holds; with slots there is nothing but fields.
    held = getattr(value, "__dict__", None) or {name: getattr(value, name) for name in born.defaults}
    for name, item in held.items():
        default, usual = born.defaults[name]
        if item is default or (not item and usual == "{}"):
            continue
        text = _text(item)
        if text != usual:
            pieces.append(f'"{name}":{text}')
    return f'{{"":"{born.name}",{",".join(sorted(pieces))}}}'


class _Born(NamedTuple):
    """How a class of definitions looks before anybody sets a key."""

    name: str  # of all of it: another version has other defaults
    defaults: dict[str, tuple[Any, str]]  # by field, each with its text


@lru_cache(maxsize=64)  # there are fewer classes of definitions
def _born(kind: type[Any]) -> _Born:
    defaults = {f.name: _default(f) for f in fields(kind)}
    text = ",".join(f'"{name}":{usual}' for name, (_, usual) in sorted(defaults.items()))
    return _Born(sha256(f"{kind.__name__} {text}".encode()).hexdigest(), defaults)


def _default(field: Field[Any]) -> tuple[Any, str]:
    if field.default is not MISSING:
        return field.default, _text(field.default)
    return MISSING, "" if field.default_factory is MISSING else _text(field.default_factory())
