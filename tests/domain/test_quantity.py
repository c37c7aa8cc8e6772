"""Durations and sizes as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.errors import ValueProblem
from polysync.domain.quantity import LONGEST, format_size, format_span, parse_size, parse_span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("36h", 129_600),
        ("30d", 2_592_000),
        ("2w", 1_209_600),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("250us", 0.00025),
        ("0s", 0),
        ("1m1m", 120),
    ],
)
def test_quantity_span_is_read(text: str, seconds: float) -> None:
    assert parse_span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "hint", "offset"),
    [
        ("15", 'write "15s"', 0),
        ("", "write it like", 0),
        ("five minutes", "write it like", 0),
        ("1.5h", "write it like", 0),
        ("1h 30m", "write it like", 2),
        ("1h30", "write it like", 2),
        ("-5s", "write it like", 0),
        ("1y", "write it like", 0),
        ("5S", "write it like", 0),
        ("\u0665s", "write it like", 0),
    ],
)
def test_quantity_span_that_is_none_is_refused_with_advice(text: str, hint: str, offset: int) -> None:
    with pytest.raises(ValueProblem, match="not a duration") as caught:
        parse_span(text)
    assert caught.value.hint.startswith(hint)
    assert caught.value.offset == offset


def test_quantity_span_is_at_most_a_century() -> None:
    assert parse_span("36525d") == LONGEST
    with pytest.raises(ValueProblem, match="longer than a century"):
        parse_span("36525d1us")
    with pytest.raises(ValueProblem, match="longer than a century"):
        parse_span("999999999999999w")


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(days=14), "14d"),
        (timedelta(milliseconds=1500), "1s500ms"),
        (-timedelta(hours=1), "-1h"),
    ],
)
def test_quantity_span_is_written(span: timedelta, text: str) -> None:
    assert format_span(span) == text


@given(st.timedeltas(timedelta(0), LONGEST))
def test_quantity_span_survives_writing_and_reading(span: timedelta) -> None:
    assert parse_span(format_span(span)) == span


@pytest.mark.parametrize(
    ("text", "size"),
    [("0b", 0), ("512b", 512), ("1kb", 1024), ("1.5GB", 1_610_612_736), ("100 mb", 104_857_600), ("2Tb", 2 << 40)],
)
def test_quantity_size_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("100", 'write "100b"'),
        ("", "write it like"),
        ("1k", "write it like"),
        (".5mb", "write it like"),
        ("-1b", "write"),
    ],
)
def test_quantity_size_that_is_none_is_refused_with_advice(text: str, hint: str) -> None:
    with pytest.raises(ValueProblem, match="not a size") as caught:
        parse_size(text)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0b"), (1000, "1000b"), (2048, "2kb"), (100 << 20, "100mb"), (5 << 30, "5gb"), (1 << 40, "1tb")],
)
def test_quantity_size_is_written(size: int, text: str) -> None:
    assert format_size(size) == text


@given(st.integers(0, 1 << 50))
def test_quantity_size_survives_writing_and_reading(size: int) -> None:
    assert parse_size(format_size(size)) == size
