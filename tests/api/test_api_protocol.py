"""The parser: what it accepts, how it was cut does not matter, and h11 reads nothing differently."""

from __future__ import annotations

import random

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.api.protocol import BODY, CHUNKS, HEAD, HEADERS, LINE, Parser, Request
from polysync.api.refusal import Refused
from tests.seeds import seed_of

HOST = b"Host: x\r\n"
Outcome = tuple[list[Request], int | None]


def parsed(*parts: bytes) -> Outcome:
    """All requests in these bytes, and the status of the refusal that ended them."""
    parser, found = Parser(), []
    try:
        for part in parts:
            parser.feed(part)
            while (request := parser.take()) is not None:
                found.append(request)
    except Refused as refused:
        return found, refused.status
    return found, None


def one(data: bytes) -> Request:
    """The one request in these bytes."""
    found, status = parsed(data)
    assert (len(found), status) == (1, None)
    return found[0]


def test_a_request_is_read() -> None:
    request = one(b"POST /a%20b?x=1 HTTP/1.1\r\nHost: x\r\nX-A:  one \r\nx-a:two\r\nContent-Length: 3\r\n\r\nabc")
    assert (request.method, request.target, request.body) == ("POST", "/a%20b?x=1", b"abc")
    assert request.headers == {"host": "x", "x-a": "one, two", "content-length": "3"}
    assert request.keep_alive


def test_chunks_extensions_and_trailers_are_read() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert one(head + b"3\r\nabc\r\n0A;note=1\r\n0123456789\r\n0\r\nX: y\r\n\r\n").body == b"abc0123456789"


def test_pipelined_requests_come_one_by_one() -> None:
    found, status = parsed(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3")
    assert ([request.target for request in found], status) == (["/1", "/2"], None)


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [(b"1", b"", True), (b"1", b"Connection: Close\r\n", False), (b"0", b"Connection: keep-alive\r\n", False)],
)
def test_who_keeps_the_connection(version: bytes, connection: bytes, kept: bool) -> None:
    assert one(b"GET / HTTP/1." + version + b"\r\nHost: x\r\n" + connection + b"\r\n").keep_alive is kept


def test_a_waiting_body_is_asked_for_once() -> None:
    parser = Parser()
    parser.feed(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
    assert parser.take() is None
    assert parser.wants_continue
    assert parser.midway
    parser.feed(b"ab")
    request = parser.take()
    assert request is not None
    assert (request.body, parser.wants_continue, parser.midway) == (b"ab", False, False)


@pytest.mark.parametrize("target", [b"http://polysync/api?x", b"HTTPS://h/api?x"])
def test_a_target_may_name_the_host(target: bytes) -> None:
    assert one(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n").target == "/api?x"


def test_a_host_alone_means_its_root() -> None:
    assert one(b"GET http://polysync HTTP/1.1\r\n" + HOST + b"\r\n").target == "/"


REFUSED = {
    "no method": (b"\x16\x03\x01", 400),
    "empty line first": (b"\r\n", 400),
    "lower case": (b"get / HTTP/1.1\r\n", 400),
    "bare line feed": (b"GET / HTTP/1.1\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\n", 400),
    "no version": (b"GET /\r\n", 400),
    "other version": (b"GET / HTTP/2.0\r\n", 505),
    "unknown method": (b"BREW / HTTP/1.1\r\n", 501),
    "no path": (b"GET api HTTP/1.1\r\n", 400),
    "fragment": (b"GET /#a HTTP/1.1\r\n", 400),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\n", 400),
    "long line": (b"GET /" + b"a" * LINE, 414),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400),
    "space before colon": (b"GET / HTTP/1.1\r\nHost : a\r\n", 400),
    "folded": (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n", 400),
    "no colon": (b"GET / HTTP/1.1\r\nHost\r\n", 400),
    "control": (b"GET / HTTP/1.1\r\nHost: a\x00\r\n", 400),
    "inner return": (b"GET / HTTP/1.1\r\nHost: a\rb\r\n", 400),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * (HEADERS + 1), 431),
    "large headers": (b"GET / HTTP/1.1\r\nA: " + b"b" * HEAD, 431),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n", 400),
    "listed lengths": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400),
    "signed length": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400),
    "foreign digits": ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ²\r\n\r\n".encode("latin-1"), 400),
    "length and chunks": (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "chunks in 1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "other coding": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "huge length": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 19 + b"\r\n\r\n", 413),
    "long body": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (BODY + 1), 413),
    "expectation": (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n", 417),
    "no chunk": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxy\r\n", 400),
    "chunk prefix": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n", 400),
    "long chunk line": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * 300, 400),
    "huge chunk": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFF\r\n", 413),
    "chunk overrun": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", 400),
    "bad trailer": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx y\r\n", 400),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(case: str) -> None:
    data, status = REFUSED[case]
    assert parsed(data) == ([], status)
    assert parsed(*(data[at : at + 1] for at in range(len(data)))) == ([], status)


def test_a_body_comes_in_so_many_chunks_at_most() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert one(head + b"1\r\nx\r\n" * (CHUNKS - 1) + b"0\r\n\r\n").body == b"x" * (CHUNKS - 1)
    parser = Parser()
    parser.feed(head + b"1\r\nx\r\n" * (CHUNKS + 1))
    with pytest.raises(Refused, match="chunks") as refused:
        parser.take()
    assert refused.value.status == 413


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_head_is_looked_at_once_and_before_its_body(size: int) -> None:
    seen: list[tuple[str, bytes]] = []
    data = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n"
    parser = Parser()
    taken = []
    for at in range(0, len(data), size):
        parser.feed(data[at : at + size])
        while (request := parser.take(lambda head: seen.append((head.target, head.body)))) is not None:
            taken.append((request.target, request.body))
    assert seen == [("/a", b""), ("/b", b"")]
    assert taken == [("/a", b"hello"), ("/b", b"")]


def test_a_head_that_is_refused_ends_it_before_the_body_came() -> None:
    def no(_head: Request) -> None:
        raise Refused(401, "no")

    parser = Parser()
    parser.feed(b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    with pytest.raises(Refused, match="no"):
        parser.take(no)


def test_chunks_together_may_not_pass_the_limit() -> None:
    parser = Parser(body_limit=10)
    parser.feed(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\n")
    with pytest.raises(Refused, match="larger than 10 bytes") as refused:
        parser.take()
    assert refused.value.status == 413


PIECES = [
    *(
        b"GET / HTTP/1.1\r\n",
        b"POST /x HTTP/1.1\r\n",
        b"POST /y HTTP/1.0\r\n",
        b"HEAD /z?q HTTP/1.1\r\n",
        b"PRI * HTTP/2.0\r\n",
    ),
    *(
        HOST,
        HOST,
        HOST,
        b"Host:\r\n",
        b"A: b\r\n",
        b"A:\tb \t\r\n",
        b"Connection: close\r\n",
        b" folded\r\n",
        b"A : b\r\n",
    ),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length: 5, 5\r\n", b"content-length: -5\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: CHUNKED\r\n", b"Transfer-Encoding: identity\r\n"),
    *(
        b"\r\n",
        b"\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"hello",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"5;a=b\r\n",
        b"0\r\nT: u\r\n\r\n",
    ),
    *(b"\x00", b"\xff", b"GET", b" ", b"Expect: 100-continue\r\n", b"\x0b", b"5 \r\nhello\r\n"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=14), st.randoms(use_true_random=False))
def test_how_the_bytes_were_cut_does_not_matter(pieces: list[bytes], chance: random.Random) -> None:
    data = b"".join(pieces)
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(8)))
    parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert parsed(*parts) == parsed(data) == parsed(*(bytes([byte]) for byte in data))


def _well_formed(chance: random.Random) -> bytes:
    """A request, mostly fine."""
    body = chance.randbytes(chance.randrange(20))
    lines = [chance.choice([b"GET /a HTTP/1.1", b"POST /b?c=d HTTP/1.1", b"PUT / HTTP/1.0"]), b"Host: h"]
    lines += [chance.choice([b"A: b", b"B:c", b"Connection: close", b"X: \xe4"]) for _ in range(chance.randrange(3))]
    if chance.random() < 0.5:
        return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])
    chunked = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", chunked + b"0\r\n\r\n"])


def _spoiled(data: bytes, chance: random.Random) -> bytes:
    """The same with a few bytes changed, doubled, left out or put in."""
    for _ in range(chance.choice([0, 0, 1, 2])):
        at, new = (
            chance.randrange(len(data)),
            chance.choice([b"\r", b"\n", b" ", b":", b"\x00", b"0", b"9", b",", b";"]),
        )
        data = data[:at] + chance.choice([new, b"", data[at : at + 1] * 2]) + data[at + chance.randrange(2) :]
    return data


def _as_h11_reads(data: bytes) -> list[tuple[str, str, bytes]] | None:
    """What h11 makes of it; None where it refuses."""
    found: list[tuple[str, str, bytes]] = []
    theirs = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    theirs.receive_data(data)
    try:
        while (request := _next_of_h11(theirs)) is not None:
            found.append(request)
            theirs.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            theirs.send(h11.EndOfMessage())
            if theirs.our_state is not h11.DONE:
                break
            theirs.start_next_cycle()
    except h11.RemoteProtocolError:
        return None
    return found


def _next_of_h11(theirs: h11.Connection) -> tuple[str, str, bytes] | None:
    begun = theirs.next_event()
    if not isinstance(begun, h11.Request):
        return None
    body = b""
    while isinstance(event := theirs.next_event(), h11.Data):
        body += bytes(event.data)
    return (begun.method.decode(), begun.target.decode(), body) if isinstance(event, h11.EndOfMessage) else None


def test_h11_reads_nothing_differently() -> None:
    chance = random.Random(seed_of("h11"))
    agreed = 0
    for _ in range(3000):
        data = b"".join(_spoiled(_well_formed(chance), chance) for _ in range(chance.choice([1, 1, 2])))
        ours, status = parsed(data)
        theirs = _as_h11_reads(data)
        if status is None and ours and all(request.keep_alive for request in ours):
            assert theirs == [(r.method, r.target, r.body) for r in ours], data
            agreed += 1
        elif status is None and ours:
            closing = [request.keep_alive for request in ours].index(False) + 1
            assert theirs is not None, data
            assert theirs[:closing] == [(r.method, r.target, r.body) for r in ours[:closing]], data
            agreed += 1
    assert agreed > 500  # most cases must have been worth comparing
