"""Texts found by a rare byte of theirs stand where they stand, whatever is rare."""

from __future__ import annotations

from random import Random

from polysync.domain.masking import Masks, Veil
from polysync.domain.scout import LARGE, LONGEST_WAIT, Scout
from tests.seeds import seed_of

TEXTS = [b"abc", b"Zeta", b"%41", b"deadbeef", b"Zulu%"]


def test_texts_are_found_where_they_first_stand_in_any_mixture() -> None:
    dice = Random(seed_of("scout"))
    scout = Scout(TEXTS)
    for _ in range(150):
        letters = dice.choice([b"abcdef", b"Zeta%41", bytes(range(256)), b"abcdefZetalu%41 "])
        data = bytearray(dice.choices(letters, k=dice.choice([100, LARGE, LARGE + 5])))
        for _ in range(dice.randrange(4)):
            text, place = dice.choice(TEXTS), dice.randrange(len(data) - 8)
            data[place : place + len(text)] = text
        whole = bytes(data)
        assert scout.firsts(whole) == [whole.find(text) for text in TEXTS]


def test_a_text_of_which_only_the_end_is_there_does_not_begin_before_it() -> None:
    scout = Scout([b"xyQ"])
    assert scout.firsts(b"Q" + b"xy" * LARGE) == [-1]
    assert scout.firsts(b"yQ" + b"xy" * LARGE + b"xyQ") == [2 * LARGE + 2]


def test_nothing_to_look_for_is_never_found() -> None:
    assert Scout([]).firsts(bytes(LARGE)) == []


def test_signs_that_keep_changing_are_learnt_more_and_more_seldom() -> None:
    class Counting(bytes):
        calls = 0

        def find(self, *where: object) -> int:
            Counting.calls += 1
            return super().find(*where)  # type: ignore[arg-type]  # as above

    scout = Scout([b"kY"])
    ways = [Counting(b"Y" * LARGE + b"kY"), Counting(b"k" * LARGE + b"Y")]
    spent = []
    for number in range(4 * LONGEST_WAIT):
        before = Counting.calls
        assert scout.firsts(ways[number % 2]) == [LARGE if number % 2 == 0 else LARGE - 1]
        spent.append(Counting.calls - before)
    lessons = [number for number, calls in enumerate(spent) if calls > max(spent) * 3 // 4]
    assert len(lessons) < LONGEST_WAIT


def test_a_stream_of_large_pieces_is_masked_as_a_whole_would_be() -> None:
    dice = Random(seed_of("large pieces"))
    masks = Masks(["hunter2-Quick", "pässword", "plainlower"])
    whole = b"".join(
        dice.choice([b"a line as usual 0123\n", b"id=hunter2-Quick\n", b"plainlower\n", "ä pässword\n".encode()])
        for _ in range(20_000)
    )
    veil, shown, place = Veil(masks), [], 0
    while place < len(whole):
        size = dice.randrange(1, 3 * LARGE)
        shown.append(veil.feed(whole[place : place + size]))
        place += size
    assert b"".join([*shown, veil.flush()]) == masks.mask(whole)
    assert b"Quick" not in masks.mask(whole)
