"""HTTP/1.1 without I/O: bytes go in, requests come out, and whatever two readers could read differently is refused.

The input is taken line by line, so that it does not matter how it was cut on its way: the first fault in the
order of the bytes is the one that is reported.  Stricter than the standard where leniency has let requests be
smuggled: lines end with CRLF, a length stands there once, and never beside chunks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from polysync.api.refusal import Refused

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"})
LINE: Final = 8 << 10  # of a request line
HEAD: Final = 32 << 10  # of all header lines together, and of all trailer lines
HEADERS: Final = 100
BODY: Final = 2 << 20
CHUNK_LINE: Final = 256
CHUNKS: Final = 4096  # of one body: each costs time, however small it is
LONG_LINE: Final = (414, f"the request line is longer than {LINE} bytes")
LONG_HEADERS: Final = (431, f"the headers are longer than {HEAD} bytes")
LONG_CHUNK: Final = (400, f"a chunk begins with more than {CHUNK_LINE} bytes")

_REQUEST: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([!-~]+) HTTP/([0-9])\.([0-9])")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t\x20-\x7e]*)?")
_ABSOLUTE: Final = re.compile(r"https?://[^/?#@]+", re.IGNORECASE)
_ONCE: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "content-type", "expect", "x-request-id", "idempotency-key"}
)


@dataclass(slots=True)
class Request:
    """One request, complete with its body."""

    method: str
    target: str
    headers: Mapping[str, str]  # by lower-case name
    keep_alive: bool
    chunks: bool  # whether the other side understands chunks
    body: bytes = b""


@dataclass(slots=True)
class _Draft:
    method: str
    target: str
    modern: bool  # HTTP/1.1
    headers: dict[str, str] = field(default_factory=dict)
    seen: int = 0  # bytes of header lines
    count: int = 0


class Parser:
    """Turns the bytes of one connection into requests, one `take` at a time."""

    def __init__(self, body_limit: int = BODY) -> None:
        self._limit = body_limit
        self._buffer = bytearray()
        self._at = 0  # up to here the buffer is used up
        self._searched = 0  # up to here it holds no line end
        self._step: Callable[[Parser], bool] = Parser._first_line  # not a bound method, which would be a circle
        self._draft: _Draft
        self._body = bytearray()
        self._need = 0
        self._chunks = 0  # of this body
        self._done = False
        self._fresh = False  # the head is complete, and nobody has looked at it
        self.wants_continue = False  # the other side waits for a word before it sends its body

    @property
    def pending(self) -> int:
        """How many bytes were fed and not used yet."""
        return len(self._buffer) - self._at

    @property
    def midway(self) -> bool:
        """Whether a request has begun and is not complete."""
        return self.pending > 0 or self._step is not Parser._first_line

    @property
    def bodiless(self) -> bool:
        """Whether the answer to the request that has begun is to have no body."""
        return self._step is not Parser._first_line and self._draft.method == "HEAD"

    def feed(self, data: bytes) -> None:
        """Take in what came."""
        self._buffer += data

    def take(self, check: Callable[[Request], None] | None = None) -> Request | None:
        """The next complete request, or None until more was fed; `Refused` ends the connection.

        `check` sees the head of each request before anything of its body is taken, and may refuse it.
        """
        while not self._done or self._fresh:
            if self._fresh and check is not None:
                check(_request(self._draft, b""))
            self._fresh = False
            if not self._done and not self._step(self):
                return None
        self._done = False
        self._step = Parser._first_line
        self.wants_continue = False
        body, self._body = bytes(self._body), bytearray()
        self._shrink()
        return _request(self._draft, body)

    def _shrink(self) -> None:
        del self._buffer[: self._at]
        self._at = self._searched = 0

    def _line(self, limit: int, too_long: tuple[int, str]) -> bytes | None:
        end = self._buffer.find(b"\n", max(self._at, self._searched))
        if end < 0:
            self._searched = len(self._buffer)
            if self.pending > limit:
                raise Refused(*too_long)
            return None
        if end + 1 - self._at > limit:
            raise Refused(*too_long)
        line = bytes(self._buffer[self._at : end])
        self._at = end + 1
        if not line.endswith(b"\r"):
            raise Refused(400, "a line ends without a carriage return")
        return line[:-1]

    def _first_line(self) -> bool:
        if self.pending and not 0x41 <= self._buffer[self._at] <= 0x5A:
            raise Refused(400, "this is not HTTP: a request begins with a method in capitals")
        line = self._line(LINE, LONG_LINE)
        if line is None:
            return False
        found = _REQUEST.fullmatch(line)
        if found is None:
            raise Refused(400, "the request line is malformed")
        method, target, major, minor = (part.decode("ascii") for part in found.groups())
        if major != "1":
            raise Refused(505, "this server speaks HTTP/1.1")
        if method not in METHODS:
            raise Refused(501, f"no method {method}")
        self._draft = _Draft(method, _origin(target), modern=minor != "0")
        self._step = Parser._header_line
        return True

    def _header_line(self) -> bool:
        draft = self._draft
        line = self._field_line()
        if line is None:
            return False
        if line:
            _note(draft, *_header(line))
            return True
        self._begin_body()
        return True

    def _field_line(self) -> bytes | None:
        draft, before = self._draft, self._at
        line = self._line(HEAD - draft.seen, LONG_HEADERS)
        draft.seen += self._at - before
        draft.count += bool(line)
        if draft.count > HEADERS:
            raise Refused(431, f"more than {HEADERS} headers")
        return line

    def _begin_body(self) -> None:
        draft = self._draft
        if draft.modern and "host" not in draft.headers:
            raise Refused(400, "the Host header is missing")
        chunked, length = _framing(draft)
        if length > self._limit:
            raise self._too_large()
        expected = draft.headers.get("expect", "").lower() if draft.modern else ""
        if expected not in {"", "100-continue"}:
            raise Refused(417, "the only expectation known is 100-continue")
        self.wants_continue = bool(expected) and (chunked or length > 0)
        self._need = length
        self._step = Parser._chunk_line if chunked else Parser._whole_body
        self._chunks, self._fresh = 0, True
        if not chunked and not length:
            self._done = True

    def _whole_body(self) -> bool:
        if self.pending < self._need:
            return False
        self._swallow(self._need)
        self._done = True
        return True

    def _chunk_line(self) -> bool:
        line = self._line(CHUNK_LINE, LONG_CHUNK)
        if line is None:
            return False
        found = _CHUNK.fullmatch(line)
        if found is None:
            raise Refused(400, "a chunk begins without its size")
        self._need = int(found[1], 16)
        self._chunks += 1
        if len(self._body) + self._need > self._limit or self._chunks > CHUNKS:
            raise self._too_large()
        if self._need == 0:
            self._draft.seen = self._draft.count = 0
        self._step = Parser._chunk if self._need else Parser._trailer_line
        return True

    def _chunk(self) -> bool:
        if self.pending < self._need + 2:
            return False
        self._swallow(self._need)
        if self._buffer[self._at : self._at + 2] != b"\r\n":
            raise Refused(400, "a chunk is longer than it said")
        self._at += 2
        self._step = Parser._chunk_line
        self._shrink()
        return True

    def _trailer_line(self) -> bool:
        line = self._field_line()
        if line is None:
            return False
        if line:
            _header(line)  # must be one, and is not needed
            return True
        self._done = True
        return True

    def _swallow(self, count: int) -> None:
        self._body += self._buffer[self._at : self._at + count]
        self._at += count

    def _too_large(self) -> Refused:
        many = self._chunks > CHUNKS
        return Refused(
            413, f"the body is larger than {CHUNKS} chunks" if many else f"the body is larger than {self._limit} bytes"
        )


def _request(draft: _Draft, body: bytes) -> Request:
    keep = draft.modern and "close" not in draft.headers.get("connection", "").lower()
    return Request(draft.method, draft.target, draft.headers, keep, draft.modern, body)


def _origin(target: str) -> str:
    """The target from its path on; a client that names scheme and host means the same."""
    found = _ABSOLUTE.match(target)
    path = target[found.end() :] if found else target
    if found and not path.startswith("/"):
        path = f"/{path}"
    if not path.startswith("/") or "#" in path:
        raise Refused(400, "the target is not a path")
    return path


def _header(line: bytes) -> tuple[str, str]:
    found = _HEADER.fullmatch(line)
    if found is None:
        raise Refused(400, "a header line is malformed")
    return found[1].decode("ascii").lower(), found[2].decode("latin-1").rstrip(" \t")


def _note(draft: _Draft, name: str, value: str) -> None:
    before = draft.headers.get(name)
    if before is not None and name in _ONCE:
        raise Refused(400, f"the header {name} is there twice")
    draft.headers[name] = value if before is None else f"{before}, {value}"


def _framing(draft: _Draft) -> tuple[bool, int]:
    """Whether the body comes in chunks, and else its length."""
    coding, length = draft.headers.get("transfer-encoding"), draft.headers.get("content-length")
    if coding is not None:
        if length is not None or not draft.modern:
            raise Refused(400, "Transfer-Encoding beside Content-Length, or in HTTP/1.0")
        if coding.lower() != "chunked":
            raise Refused(501, "the only transfer coding known is chunked")
        return True, 0
    if length is None:
        return False, 0
    if not (length.isascii() and length.isdigit()):
        raise Refused(400, "Content-Length is not a number")
    if len(length) > 18:
        raise Refused(413, "the body is too large")
    return False, int(length)
