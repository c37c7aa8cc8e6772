"""One beat, taken apart: what the engine is told of a batch, and what becomes of what it says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, cast

from polysync.daemon.inbox import Asked, Denied, Told
from polysync.daemon.minutes import denial, minute
from polysync.daemon.witness import Witness
from polysync.domain.effects import (
    Action,
    Answer,
    AttachAttempt,
    Effect,
    Publish,
    Record,
    StartAttempt,
    StopAttempt,
    TakeStock,
)
from polysync.domain.inputs import Input, SetDiskLow, Shutdown
from polysync.ports import PortError
from polysync.store.rows import AuditEntry

STANDING: Final = (SetDiskLow, Shutdown)  # only the daemon knows: a new engine is told again


def input_of(told: Told) -> Input | None:
    """What the engine is told; a refusal is for the audit alone."""
    if isinstance(told, Asked):
        return told.request
    return None if isinstance(told, Denied) else told


# By type and not by isinstance: this is asked of every effect there is.
_ACTIONS: Final = frozenset({StartAttempt, AttachAttempt, StopAttempt, TakeStock, Answer})


def split(effects: Sequence[Effect]) -> tuple[list[Record], list[Action], list[Publish]]:
    """The three kinds, each in its order."""
    records: list[Record] = []
    actions: list[Action] = []
    events: list[Publish] = []
    for effect in effects:
        if type(effect) is Publish:
            events.append(effect)
        elif type(effect) in _ACTIONS:
            actions.append(cast("Action", effect))
        else:
            records.append(cast("Record", effect))
    return records, actions, events


def audit_of(
    batch: Sequence[Told], actions: Sequence[Action], at: datetime, witness: Witness | None = None
) -> list[AuditEntry]:
    """What goes into the audit together with the decisions about a batch."""
    if not any(isinstance(told, Asked | Denied) for told in batch):
        return []
    answers = {action.key: action for action in actions if isinstance(action, Answer)}
    entries = []
    for told in batch:
        if isinstance(told, Asked):
            answer = answers.get(told.request.key)
            hashes = witness.hashes(told.request, answer) if witness is not None and answer is not None else {}
            entries.append(minute(told, answer, at, hashes))
        elif isinstance(told, Denied) and not told.silent:
            entries.append(denial(told, at))
    return entries


def lost_with(batch: Iterable[Told]) -> list[Input]:
    """What has to be told again when the commit of a batch failed; what stands is told again anyway."""
    gone = (Asked, Denied, *STANDING)
    return [told for told in batch if not isinstance(told, gone)]


def refuse(batch: Iterable[Told], error: PortError) -> None:
    """Tell everybody who asked that nothing was promised, for it could not be stored."""
    for told in batch:
        if isinstance(told, Asked) and not told.answer.done():
            told.answer.set_exception(_not_stored(error))
        elif isinstance(told, Denied) and told.stored is not None and not told.stored.done():
            told.stored.set_exception(_not_stored(error))


def stored(batch: Iterable[Told]) -> None:
    """Tell everybody who waits for a row of the audit that it is durable."""
    for told in batch:
        if isinstance(told, Denied) and told.stored is not None and not told.stored.done():
            told.stored.set_result(None)


def unheard(batch: Iterable[Told]) -> list[Denied]:
    """Refusals that nobody waits for, and that were lost with the commit of a batch."""
    return [told for told in batch if isinstance(told, Denied) and told.stored is None]


def _not_stored(error: PortError) -> PortError:
    return PortError(f"not stored: {error}", error.permanent, timedelta(seconds=1))
