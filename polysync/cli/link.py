"""The daemon as a command sees it: requests on `_socket` alone; whatever goes wrong is a failure with its remedy."""

from __future__ import annotations

import os

from polysync import __version__
from polysync.api import client
from polysync.cli.place import is_owned, socket_of
from polysync.cli.terse import dumps, loads, target

TYPE_CHECKING = False  # as in typing, whose import alone would take longer than a request
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Self

    from polysync.cli.session import Session

FRAMES = "application/x-polysync-frames"
NDJSON = "application/x-ndjson"
PATIENCE = 150  # looks for a daemon that went away or is full, a fifth of a second apart: as long as an upgrade takes
PAUSE = 0.2
BUSY = 503
GRACE = 10  # looks at a home that nobody holds: a restart takes so long to begin


def attach(session: Session) -> Daemon:
    """The daemon that the options mean; a connection is made with the first request."""
    return Daemon(socket_of(session))


class Daemon:
    """Requests to one daemon; it must be of our version, unless it has taken the place of one that was."""

    def __init__(self, path: str, *, again: bool = False) -> None:
        version = None if again else __version__
        self._path = path
        self._client = client.Client(path, version=version)
        self._patient = client.Client(path, timeout=None, version=version)  # for streams, which may be silent for hours

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._client.close()
        self._patient.close()

    def get(self, path: str, **query: Any) -> Any:
        """What stands at a path."""
        return loads(self.answer("GET", target(path, query)).body)

    def post(self, path: str, body: Mapping[str, Any], *, patient: bool = False) -> Any:
        """The answer to a request to do something, for which some patience may be needed."""
        return loads(self.answer("POST", target(path, {}), dumps(body).encode(), patient=patient).body)

    def lines(self, path: str, **query: Any) -> Iterator[Mapping[str, Any]]:
        """A stream of JSON lines, as they come."""
        try:
            for line in self._stream(target(path, query), NDJSON).lines():
                yield loads(line)
        except client.Unreachable as error:
            raise _lost(error) from error

    def log(self, number: int, *, exact: bool, **query: Any) -> Iterator[Mapping[str, Any]]:
        """The log of a run as it comes: exact bytes, or the documents of the API; the last piece may hold the run.

        A daemon that goes away meanwhile is the caller's business: it is `Unreachable`, not yet a failure.
        """
        stream = self._stream(target(f"/api/runs/{number}/log", query), FRAMES if exact else NDJSON)
        return frames(stream.pieces()) if exact else map(loads, stream.lines())

    def answer(
        self,
        method: str,
        where: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        patient: bool = False,
    ) -> client.Answer:
        """A whole answer, if it is one that says yes."""
        try:
            return self._asked(self._patient if patient else self._client, method, where, body, headers)
        except client.Unreachable as error:
            raise _lost(error) from error

    def once(self, path: str, body: Mapping[str, Any], session: Session) -> Any:
        """Have something done exactly once, also by a daemon that is restarted in this very moment."""
        headers = {"Idempotency-Key": os.urandom(16).hex()}
        where, told = target(path, {}), dumps(body).encode()
        for turn in range(PATIENCE + 1):
            try:
                return loads(self._asked(self._client, "POST", where, told, headers).body)
            except client.Unreachable as error:
                if turn == PATIENCE or not self._worth_waiting(error, turn):
                    raise _lost(error) from error
            if turn == 0:
                session.remark("the daemon is away; waiting for it to come back …")
            rest(PAUSE)
        raise AssertionError("no turn is left")  # pragma: no cover - the last one ends above

    def _worth_waiting(self, error: client.Unreachable, turn: int) -> bool:
        """Whether the daemon is on its way, or may be: between the old one and the new one nobody holds the home."""
        if isinstance(error, client.TurnedAway):
            return True  # it may have heard us: then it knows the key, also after a restart
        owned = is_owned(self._path) if isinstance(error, client.Absent) else None
        return owned is not None and (owned or turn < GRACE)

    def _asked(
        self, asking: client.Client, method: str, where: str, body: bytes | None, headers: Mapping[str, str] | None
    ) -> client.Answer:
        stream = self._heard(asking, method, where, body, headers or {})
        return client.Answer(stream.status, stream.headers, stream.whole())

    def _stream(self, where: str, kind: str) -> client.Stream:
        self._client.hand_over(self._patient)  # one connection is enough for who asks one thing after the other
        return self._heard(self._patient, "GET", where, None, {"Accept": kind})

    def _heard(
        self, asking: client.Client, method: str, where: str, body: bytes | None, headers: Mapping[str, str]
    ) -> client.Stream:
        """An answer that says yes; a daemon with too many connections is asked again for a while."""
        for turn in range(PATIENCE + 1):
            try:
                stream = asking.stream(method, where, body, headers)
            except client.Full:
                if turn == PATIENCE:
                    raise
            else:
                if stream.status // 100 == 2:
                    return stream
                full = stream.status == BUSY and "retry-after" in stream.headers
                if not full or turn == PATIENCE:
                    raise _no(stream.status, stream.whole())
            asking.close()
            rest(
                min(0.02 * (turn + 1), PAUSE) * (0.5 + os.urandom(1)[0] / 512)
            )  # never in step with those who wait too
        raise AssertionError("no turn is left")  # pragma: no cover - the last one ends above


def frames(pieces: Iterator[bytes]) -> Iterator[Mapping[str, Any]]:
    """Take a stream of frames apart; a large one is given on in parts, as it comes."""
    source = _Source(pieces)
    while (line := source.line()) is not None:
        stream, *numbers = line.decode("ascii").split(" ")
        attempt, offset, length, left_out = map(int, numbers)
        if stream == "run":
            yield {"run": loads(b"".join(source.exactly(length)))}
            continue
        place = {"attempt": attempt, "stream": stream}
        if not length:
            yield {**place, "offset": offset, "bytes": b"", "left_out": left_out}
        for part in source.exactly(length):
            yield {**place, "offset": offset, "bytes": part}
            offset += len(part)


class _Source:
    """Bytes as they come, by the line or by number."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def line(self) -> bytes | None:
        """The next line; None where the stream ends before it begins."""
        while b"\n" not in self._rest:
            more = next(self._pieces, None)
            if more is None:
                if self._rest:
                    raise client.TurnedAway("the log broke off in the middle of a frame")
                return None
            self._rest += more
        found, _, self._rest = self._rest.partition(b"\n")
        return found

    def exactly(self, count: int) -> Iterator[bytes]:
        """So many bytes, in as many parts as they come in."""
        while count:
            if not self._rest:
                more = next(self._pieces, None)
                if more is None:
                    raise client.TurnedAway("the log broke off in the middle of a frame")
                self._rest = more
            part, self._rest = self._rest[:count], self._rest[count:]
            count -= len(part)
            if part:
                yield part


def rest(seconds: float) -> None:
    """Wait a little."""
    import select

    select.select([], [], [], seconds)


def _lost(error: client.Unreachable) -> Exception:
    from polysync.cli.denied import lost

    return lost(error)


def _no(status: int, body: bytes) -> Exception:
    from polysync.cli.denied import failure

    return failure(status, body)
