"""Text made safe: nothing in it acts on a terminal, nothing in it is invisible, and plain text is left alone."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.safe_text import safe_text
from tests.faults import fault

ANYTHING = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u115f\u3164\uffa0\u2800\U000e0041\u061c"
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("plain text, žltý kôň, 漢字, 🙂", "plain text, žltý kôň, 漢字, 🙂"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x9b2J", "<U+009B>2J"),
        ("two\nlines\tand a tab", "two␊lines␉and a tab"),
        ("\x00\x7f", "␀␡"),
        ("abc\u202egpj.exe", "abc<U+202E>gpj.exe"),
        ("pay\u200bpal", "pay<U+200B>pal"),
        ("\ud800", "<U+D800>"),
        ("no\u00a0break", "no break"),
        ("a\u2028b\u0085c", "a<U+2028>b<U+0085>c"),
        ("⚠\ufe0f", "⚠\ufe0f"),
        ("", ""),
    ],
)
def test_safe_text_shows_what_could_act(given_text: str, expected: str) -> None:
    assert safe_text(given_text) == expected


def test_safe_text_keeps_line_feeds_and_tabs_where_lines_are_wanted() -> None:
    assert safe_text("a\n\tb\r\x1b", lines=True) == "a\n\tb␍␛"


@fault("F38")
@given(ANYTHING)
def test_safe_text_leaves_nothing_that_acts(text: str) -> None:
    made = safe_text(text)
    assert made.isprintable()
    assert not set(made) & set(UNSEEN + TURNING)
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in made)
    made.encode("utf-8")


@given(ANYTHING)
def test_safe_text_is_idempotent(text: str) -> None:
    assert safe_text(safe_text(text)) == safe_text(text)
    assert safe_text(safe_text(text, lines=True), lines=True) == safe_text(text, lines=True)


@given(
    st.text(st.characters(categories=["L", "N", "P"], exclude_characters=UNSEEN + "\u1160\u17b4\u17b5"), max_size=60)
)
def test_safe_text_leaves_letters_alone(text: str) -> None:
    assert safe_text(text) == text


def test_safe_text_decides_about_every_character_of_the_planes_in_use() -> None:
    codes = (*range(0x20000), *range(0xE0000, 0xE1000), sys.maxunicode)
    assert [code for code in codes if not safe_text(chr(code)).isprintable()] == []
