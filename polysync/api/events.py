"""What happens, as it happens: a stream that can be taken up again behind any number."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from polysync.api.asked import LARGEST_ID, Asked, between
from polysync.api.event_shape import GAP, SCHEMA, Gap, Told, gap_of
from polysync.api.fields import FLAG, WORD, Field, Kind, number
from polysync.api.office import Events, Office
from polysync.api.refusal import invalid
from polysync.api.response import NDJSON, Response
from polysync.api.route import Route
from polysync.api.sse import BEAT, OPENING, SSE, frame, wants_sse
from polysync.config.suggest import did_you_mean
from polysync.domain.effects import EventName
from polysync.domain.errors import ValueProblem
from polysync.domain.values import Role

PAGE: Final = 256  # events that go out in one piece
MOST: Final = 10_000  # more than are ever known
ANY: Final = ".*"
LONGEST: Final = 2000
Form = Callable[[Gap | None, Sequence[Told]], bytes]
NAMES: Final = tuple(name.value for name in EventName)


@dataclass(slots=True)
class Wanted:
    """What one reader follows, and where it stands."""

    after: int
    follow: bool
    names: frozenset[EventName] | None = None
    run: int | None = None
    task: str | None = None
    gap: Gap | None = None  # what was missing from the first

    def holds(self, told: Told) -> bool:
        """Whether an event is asked for."""
        return (
            (self.names is None or told.name in self.names)
            and (self.run is None or told.run_id == self.run)
            and (self.task is None or told.task == self.task)
        )


async def events(office: Office, asked: Asked) -> Response:
    """What happens, from where the caller stands."""
    office.streams.check(asked.asker)
    sse = wants_sse(asked)
    want = _wanted(office.events, asked, sse=sse)
    stream = _stream(office, asked, want, _frames if sse else _lines)
    return Response(stream=stream, endless=want.follow, type=SSE if sse else NDJSON, heartbeat=BEAT if sse else b"")


def _wanted(known: Events, asked: Asked, *, sse: bool) -> Wanted:
    """What the caller asks for; looked at before the answer begins, so that nothing falls between."""
    given = asked.given
    since = _resumed(asked) if sse else None
    since = given["since"] if since is None else since
    follow, last = given["follow"], given["last"]
    if since is None:
        since = known.newest if follow and last is None else 0
    want = Wanted(since, follow, given["types"], given["run"], given["task"])
    if last is not None:
        want.gap = _caught_up(known, want)
        held = [told.number for told in known.after(want.after, MOST) if want.holds(told)]
        want.after = known.newest if not last or not held else held[-last:][0] - 1
    return want


def _resumed(asked: Asked) -> int | None:
    """Where a browser that lost us was; it counts for more than the address, which is that of its first visit."""
    said = asked.request.headers.get("last-event-id", "")
    if not said:
        return None
    try:
        return between(0, LARGEST_ID)(said)
    except ValueProblem as problem:
        raise invalid([("Last-Event-ID", problem.message)]) from None


async def _stream(office: Office, asked: Asked, want: Wanted, form: Form) -> AsyncIterator[bytes]:
    """What comes, a few events in each piece, and a notice wherever some are missing."""
    known = office.events
    with office.streams.open(asked.asker):
        yield (OPENING if form is _frames else b"") + (form(want.gap, ()) if want.gap else b"")
        while True:
            gap = _caught_up(known, want)
            page = known.after(want.after, PAGE)
            if page:
                want.after = page[-1].number
            held = [told for told in page if want.holds(told)]
            if gap or held:
                yield form(gap, held)
            if not page and not (want.follow and await known.wait(want.after)):
                return


def _lines(gap: Gap | None, page: Sequence[Told]) -> bytes:
    """Events as lines of JSON."""
    return (gap.line if gap else b"") + b"".join([told.line for told in page])


def _frames(gap: Gap | None, page: Sequence[Told]) -> bytes:
    """Events as server-sent ones."""
    notice = frame(gap.line, number=gap.number, event=GAP) if gap else b""
    return notice + b"".join([frame(told.line, number=told.number, event=told.name) for told in page])


def _caught_up(known: Events, want: Wanted) -> Gap | None:
    """Take a reader to what is still known, with a notice where it lost anything on the way."""
    since, begin = want.after, known.oldest - 1
    if begin <= since <= known.newest:
        return None
    want.after = begin
    if since == 0:  # whatever is known, and no more was asked for
        return None
    of_this_life = known.first - 1 <= since <= known.newest
    return gap_of(begin, since, begin - since if of_this_life else None)


def _types(value: Any) -> frozenset[EventName]:
    """Names of events, also the beginning of several such as `run.*`, with commas between them."""
    if not isinstance(value, str) or len(value) > LONGEST:
        raise ValueProblem("not a list of names")
    found: set[EventName] = set()
    for said in value.split(","):
        word = said.strip()
        meant = {name for name in EventName if name == word or (word.endswith(ANY) and name.startswith(word[:-1]))}
        if not meant:
            hint = did_you_mean(word, NAMES) or f"one of {', '.join(NAMES)}; run.* means all that begin so"
            raise ValueProblem(f"there is no event {word[:80]!r}", hint)
        found |= meant
    return frozenset(found)


TYPES: Final = Kind(_types, {"type": "string", "minLength": 1, "examples": ["run.failed,run.timeout", "service.*"]})
ROUTES: Final = (
    Route(
        "GET",
        "events",
        Role.VIEWER,
        events,
        "What happens, as it happens.",
        query=(
            Field("since", number(0), "Behind this number; 0: from the oldest that is known. Left out: from now on."),
            Field("types", TYPES, "Only events of these names, with commas between them; `run.*` means several."),
            Field("run", number(1), "Only events of this run."),
            Field("task", WORD, "Only events of this task or service."),
            Field("last", number(0, MOST), "Begin with so many of those that are known."),
            Field("follow", FLAG, "Whether to go on with what comes.", default=True),
        ),
        answer=SCHEMA,
        media=NDJSON,
        refuses=frozenset({429}),
    ),
)
