"""Progress on one line: the last state counts, however the text was cut; nothing of it can act."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.carriage import LONGEST, Carriage
from polysync.domain.colours import Colours

PROGRESS = st.text(st.sampled_from("ab \r\r\n\u00e9"), max_size=60)


def naive(text: str) -> str:
    """The whole text, line by line."""
    lines = text.split("\n")
    return "\n".join(next((part for part in reversed(line.split("\r")) if part), "") for line in lines)


@given(st.lists(PROGRESS, max_size=8))
def test_the_last_state_of_each_line_is_shown_however_it_was_cut(pieces: list[str]) -> None:
    carriage, done = Carriage(), ""
    for piece in pieces:
        more = carriage.feed(piece)
        assert more == "" or more.endswith("\n")
        done += more
    assert done + carriage.open == naive("".join(pieces))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10%\r20%\r100%\n", "100%\n"),
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("working\r", "working"),
        ("gone\r\r\rleft", "left"),
        ("\r\n\r\n", "\n\n"),
    ],
)
def test_returns_overwrite_and_line_ends_keep(text: str, shown: str) -> None:
    carriage = Carriage()
    assert carriage.feed(text) + carriage.open == shown


def test_a_line_without_end_is_passed_on_as_it_comes() -> None:
    carriage, long = Carriage(), "x" * (LONGEST + 1)
    assert carriage.feed(long) == long
    assert carriage.open == ""
    assert carriage.feed("y") == ""
    assert carriage.open == "y"
    assert carriage.feed("\rover\n") == "y\nover\n"
    assert carriage.feed("10%\r20%\n") == "20%\n"


def test_what_overwrites_a_line_that_is_gone_begins_its_own() -> None:
    carriage, long = Carriage(), "x" * (LONGEST + 1)
    carriage.feed(long)
    assert carriage.feed("end\rover") == "end\n"
    assert carriage.open == "over"
    assert carriage.feed("\ragain\n") == "again\n"
    carriage.feed(long)
    assert carriage.feed("end\r") == ""
    assert carriage.feed("\nx\r\n") == "end\nx\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m plain\n", "\x1b[31mred\x1b[0m plain\n"),
        ("\x1b[1;38;5;8mbold\x1b[m", "\x1b[1;38;5;8mbold\x1b[m"),
        ("\x1b[38;2;8;8;8mrgb\x1b[0m", "\x1b[38;2;8;8;8mrgb\x1b[0m"),
        ("\x1b[8mhidden", "\u241b[8mhidden"),
        ("\x1b[38;8mhidden", "\u241b[38;8mhidden"),
        ("\x1b[38;5;1;8mhidden", "\u241b[38;5;1;8mhidden"),
        ("\x1b[38", "\u241b[38"),
        ("\x1b]0;title\x07", "\u241b]0;title\u2407"),
        ("\x1b[2J\x1b[H", "\u241b[2J\u241b[H"),
        ("\x1b[K10%", "10%"),
        ("a\tb\nc\x00\u202e", "a\tb\nc\u2400<U+202E>"),
    ],
)
def test_colours_stay_and_nothing_else_acts(text: str, shown: str) -> None:
    assert Colours(keep=True).show(text) == shown


def test_a_colour_ends_with_its_piece_and_goes_on_with_the_next() -> None:
    colours = Colours(keep=True)
    assert colours.show("\x1b[31mred") == "\x1b[31mred\x1b[0m"
    assert colours.show("still") == "\x1b[31mstill\x1b[0m"
    assert colours.show("\x1b[0mover") == "\x1b[31m\x1b[0mover"
    assert colours.show("plain") == "plain"


def test_colours_are_left_out_where_they_are_not_wanted() -> None:
    assert Colours(keep=False).show("\x1b[31mred\x1b[0m\x1b[8mx") == "red\u241b[8mx"


@given(st.lists(st.text(st.sampled_from("a\x1b[]0138;mKJ\x07\u202e\n"), max_size=30), max_size=5))
def test_only_colours_are_ever_sent(pieces: list[str]) -> None:
    colours = Colours(keep=True)
    for piece in pieces:
        shown = colours.show(piece)
        rest = "".join(part.partition("m")[2] for part in f"m{shown}".split("\x1b["))
        assert "\x1b" not in rest
        assert "\u202e" not in rest
