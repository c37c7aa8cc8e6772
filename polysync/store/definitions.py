"""Definitions as they are kept: what differs from the defaults, and the name of the row that holds those.

A version of Polysync may have other defaults than the one before, and a run goes by those that it was made under.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from typing import Any, Final

from polysync.domain.task import Task
from polysync.store.codec import Shape, dumps, loads

_TASK: Final = "task"
_DEFAULTS: Final = "defaults"
_DIFFERENT: Final = Shape(Task, sparse=True)


@cache
def usual() -> tuple[str, str]:
    """The defaults of today, and the name that they are kept under."""
    text = dumps({_TASK: Shape(Task, omit=("name",)).pack(Task(name=""))})
    return sha256(text.encode()).hexdigest(), text


def definition_text(definition: Task) -> str:
    """What is kept of a definition: all that is not as in `usual`."""
    return f'{{"{_TASK}":{_DIFFERENT.dump(definition)},"{_DEFAULTS}":"{usual()[0]}"}}'


def definition_of(text: str, kept: Callable[[str], str]) -> Task:
    """The definition that `definition_text` was given, with substituted strings as they were written.

    `kept` gives the text that is kept under a name.
    """
    stored = loads(text)
    return _DIFFERENT.unpack({**_defaults(stored[_DEFAULTS], kept), **stored[_TASK]})


def _defaults(name: str, kept: Callable[[str], str]) -> Mapping[str, Any]:
    if name == usual()[0]:
        return {}
    found: Mapping[str, Any] = loads(kept(name))[_TASK]
    return found
