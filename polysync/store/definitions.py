"""Definitions as they are kept: what differs from the defaults, and the name of the row that holds those.

A version of Polysync may have other defaults than the one before, and a run goes by those that it was made under.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

from polysync.config.secrecy import HIDDEN, is_literal_secret
from polysync.domain.definition import Definition
from polysync.domain.settings import Platform
from polysync.domain.task import Job, Task
from polysync.store.codec import Shape, dumps, loads

_DEFAULTS: Final = "defaults"


class _Part(NamedTuple):
    different: Shape[Any]  # what is not as born
    born: Any
    required: tuple[str, ...]  # always written, so that no default is kept for it


_PARTS: Final[Mapping[str, _Part]] = {
    "task": _Part(Shape(Task, sparse=True), Task(name=""), ("name",)),
    "job": _Part(Shape(Job, sparse=True), Job(name=""), ("name",)),
    "platform": _Part(Shape(Platform, sparse=True), Platform(name="", type=""), ("name", "type")),
}


@cache
def usual() -> tuple[str, str]:
    """The defaults of today, and the name that they are kept under."""
    text = dumps({name: Shape(type(p.born), omit=p.required).pack(p.born) for name, p in _PARTS.items()})
    return sha256(text.encode()).hexdigest(), text


def definition_text(definition: Definition) -> str:
    """What is kept of a definition: all that is not as in `usual`, and no secret that stands in the open."""
    parts = definition._replace(platform=_closed(definition.platform))._asdict().items()
    texts = [f'"{name}":{_PARTS[name].different.dump(part)}' for name, part in parts if part is not None]
    return f'{{{",".join(texts)},"{_DEFAULTS}":"{usual()[0]}"}}'


def definition_of(text: str, kept: Callable[[str], str]) -> Definition:
    """The definition that `definition_text` was given, with substituted strings as they were written.

    `kept` gives the text that is kept under a name.
    """
    stored = loads(text)
    born = _defaults(stored.pop(_DEFAULTS), kept)
    return Definition(
        **{name: _PARTS[name].different.unpack({**born.get(name, {}), **part}) for name, part in stored.items()}
    )


def _defaults(name: str, kept: Callable[[str], str]) -> Mapping[str, Any]:
    if name == usual()[0]:
        return {}
    found: Mapping[str, Any] = loads(kept(name))
    return found


def _closed(platform: Platform | None) -> Platform | None:
    if platform is None or not any(is_literal_secret(*option) for option in platform.options.items()):
        return platform
    shown = {name: HIDDEN if is_literal_secret(name, value) else value for name, value in platform.options.items()}
    return replace(platform, options=shown)
