"""Lines that hold a pattern: over any cut, with those around them, as one who reads it all line by line finds them."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from polysync.ports import LogPiece, PortError
from polysync.store import log_scan
from polysync.store.codec import micros
from polysync.store.line_context import LONGEST, OVERLAP, Lines
from polysync.store.line_matching import alone, matcher
from polysync.store.log_reading import reading_connection
from polysync.store.log_search import LogSearch
from polysync.store.logs import CHUNK, LogBook
from tests.seeds import seed_of
from tests.store_reading.many_runs import make_many
from tests.store_reading.test_log_reading import kept

pytestmark = pytest.mark.slow

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
PATTERNS = (
    *("a", "ab", "b$", "^a", "a.*b", "x|b", "^$", "é", "É", "[^x]b", r"a\s*b", "(?=a)a", "(?:a|b)x", "a+?b"),
    *(r"\w\w\w", "a*", r"\Aa", "a++", r"b\Z", r"(a)\1"),
)
Told = tuple[int, int, bytes, bool]


def naive(text: bytes, pattern: re.Pattern[str], context: int) -> list[Told]:
    """Every line by itself."""
    *whole, rest = text.split(b"\n")
    lines = [line + b"\n" for line in whole] + ([rest] if rest else [])
    hits = [bool(pattern.search(line.removesuffix(b"\n").decode("utf-8", "surrogateescape"))) for line in lines]
    told, offset = [], 0
    for place, line in enumerate(lines):
        if any(hits[max(0, place - context) : place + context + 1]):
            told.append((place + 1, offset, line, hits[place]))
        offset += len(line)
    return told


@pytest.mark.parametrize("part", range(4))
def test_lines_are_those_of_the_naive_search(part: int) -> None:
    chance = Random(f"{seed_of('search')} {part}")
    for _ in range(500):
        text = "".join(chance.choice("aabx\n\né\r ") for _ in range(chance.randrange(60))).encode()
        text += chance.choice((b"", b"\xff\xc3"))
        pattern, ignore_case, context = chance.choice(PATTERNS), chance.random() < 0.3, chance.choice((0, 0, 1, 2, 5))
        if "++" in pattern and not _possessive():
            continue
        find = chance.choice((matcher, alone))(pattern, ignore_case=ignore_case)
        lines, at, told = Lines(context, 0, 1), 0, []
        while at < len(text):
            data = text[at : at + chance.randrange(1, 20)]
            told += list(lines.feed(at, data, data.count(b"\n"), find))
            at += len(data)
        told += list(lines.flush(find))
        expected = naive(text, re.compile(pattern, re.IGNORECASE if ignore_case else 0), context)
        assert [line[:4] for line in told] == expected, (text, pattern, ignore_case, context)


def _possessive() -> bool:
    try:
        re.compile("a++")
    except re.error:
        return False
    return True


@pytest.mark.parametrize("place", [0, LONGEST - 3, LONGEST, LONGEST + CHUNK - OVERLAP, 3 * LONGEST])
def test_a_word_in_an_endless_line_is_found_and_told_in_parts(place: int) -> None:
    text = b"x" * place + b"needle" + b"x" * (4 * LONGEST - place) + b"\nneedle\n"
    lines, find, told = Lines(0, 0, 1), matcher("needle", ignore_case=False), []
    for at in range(0, len(text), CHUNK):
        data = text[at : at + CHUNK]
        told += list(lines.feed(at, data, data.count(b"\n"), find))
    told += list(lines.flush(find))
    *long, short = told
    assert short[:3] == (2, len(text) - 7, b"needle\n")
    assert not short.cut
    assert long
    for line in long:
        assert line.cut
        assert text[line.offset :].startswith(line.data)
        assert len(line.data) <= LONGEST + CHUNK + OVERLAP


async def found(search: LogSearch, **wanted: Any) -> list[Mapping[str, Any]]:
    text = b"".join([block async for block in search.find(**wanted)])
    return [json.loads(line) for line in text.splitlines()]


async def a_home(folder: Path, chunks: Mapping[int, list[tuple[int, str, bytes]]]) -> LogSearch:
    """A home with ten runs, and output of some of them, a minute apart."""
    make_many(folder / "polysync.db", 10, tasks=2, open_runs=0)
    book = await LogBook.open(folder / "logs.db")
    at = NOON
    for run_id, said in chunks.items():
        ends: dict[tuple[int, str], int] = {}
        for attempt, stream, data in said:
            key = attempt, stream
            ends[key] = await book.append(run_id, attempt, stream, ends.get(key, 0), data, at)
            at += timedelta(minutes=1)
    await book.close()
    return LogSearch(folder / "logs.db", folder / "polysync.db")


async def test_everything_is_searched_newest_run_first(tmp_path: Path) -> None:
    search = await a_home(
        tmp_path,
        {
            3: [(1, "out", b"one nee"), (1, "err", b"needle?\n"), (1, "out", b"dle\ntwo\n"), (2, "out", b"a needle")],
            5: [(1, "out", b"nothing\n")],
            8: [(1, "out", b"\xff needle\n")],
        },
    )
    told = await found(search, q="needle")
    assert [(line["run"], line["attempt"], line["stream"], line["line"]) for line in told[:-1]] == [
        (8, 1, "out", 1),
        (3, 1, "err", 1),
        (3, 1, "out", 1),
        (3, 2, "out", 1),
    ]
    assert told[0]["base64"] == "/yBuZWVkbGUK"
    assert (told[2]["data"], told[2]["offset"]) == ("one needle\n", 0)
    assert told[-1] == {"searched": {"runs": 3, "bytes": 48, "matches": 4, "complete": True}}
    task = told[0]["task"]
    assert {line["run"] for line in (await found(search, q="n", task=task))[:-1]} <= {3, 5, 8}
    assert [line["run"] for line in (await found(search, q="n.t", run=5))[:-1]] == [5]
    assert [line["stream"] for line in (await found(search, q="needle", run=3, stream="err"))[:-1]] == ["err"]
    assert [line["attempt"] for line in (await found(search, q="needle", run=3, attempt=2))[:-1]] == [2]
    late = await found(search, q="needle", since=NOON + timedelta(minutes=3))
    assert [(line["run"], line["attempt"]) for line in late[:-1]] == [(8, 1), (3, 2)]


@pytest.fixture
def alarmed() -> Iterator[None]:
    """What ends a pattern in a process of its own."""
    before = signal.signal(signal.SIGVTALRM, log_scan.too_slow)
    yield
    signal.signal(signal.SIGVTALRM, before)


@pytest.mark.usefixtures("alarmed")
@pytest.mark.parametrize(
    ("wanted", "lines", "counts"),
    [
        ({"q": "l.ne"}, ["8 1", "3 1", "3 2", "3 2"], (2, 4, True)),
        ({"q": "line", "limit": 2}, ["8 1", "3 1"], (1, 2, False)),
        ({"q": "line", "run": 3, "stream": "err"}, ["3 2"], (1, 1, True)),
        (
            {"q": "LINE", "ignore_case": True, "since": micros(NOON + timedelta(minutes=2))},
            ["8 1", "3 2"],
            (2, 2, True),
        ),
        ({"q": "line", "task": "nobody"}, [], (0, 0, True)),
    ],
)
async def test_a_scan_counts_what_it_looks_at(
    tmp_path: Path, wanted: dict[str, Any], lines: list[str], counts: tuple[int, int, bool]
) -> None:
    said = [(1, "out", b"line one\nline two\n"), (1, "err", b"\n"), (1, "err", b"line\xff")]
    await a_home(tmp_path, {3: said, 8: [(1, "out", b"a line\n")]})
    told: list[Mapping[str, Any]] = []
    with (
        closing(reading_connection(tmp_path / "logs.db")) as logs,
        closing(reading_connection(tmp_path / "polysync.db")) as database,
    ):
        ask = log_scan.Wanted(logs="", database="", **wanted)
        patience = log_scan.Patience(ask.q, ignore_case=ask.ignore_case)
        scan = log_scan.Scan(ask, logs, database, told.append, lambda: False, patience)
        complete = scan.everything()
        assert not log_scan.Scan(ask, logs, database, told.append, lambda: True, patience).everything()
    assert [f"{line['run']} {line['line']}" for line in told[: len(lines)]] == lines
    assert (scan.counts.runs, scan.counts.matches, complete) == counts


async def test_a_limit_says_that_there_is_more(tmp_path: Path) -> None:
    search = await a_home(tmp_path, {3: [(1, "out", b"".join(b"line %d\n" % number for number in range(100)))]})
    told = await found(search, q="line", limit=3, context=1)
    assert [line["line"] for line in told[:-1]] == [1, 2, 3]
    assert told[-1]["searched"]["complete"] is False
    exactly = await found(search, q="line", limit=100)
    assert exactly[-1]["searched"] == {"runs": 1, "bytes": 790, "matches": 100, "complete": True}
    around = await found(search, q="line 50", context=2)
    assert [(line["line"], line.get("context", False)) for line in around[:-1]] == [
        (49, True),
        (50, True),
        (51, False),
        (52, True),
        (53, True),
    ]


async def test_what_was_left_out_ends_a_line(tmp_path: Path) -> None:
    make_many(tmp_path / "polysync.db", 1, tasks=1, open_runs=0)
    pieces = [
        LogPiece(1, "out", 0, b"one nee", NOON),
        LogPiece(1, "out", 7, b"", NOON, 1000),
        LogPiece(1, "out", 1007, b"dle\nneedle\n", NOON),
    ]
    path = await kept(tmp_path, pieces)
    told = await found(LogSearch(path, tmp_path / "polysync.db"), q="needle", run=7)
    assert [(line["offset"], line["data"]) for line in told[:-1]] == [(1011, "needle\n")]


@pytest.mark.slow
async def test_a_pattern_without_end_is_given_up(tmp_path: Path) -> None:
    search = await a_home(tmp_path, {3: [(1, "out", b"a" * 60 + b"\n")]})
    (told,) = await found(search, q="(a|a)*(a|a)*$x")
    assert told["error"]["code"] == "too_slow"


@pytest.mark.slow
async def test_who_leaves_ends_the_search(tmp_path: Path) -> None:
    search = await a_home(tmp_path, {3: [(1, "out", b"needle\n" * 400_000)]})
    busy = []
    async with asyncio.timeout(60):
        async with AsyncExitStack() as stack:
            for _ in range(4):
                lines = search.find(q="needle")
                stack.push_async_callback(lines.aclose)  # type: ignore[attr-defined]  # a generator
                assert await anext(aiter(lines))
                busy.append(search.busy)
        busy.append(search.busy)
    assert busy == [False, False, False, True, False]


async def test_a_search_that_breaks_is_an_error_and_no_end(tmp_path: Path) -> None:
    search = await a_home(tmp_path, {3: [(1, "out", b"needle\n")]})
    with pytest.raises(PortError, match="ended before its end"):
        await found(search, q="(")
