"""Keys over a restart: what was carried out under a key stands in the audit, and is not carried out again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from polysync.api.asked import Asked
from polysync.api.idempotency import BROKEN, HEADER, KEPT, MOST, REPLAYED, Mark, mark_of
from polysync.api.office import Office
from polysync.api.refusal import Refused, invalid
from polysync.api.response import Response
from polysync.api.route import Route
from polysync.api.work import STATUS
from polysync.domain.effects import Refusal
from polysync.ports import AuditBook, AuditFilter, AuditRow

DETAIL: Final = "idempotency"
PAGE: Final = 500
PAGES: Final = 8  # so many rows of the audit are looked through, once


class Past:
    """What the audit knew when somebody first came with a key."""

    def __init__(self) -> None:
        self._rows: Mapping[str, AuditRow] | None = None
        self._doubted: set[str] = set()  # names of marks
        self._one_at_a_time = asyncio.Lock()

    async def find(self, office: Office, mark: Mark) -> AuditRow | None:
        """The newest row about a request with this key."""
        async with self._one_at_a_time:
            if self._rows is None or mark.name in self._doubted:
                self._rows = {} if office.audit is None else await _keyed(office.audit, office)
                self._doubted.clear()
            row = self._rows.get(mark.name)
        return None if row is None or office.now() - row.at >= timedelta(seconds=KEPT) else row

    def doubt(self, mark: Mark) -> None:
        """Look again when this key comes again: it broke off, and may have been carried out nevertheless."""
        self._doubted.add(mark.name)
        if len(self._doubted) > MOST:
            self._rows = None
            self._doubted.clear()


async def answered(office: Office, past: Past, route: Route, asked: Asked) -> Response:
    """What became of a request with a key before the daemon was started again, else what comes of it now."""
    mark = mark_of(asked)
    row = await past.find(office, mark)
    if row is None:
        asker = replace(asked.asker, key=str(mark))
        try:
            return await route.handler(office, replace(asked, asker=asker))
        except BaseException as error:
            if not isinstance(error, Refused) or error.status >= BROKEN:
                past.doubt(mark)
            raise
    if row.detail[DETAIL] != str(mark):
        raise invalid([(HEADER, "was given with another request before")])
    return await _told_again(office, route, row)


async def _told_again(office: Office, route: Route, row: AuditRow) -> Response:
    if row.outcome in set(Refusal):
        refusal = Refusal(row.outcome)
        message = str(row.detail.get("message", "refused"))
        raise Refused(STATUS[refusal], message, headers=REPLAYED)
    if "run" not in row.detail:
        raise Refused(409, "this was carried out already; its answer did not outlive the daemon that gave it")
    run = await office.run(int(row.detail["run"]))
    headers = {**REPLAYED, **({"Location": f"/api/runs/{run.id}"} if route.success == 201 else {})}
    return Response(route.success, (await office.detailed(run)).encode("ascii"), headers=headers)


async def _keyed(book: AuditBook, office: Office) -> Mapping[str, AuditRow]:
    """Rows about requests with a key, the newest of each."""
    wanted = AuditFilter(since=office.now() - timedelta(seconds=KEPT))
    found: dict[str, AuditRow] = {}
    before: int | None = None
    for _ in range(PAGES):
        page = await book.page(wanted, PAGE, before)
        for row in page.rows:
            if DETAIL in row.detail and row.outcome != Refusal.INVALID:  # nothing was done, and values may be mended
                found.setdefault(str(row.detail[DETAIL]).partition(" ")[0], row)
        before = page.next
        if before is None:
            break
    return found
