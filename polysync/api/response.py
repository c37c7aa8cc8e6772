"""Answers, and their bytes on the wire."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import polysync

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
TEXT: Final = "text/plain; charset=utf-8"
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"

_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


@dataclass(slots=True)
class Response:
    """An answer: whole, or as a stream of pieces."""

    status: int = 200
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None
    endless: bool = False  # the stream waits for what is yet to happen
    heartbeat: bytes = b""  # what a stream says now and then while nothing happens
    type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def encode(document: Any) -> bytes:
    """JSON in one line."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")


def head(response: Response, request_id: str, *, keep_alive: bool, chunks: bool) -> bytes:
    """Status line and headers, up to and with the empty line."""
    lines = [
        f"HTTP/1.1 {response.status} {_REASONS[response.status]}",
        f"Content-Type: {response.type}",
        f"Polysync-Version: {polysync.__version__}",
        f"X-Request-Id: {request_id}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        *(f"{name}: {value}" for name, value in response.headers.items()),
    ]
    if response.stream is None:
        lines.append(f"Content-Length: {len(response.body)}")
    elif chunks:
        lines.append("Transfer-Encoding: chunked")
    if not keep_alive:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One piece of a chunked body; an empty one would end it and becomes nothing."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
