"""The audit: who did, or was refused, what; and whether anybody changed it afterwards."""

from __future__ import annotations

from typing import Any, Final

from polysync.api.asked import Asked
from polysync.api.fields import INSTANT, WORD, Field, number
from polysync.api.office import Office
from polysync.api.refusal import Refused
from polysync.api.response import Response
from polysync.api.route import Route, document
from polysync.api.schemas import ANY_TABLE, NUMBER, TEXT, TIME, YES_NO, maybe, page_of, shape
from polysync.api.shapes import moment_text
from polysync.domain.values import Role
from polysync.ports import AuditBook, AuditFilter, AuditRow

PAGE: Final = 50
LONGEST: Final = 500
FILTERS: Final = ("actor", "verb", "subject", "outcome", "since", "until")


async def audit(office: Office, asked: Asked) -> Response:
    """A page of the audit, newest first."""
    await office.desk.flush()  # whoever was refused a moment ago stands in it
    given = asked.given
    wanted = AuditFilter(**{name: given[name] for name in FILTERS})
    page = await _book(office).page(wanted, given["limit"], given["cursor"])
    items = [_shape(row) for row in page.rows]
    return document({"items": items, "next": None if page.next is None else str(page.next)})


async def verify(office: Office, _asked: Asked) -> Response:
    """Whether every row is what was written, and nothing is missing between them."""
    await office.desk.flush()
    found = await _book(office).verify()
    told = {name: getattr(found, name) for name in ("rows", "pruned", "first", "last", "tip")}
    broken = None if found.broken is None else {"seq": found.broken, "what": found.what}
    return document({"ok": broken is None, **told, "broken": broken})


def _book(office: Office) -> AuditBook:
    if office.audit is None:
        raise Refused(503, "nobody keeps an audit here")
    return office.audit


def _shape(entry: AuditRow) -> dict[str, Any]:
    told = dict(entry.detail)
    return {
        "seq": entry.seq,
        "at": moment_text(entry.at),
        **{name: getattr(entry, name) for name in ("actor", "role", "channel", "verb", "subject", "outcome")},
        "before": told.pop("before", None),
        "after": told.pop("after", None),
        "detail": told,
    }


ENTRY: Final = shape(
    seq=NUMBER,
    at=TIME,
    actor=TEXT,
    role=TEXT,
    channel=TEXT,
    verb=TEXT,
    subject=TEXT,
    outcome=TEXT,
    before=maybe(TEXT),
    after=maybe(TEXT),
    detail=ANY_TABLE,
)
VERDICT: Final = shape(
    ok=YES_NO,
    rows=NUMBER,
    pruned=NUMBER,
    first=maybe(NUMBER),
    last=maybe(NUMBER),
    tip=maybe(TEXT),
    broken=maybe(shape(seq=NUMBER, what=TEXT)),
)
QUERY: Final = (
    Field("actor", WORD, "Only of this user or token."),
    Field("verb", WORD, "Only this verb, as `run` or `reload`."),
    Field("subject", WORD, "Only about this object, as `run 7` or `task backup`."),
    Field("outcome", WORD, "Only with this outcome, as `done` or `denied`."),
    Field("since", INSTANT, "Only from this time on."),
    Field("until", INSTANT, "Only before this time."),
    Field("limit", number(1, LONGEST), "How many rows a page holds at most.", PAGE),
    Field("cursor", number(1), "Where to go on: `next` of the page before, which may hold fewer rows than asked for."),
)
ROUTES: Final = (
    Route(
        "GET",
        "audit",
        Role.ADMIN,
        audit,
        "Who did, or was refused, what; newest first.",
        query=QUERY,
        answer=page_of(ENTRY),
    ),
    Route("GET", "audit/verify", Role.ADMIN, verify, "Whether the chain of the audit is whole.", answer=VERDICT),
)
