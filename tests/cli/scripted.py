"""A daemon of paper: it answers by a table, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import polysync

Answer = tuple[int, str, bytes]  # status, media type, body
LOUD = b"\x00\xff out of the work\n"
RUN: Mapping[str, Any] = {
    "id": 7,
    "task": "backup",
    "state": "failed",
    "end_reason": "exit_code",
    "exit_code": 3,
    "started_at": "2026-03-27T10:00:00Z",
    "blocked_on": None,
    "waiting_for": None,
}
FRAMES = b"out 1 0 %d 0\n%berr 1 0 5 0\noops\n" % (len(LOUD), LOUD)


def ended(**changed: Any) -> bytes:
    """The last frame of a follower."""
    run = json.dumps({**RUN, **changed}).encode()
    return b"run 0 0 %d 0\n%b" % (len(run), run)


def usual(method: str, target: str, headers: Mapping[str, str]) -> Answer:
    """What a daemon with one run of one task says."""
    path, _, query = target.partition("?")
    if method == "POST" and path.endswith("/run"):
        return 201, "application/json", json.dumps({**RUN, "state": "queued"}).encode()
    if path.endswith("/log"):
        return 200, "application/x-polysync-frames", FRAMES + (ended() if "follow=1" in query else b"")
    if headers.get("accept", "").startswith("text/plain"):
        beside = "text/plain\r\nPolysync-Next: 7\r\nPolysync-Troubles: 1"
        return 200, beside, f"as {headers['accept']} has it\n".encode()
    if path == "/api/runs":
        return 200, "application/json", json.dumps({"items": [RUN], "next": None}).encode()
    if path == "/api/names":
        return 200, "text/plain", b"backup\n"
    body = {"version": polysync.__version__, "disk": {"low": True}} if path == "/api/status" else RUN
    return 200, "application/json", json.dumps(body).encode()


class Scripted:
    """A listening socket, and what was asked on it."""

    def __init__(self, path: Path, answer: Callable[[str, str, Mapping[str, str]], Answer] = usual) -> None:
        self.asked: list[tuple[str, str, str, bytes]] = []  # method, target, what is accepted, body
        self.keys: list[str] = []
        self.answer = answer
        self.version: str | None = polysync.__version__  # None: it is no daemon at all
        self.extra: Mapping[str, str] = {}
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(64)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def taken(self) -> list[tuple[str, str, str, bytes]]:
        """What was asked since the last look."""
        found, self.asked = self.asked, []
        return found

    def _serve(self) -> None:
        talks: list[threading.Thread] = []
        with suppress(OSError):
            while True:
                caller, _ = self._listening.accept()
                talks.append(threading.Thread(target=self._talk, args=(caller,)))
                talks[-1].start()
        for talk in talks:
            talk.join()

    def _talk(self, caller: socket.socket) -> None:
        with caller, caller.makefile("rb") as incoming, suppress(OSError):
            while first := incoming.readline():
                method, target, _ = first.decode("latin-1").split()
                headers = {}
                while (line := incoming.readline().decode("latin-1").strip()) != "":
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                body = incoming.read(int(headers.get("content-length", "0")))
                if "idempotency-key" in headers:
                    self.keys.append(headers["idempotency-key"])
                self.asked.append((method, target, headers.get("accept", ""), body))
                self._say(caller, *self.answer(method, target, headers))

    def _say(self, caller: socket.socket, status: int, media: str, body: bytes) -> None:
        lines = [f"HTTP/1.1 {status} So", f"Content-Type: {media}"]
        lines += [] if self.version is None else [f"Polysync-Version: {self.version}"]
        lines += [f"{name}: {value}" for name, value in self.extra.items()]
        caller.sendall("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)


@contextmanager
def scripted(path: Path, answer: Callable[[str, str, Mapping[str, str]], Answer] = usual) -> Iterator[Scripted]:
    """A daemon of paper that listens at a path."""
    daemon = Scripted(path, answer)
    try:
        yield daemon
    finally:
        daemon.close()
