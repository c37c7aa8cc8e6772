"""A small blocking client for the command line, on `_socket` alone: every import here is paid by every command."""

from __future__ import annotations

import _socket
import os
import sys

TYPE_CHECKING = False  # as in typing, whose import alone would take longer than a request
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

LONGEST = 107  # bytes of a path that fit a socket address
MOST = 64 << 20  # of a whole answer; what may be larger is streamed
HEAD = 64 << 10
BLOCK = 64 << 10


class Unreachable(Exception):
    """The daemon cannot be reached."""


class Absent(Unreachable):
    """There is no daemon, at least not yet: nothing was asked of it."""


class NotRunning(Absent):
    """There is no socket: no daemon runs here."""


class StaleSocket(Absent):
    """The socket is there and nobody listens: the daemon died, or is starting."""


class TurnedAway(Unreachable):
    """The daemon hung up without an answer, or in the middle of one."""


class Full(Unreachable):
    """The daemon takes no more connections at the moment: nothing was asked of it."""


class NotPermitted(Unreachable):
    """The socket may not be used by this user."""


class OtherVersion(Unreachable):
    """The daemon is of another version."""


class Garbled(Unreachable):
    """The answer is not what a daemon says."""


class TimedOut(Unreachable):
    """The daemon did not answer in time."""


class Answer:
    """A whole answer."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers  # by lower-case name
        self.body = body


class Stream:
    """An answer that is read as it comes."""

    __slots__ = ("_pieces", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], pieces: Iterator[bytes]) -> None:
        self.status = status
        self.headers = headers
        self._pieces = pieces

    def pieces(self) -> Iterator[bytes]:
        """The body, in pieces of any size."""
        return self._pieces

    def whole(self) -> bytes:
        """The body, once all of it is there."""
        parts, size = [], 0
        for piece in self._pieces:
            parts.append(piece)
            size += len(piece)
            if size > MOST:
                raise Garbled(f"the answer is larger than {MOST} bytes")
        return b"".join(parts)

    def lines(self) -> Iterator[bytes]:
        """The lines of the body, without their ends."""
        rest = b""
        for piece in self._pieces:
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines
        if rest:
            yield rest


class Client:
    """One daemon, by the path of its socket; a connection is kept from one request to the next."""

    def __init__(self, path: str, *, timeout: float | None = 30.0, version: str | None = None) -> None:
        self._path = path
        self._timeout = timeout
        self._version = version  # refuse a daemon whose first two numbers are others
        self._wire: _Wire | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def hand_over(self, other: Client) -> None:
        """Give an idle connection to a client of the same daemon that has none."""
        if self._wire is not None and self._wire.idle and other._wire is None:
            self._wire.be_patient(other._timeout)
            self._wire, other._wire = None, self._wire

    def request(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask, and wait for the whole answer."""
        stream = self.stream(method, target, body, headers)
        return Answer(stream.status, stream.headers, stream.whole())

    def stream(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Stream:
        """Ask, and read the answer as it comes; the next request waits until it was read, or hangs up first."""
        if self._wire is not None and not self._wire.idle:
            self.close()
        message = _message(method, target, body, headers or {})
        try:
            status, answered = self._exchange(message)
            self._check(answered)
        except BaseException:
            self.close()
            raise
        wire = self._wire
        assert wire is not None  # noqa: S101 - _exchange has just used it
        return Stream(status, answered, wire.body(method, status, answered))

    def _exchange(self, message: bytes) -> tuple[int, dict[str, str]]:
        kept = self._wire is not None
        if self._wire is None:
            self._wire = _Wire(_connect(self._path, self._timeout), self._path)
        if not self._wire.send(message) and kept:  # the daemon hung up meanwhile, and has read nothing of this
            self.close()
            return self._exchange(message)
        return self._wire.head()

    def _check(self, headers: Mapping[str, str]) -> None:
        found = headers.get("polysync-version")
        if found is None:
            raise Garbled(f"{self._path}: whoever answers there is not polysync")
        if self._version is not None and found.split(".")[:2] != self._version.split(".")[:2]:
            raise OtherVersion(f"the daemon is version {found}, this is {self._version}; restart the daemon")


class _Wire:
    """One connection: what was read and not used, and whether the last answer was read to its end."""

    def __init__(self, connection: _socket.socket, path: str) -> None:
        self._socket = connection
        self._path = path
        self._rest = b""
        self.idle = True
        self._sent = True
        self._over = False  # the daemon has hung up

    def close(self) -> None:
        self._socket.close()
        self.idle = False

    def be_patient(self, timeout: float | None) -> None:
        """Be so patient from here on."""
        self._socket.settimeout(timeout)

    def send(self, message: bytes) -> bool:
        """Whether all was sent; a daemon that hung up may have said why before."""
        self.idle = False
        try:
            self._socket.sendall(message)
        except TimeoutError:
            raise TimedOut(f"{self._path}: the daemon does not read") from None
        except OSError:
            self._sent = False
        return self._sent

    def head(self) -> tuple[int, dict[str, str]]:
        while True:
            block = self._until(b"\r\n\r\n")
            status, headers = _head(block, self._path)
            if status >= 200:
                return status, headers

    def body(self, method: str, status: int, headers: Mapping[str, str]) -> Iterator[bytes]:
        try:
            if method != "HEAD" and status not in {204, 304}:
                yield from self._framed(headers)
        except BaseException:  # also one that is not read to its end: what comes next on this line is unknown
            self.close()
            raise
        if "close" in headers.get("connection", "") or self._over:
            self.close()
        else:
            self.idle = True

    def _framed(self, headers: Mapping[str, str]) -> Iterator[bytes]:
        if headers.get("transfer-encoding") == "chunked":
            return self._chunks()
        if "content-length" in headers:
            return self._exactly(self._number(headers["content-length"].encode(), 10))
        return self._all()

    def _chunks(self) -> Iterator[bytes]:
        while size := self._number(self._until(b"\r\n"), 16):
            yield from self._exactly(size)
            self._until(b"\r\n")
        while self._until(b"\r\n"):
            pass

    def _exactly(self, count: int) -> Iterator[bytes]:
        while count:
            if not self._rest:
                self._rest = self._read()
            piece, self._rest = self._rest[:count], self._rest[count:]
            count -= len(piece)
            yield piece

    def _all(self) -> Iterator[bytes]:
        piece, self._rest = self._rest, b""
        while piece:
            yield piece
            piece = self._receive()
        self._over = True

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            if len(self._rest) > HEAD:
                raise Garbled(f"{self._path}: the answer has no end of line")
            self._rest += self._read()
        found, _, self._rest = self._rest.partition(mark)
        return found

    def _read(self) -> bytes:
        data = self._receive()
        if not data:
            raise TurnedAway(f"{self._path}: the daemon hung up in the middle of an answer, or without one")
        return data

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(BLOCK)
        except TimeoutError:
            raise TimedOut(f"{self._path}: no answer in time") from None
        except ConnectionError:
            return b""

    def _number(self, text: bytes, radix: int) -> int:
        try:
            return int(text, radix)
        except ValueError:
            raise Garbled(f"{self._path}: the answer does not say how long it is") from None


def _connect(path: str, timeout: float | None) -> _socket.socket:
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        if timeout is not None:  # a blocking connect waits for room in the queue, one with a timeout would not
            with_fraction = (int(timeout), int(timeout % 1 * 1_000_000))
            packed = b"".join(part.to_bytes(8, sys.byteorder) for part in with_fraction)
            connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, packed)
        _dial(connection, path)
        connection.settimeout(timeout)
    except BaseException as error:
        connection.close()
        if isinstance(error, OSError):
            raise _explained(error, path) from None
        raise
    return connection


def _dial(connection: _socket.socket, path: str) -> None:
    if len(os.fsencode(path)) <= LONGEST:
        connection.connect(path)
        return
    folder, _, name = path.rpartition("/")
    descriptor = os.open(folder or "/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{descriptor}/{name}")
    finally:
        os.close(descriptor)


def _explained(error: OSError, path: str) -> Unreachable:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return NotRunning(f"{path}: no daemon runs here")
    if isinstance(error, ConnectionRefusedError):
        return StaleSocket(f"{path}: nobody listens; the daemon died, or is starting")
    if isinstance(error, PermissionError):
        return NotPermitted(f"{path}: this user may not talk to the daemon")
    if isinstance(error, BlockingIOError):
        return Full(f"{path}: the daemon takes no more connections at the moment")
    if isinstance(error, TimeoutError):
        return TimedOut(f"{path}: the daemon does not take the connection")
    return Unreachable(f"{path}: {error.strerror or error}")


def _message(method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: polysync", *(f"{name}: {headers[name]}" for name in headers)]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    text = "\r\n".join(lines)
    if text.count("\r\n") != len(lines) - 1 or text.count("\n") != len(lines) - 1:
        raise ValueError("a line break inside a request line or header")
    return (text + "\r\n\r\n").encode("latin-1") + (body or b"")


def _head(block: bytes, path: str) -> tuple[int, dict[str, str]]:
    first, *rest = block.decode("latin-1").split("\r\n")
    version, _, status = first.partition(" ")
    code = status[:3]
    if not version.startswith("HTTP/1.") or not (code.isascii() and code.isdigit()):
        raise Garbled(f"{path}: whoever answers there does not speak HTTP")
    pairs = (line.partition(":") for line in rest)
    return int(code), {name.lower(): value.strip() for name, _, value in pairs}
