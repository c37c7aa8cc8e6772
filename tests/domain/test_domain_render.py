"""Tables and lengths of time as people see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.render import (
    ASCII,
    UNICODE,
    Cell,
    Column,
    Style,
    cut,
    glyphs_for,
    paint,
    painted,
    relative,
    span_words,
    table,
    width_of,
    wrapped,
)

NOW = datetime(2026, 3, 27, tzinfo=UTC)
ANYTHING = st.text(st.characters(codec="utf-8"), max_size=40)


def text_of(lines: list[list[Cell]]) -> list[str]:
    return ["".join(cell.text for cell in line) for line in lines]


def test_table_aligns_its_columns() -> None:
    columns = (Column("Name"), Column("Runs", right=True), Column("Note"))
    made = table(columns, [["a", "1", "x"], ["backup", "100", ""]], None)
    assert text_of(made) == ["Name    Runs  Note", "a          1  x", "backup   100"]


def test_table_cuts_the_widest_column_that_gives_way() -> None:
    columns = (Column("", gives=True), Column(""))
    made = table(columns, [["a long name that goes on", "kept"]], 20)
    assert text_of(made) == ["a long name t…  kept"]


def test_table_that_cannot_give_way_stays_whole() -> None:
    assert text_of(table((Column(""), Column("")), [["abcdef", "ghi"]], 5)) == ["abcdef  ghi"]


@given(st.lists(st.tuples(ANYTHING, ANYTHING), min_size=1, max_size=5), st.integers(20, 60))
def test_table_fits_the_terminal_whatever_it_holds(rows: list[tuple[str, str]], width: int) -> None:
    made = text_of(table((Column("", gives=True), Column("", gives=True)), rows, width))
    assert all(width_of(line) <= width for line in made)
    assert all(line.isprintable() for line in made)


def test_paint_makes_what_it_paints_safe() -> None:
    assert paint(Cell("a\x1b[2Jb", Style.BAD), colour=True) == "\x1b[31ma␛[2Jb\x1b[0m"
    assert paint(Cell("a", Style.BAD), colour=False) == "a"
    assert paint(Cell("", Style.BAD), colour=True) == ""
    assert paint("plain", colour=True) == "plain"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (5, "5s"), (65, "1m 5s"), (3600, "1h"), (90_061, "1d 1h"), (-30, "30s")],
)
def test_span_words_gives_the_two_largest_units(seconds: int, words: str) -> None:
    assert span_words(timedelta(seconds=seconds)) == words


def test_relative_looks_both_ways() -> None:
    assert relative(NOW + timedelta(hours=3), NOW) == "in 3h"
    assert relative(NOW - timedelta(days=2), NOW) == "2d ago"
    assert relative(NOW + timedelta(milliseconds=10), NOW) == "now"


def test_cut_counts_wide_characters_twice() -> None:
    assert width_of("漢字ab") == 6
    assert cut("漢字漢字", 5) == "漢字…"
    assert cut("e\u0301a", 2) == "e\u0301a"


def test_glyphs_follow_the_encoding() -> None:
    assert glyphs_for("utf-8") is UNICODE
    assert glyphs_for("iso-8859-1") is ASCII
    assert glyphs_for("no such encoding") is ASCII
    assert glyphs_for(None) is ASCII


def test_wrapped_breaks_at_blanks() -> None:
    assert wrapped("one two three", 9, "  ") == ["  one two", "  three"]
    assert wrapped("one two", None) == ["one two"]
    assert wrapped("", 10) == []
    assert wrapped("unbreakable-word", 5) == ["unbreakable-word"]


def test_pieces_become_one_line() -> None:
    assert "\x1b" not in painted([Cell("a\x1b", Style.BAD), "b"], colour=False)
    assert painted(["a", Cell("b", Style.BOLD)], colour=True) == "a\x1b[1mb\x1b[0m"
