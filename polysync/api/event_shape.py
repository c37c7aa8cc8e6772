"""What the API shows of an event: one line of JSON, every key always there, null where nothing is known."""

from __future__ import annotations

from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as text  # json's own, in C where it can be
from typing import Any, Final, NamedTuple

from polysync.api.shapes import NULL, dumps, instant
from polysync.domain.effects import ENTERED, EventName, Publish
from polysync.domain.run import State

STATES: Final[Mapping[EventName, State]] = {name: state for state, name in ENTERED.items()}
SERVICES: Final = frozenset({EventName.SERVICE_STARTED, EventName.SERVICE_STOPPED, EventName.SERVICE_FATAL})
GAP: Final = "gap"
SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "One event, or a gap where some are missing; one on each line.",
    "required": ["seq", "event"],
    "properties": {
        "seq": {"type": "integer", "description": "Its number: give it as `since` to go on behind it."},
        "event": {"type": "string", "enum": [*(name.value for name in EventName), GAP]},
        "at": {"type": "string", "format": "date-time"},
        "run_id": {"type": ["integer", "null"]},
        "task": {"type": ["string", "null"]},
        "service": {"type": ["string", "null"]},
        "state": {"type": ["string", "null"], "description": "The state that the run is in from here on."},
        "reason": {"type": ["string", "null"]},
        "data": {"type": "object", "description": "More about it; which keys are there depends on the event."},
        "lost": {"type": ["integer", "null"], "description": "How many events a gap stands for; null: nobody knows."},
    },
}


class Told(NamedTuple):
    """An event with its number, and its line."""

    number: int
    name: EventName
    run_id: int | None
    task: str | None
    line: bytes


def told_of(number: int, event: Publish) -> Told:
    """An event as it goes out."""
    data = event.data
    service = event.task if event.name in SERVICES or "instance" in data else None
    line = (
        f'{{"seq":{number},"event":"{event.name}","at":{instant(event.at)},'
        f'"run_id":{NULL if event.run_id is None else event.run_id},"task":{_word(event.task)},'
        f'"service":{_word(service)},"state":{_word(STATES.get(event.name))},"reason":{_word(data.get("reason"))},'
        f'"data":{{{_more(data)}}}}}\n'
    )
    return Told(number, event.name, event.run_id, event.task, line.encode("ascii"))


class Gap(NamedTuple):
    """The notice that stands where events are missing, with the number before the one that comes next."""

    number: int
    line: bytes


def gap_of(number: int, since: int, lost: int | None) -> Gap:
    """The notice for a reader that stood at `since` and goes on behind `number`; `lost` is None where nobody knows."""
    line = f'{{"seq":{number},"event":"{GAP}","since":{since},"lost":{NULL if lost is None else lost}}}\n'
    return Gap(number, line.encode("ascii"))


def _more(data: Mapping[str, Any]) -> str:
    """What else is told; most of it is words and numbers, and those need no whole encoder."""
    return ",".join(
        [
            f"{text(key)}:{text(value) if isinstance(value, str) else dumps(value)}"
            for key, value in data.items()
            if key != "reason"
        ]
    )


def _word(value: str | None) -> str:
    return NULL if value is None else text(value)
