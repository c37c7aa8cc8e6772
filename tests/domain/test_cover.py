"""What an attempt says about itself, with its secrets covered."""

from __future__ import annotations

import random

import pytest

from polysync.domain.cover import MASKED, WITHHELD, Cover, masked_data, masked_exit, masked_messages, masked_report
from polysync.domain.disguise import secrets_in
from polysync.domain.inputs import AttemptReported
from polysync.domain.masking import Masks
from polysync.domain.outcome import Exit
from polysync.domain.rows import Message
from tests.seeds import seed_of

VAULT = "s3cret-w0rd"
OTHER = "sensitive"
COVER = Cover(Masks([VAULT, OTHER]), Masks([VAULT]))
STARS = "*" * len(VAULT)


def test_nothing_secret_leaves_everything_as_it_is() -> None:
    ended = Exit(code=1, error=VAULT, outputs={"a": VAULT})
    report = AttemptReported(1, 1, outputs={"a": VAULT})
    assert masked_exit(ended, Cover()) is ended
    assert masked_report(report, Masks()) is report
    assert (Cover().known, Cover().text(VAULT)) == (Masks(), VAULT)


def test_an_end_tells_no_secret() -> None:
    told = masked_exit(
        Exit(
            code=3,
            signal="TERM",
            error=f"E: {VAULT} failed",
            status_code=429,
            outputs={"url": f"https://u:{VAULT}@h", "n": 5, VAULT: [None, True, {"deep": VAULT}]},
            messages=(Message("N", f"is {VAULT}", error=True), Message(VAULT, "x")),
        ),
        COVER,
    )
    assert (told.code, told.signal, told.status_code, told.error) == (3, "TERM", 429, f"E: {STARS} failed")
    assert told.outputs == {"url": f"https://u:{STARS}@h", "n": 5, STARS: [None, True, {"deep": STARS}]}
    *said, last = told.messages
    assert said == [Message("N", f"is {STARS}", error=True), Message(STARS, "x")]
    assert (last.code, VAULT in last.text, "url, " + STARS in last.text) == (MASKED, False, True)


def test_a_sensitive_output_is_kept_for_whom_it_is_meant_but_what_a_vault_keeps_is_not() -> None:
    outputs = {"key": f"{OTHER} {VAULT}", "told": "new-token and 73 and true", "token": {"value": "new-token", "n": 73}}
    told = masked_exit(
        Exit(outputs=outputs, sensitive=("key", "token", "gone"), error="new-token, 73", messages=()), COVER
    )
    assert told.outputs == {
        "key": f"{OTHER} {STARS}",
        "told": "********* and 73 and true",
        "token": {"value": "new-token", "n": 73},
    }
    assert told.sensitive == ("key", "token", "gone")
    assert told.error == "*********, 73"
    assert "key, told;" in told.messages[0].text


def test_what_was_cut_off_is_covered_up_to_its_end() -> None:
    assert masked_exit(Exit(error=f"cannot start {VAULT[:6]}"), COVER).error == "cannot start ******"
    assert masked_report(AttemptReported(1, 1, progress=(3, VAULT[:-1])), COVER.masks).progress == (3, "*" * 10)


def test_a_report_tells_no_secret() -> None:
    told = masked_report(
        AttemptReported(1, 2, progress=(40, VAULT), outputs={"a": VAULT}, messages=(Message("N", VAULT),)), COVER.known
    )
    assert told == AttemptReported(1, 2, progress=(40, STARS), outputs={"a": STARS}, messages=(Message("N", STARS),))
    assert masked_report(AttemptReported(1, 2), COVER.masks) == AttemptReported(1, 2)


def test_where_the_secrets_are_not_known_nothing_is_told() -> None:
    cover = Cover(withheld="the vault is gone")
    assert (cover.known, cover.text("anything")) == (None, "")
    report = AttemptReported(1, 2, progress=(40, "x"), outputs={"a": 1}, messages=(Message("N", "x"),))
    assert masked_report(report, None) == AttemptReported(1, 2, progress=(40, ""))
    assert masked_report(AttemptReported(1, 2), None) == AttemptReported(1, 2)
    told = masked_exit(Exit(code=0, outputs={"a": 1}, messages=(Message("N", "x"),), sensitive=("a",)), cover)
    assert (told.code, told.error, told.outputs, told.sensitive) == (0, "", {}, ())
    assert [(said.code, "vault is gone; so were its outputs a" in said.text) for said in told.messages] == [
        (WITHHELD, True)
    ]
    assert masked_exit(Exit(error="E: x"), cover).error == "the vault is gone"


def test_covers_are_joined() -> None:
    both = Cover(Masks(["first"]), Masks()).join(COVER)
    assert both.text(f"first {VAULT}") == f"***** {STARS}"
    assert both.sealed == COVER.sealed
    assert both.join(Cover(withheld="x")).withheld == "x"


def test_numbers_that_are_secrets_are_covered_and_others_keep_their_kind() -> None:
    masks = Masks(["12345678", "1.5e9"])
    data = {"pin": 12345678, "n": 1234, "f": 2.5, "many": (1, [12345678])}
    assert masked_data(data, masks) == {"pin": "*" * 8, "n": 1234, "f": 2.5, "many": [1, ["*" * 8]]}
    assert masked_data([1, "a"], masks) == [1, "a"]


def test_borders_between_messages_hide_nothing_and_show_nothing() -> None:
    masks = Masks(["ab\0cd", "wxyz"])
    said = (Message("ab", "cd"), Message("é\0", "wxyz\0é"), Message("w", "xyz"))
    codes = [(message.code, message.text) for message in masked_messages(said, masks)]
    assert codes == [("**", "**"), ("é\0", "****\0é"), ("w", "xyz")]
    assert masked_messages(said[2:], masks) == said[2:]


@pytest.mark.parametrize("turn", range(10))
def test_texts_that_are_masked_together_are_masked_as_each_alone(turn: int) -> None:
    chance = random.Random(seed_of("masking together") + turn)
    masks = Masks(["abab", "é-é-é"])
    texts = ["".join(chance.choices("abé-", k=chance.randint(0, 12))) for _ in range(50)]
    alone = [masks.mask(text.encode()).decode(errors="replace") for text in texts]
    assert list(masks.mask_all(texts)) == alone


def test_what_is_secret_in_a_value() -> None:
    assert list(secrets_in("text")) == ["text"]
    assert list(secrets_in(None)) == list(secrets_in(True)) == []
    assert list(secrets_in({"a": [1234, "b"], "c": False})) == ['{"a":[1234,"b"],"c":false}', '[1234,"b"]', "1234", "b"]
