"""What requests are about, as it stood before them and as it stands after: two hashes for the audit.

The inputs of one beat are decided together, so both hashes are those of the beat.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from polysync.daemon.inbox import Asked, Told
from polysync.domain.effects import Answer, Record, RunCreated, RunMoved, RunNoted, TaskNoted
from polysync.domain.engine import Engine
from polysync.domain.inputs import Archive, Decide, Release, SetService, Stop, Submit
from polysync.domain.rows import Run, TaskState
from polysync.ports import Request
from polysync.store.rows import row_hash

Subject = int | str  # a run by its id; a task or a service by its name


class Witness:
    """Looks at what a batch of requests is about, before the engine decides and after."""

    def __init__(self, batch: Sequence[Told], engine: Engine) -> None:
        self._rows: dict[Subject, Run | TaskState] = {}
        self._before: dict[Subject, str] = {}
        for told in batch:
            if isinstance(told, Asked) and (about := _about(told.request)) is not None:
                self._look(about, engine)

    def saw(self, records: Iterable[Record]) -> None:
        """Note what was decided."""
        for record in records:
            if isinstance(record, RunMoved | RunNoted):
                row = self._rows.get(record.run_id)
            elif isinstance(record, TaskNoted):
                row = self._rows.setdefault(record.task, TaskState(record.task))
            elif isinstance(record, RunCreated):
                self._rows[record.run.id] = record.run.copy()
                continue
            else:
                continue
            if row is not None:
                _change(row, record)

    def hashes(self, request: Request, answer: Answer) -> Mapping[str, str]:
        """The row that a request was about: its hash before, where there was one, and after."""
        about: Subject | None = answer.run_id if isinstance(request, Submit) else _about(request)
        row = None if about is None or answer.refusal is not None else self._rows.get(about)
        if about is None or row is None:
            return {}
        known = {"before": self._before[about]} if about in self._before else {}
        return {**known, "after": row_hash(row)}

    def _look(self, about: Subject, engine: Engine) -> None:
        row = engine.run(about) if isinstance(about, int) else engine.remembered(about)
        if row is not None and about not in self._rows:
            self._rows[about] = row.copy() if isinstance(row, Run) else replace(row)
            self._before[about] = row_hash(row)


def _about(request: Request) -> Subject | None:
    """What a request is about; a run that is to be created has no number yet."""
    if isinstance(request, Release | Stop | Decide | Archive):
        return request.run_id
    if isinstance(request, SetService):
        return request.service
    return None if isinstance(request, Submit) else request.task


def _change(row: Run | TaskState, record: RunMoved | RunNoted | TaskNoted) -> None:
    for name, value in record.changes.items():
        setattr(row, name, value)
    if isinstance(record, RunMoved) and isinstance(row, Run):
        row.state = record.state
