"""Stars over secrets: every form, every byte, however the output was cut."""

from __future__ import annotations

import base64
import json
import os
import random
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

import pytest

from polysync.domain.disguise import LINES
from polysync.domain.masking import Masks, Veil, forms
from polysync.domain.needles import Needles
from tests.seeds import seed_of

SECRET = "p@ss 'w\"ö/rd\\+&<x>$`{Zz}~1234567"  # noqa: S105 - it opens nothing
KEY = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7\n  indented\n\nab\nend of it\r\n"
ADVERSARIES = ("aaaa", "abcab", "abab", "aabaa", "bcabcab", "abcdabcd", "abca\nbcab", "aaaaaaaab")


def covered(data: bytes, needles: Iterable[bytes]) -> bytes:
    """The law, in the plainest words."""
    made = bytearray(data)
    for needle in needles:
        place = data.find(needle)
        while place >= 0:
            made[place : place + len(needle)] = b"*" * len(needle)
            place = data.find(needle, place + 1)
    return bytes(made)


def every(secrets: Iterable[str]) -> set[bytes]:
    return {form for secret in secrets for form in forms(secret)}


def cut(chance: random.Random, data: bytes, longest: int) -> list[bytes]:
    """`data` in pieces, some of them empty."""
    pieces = []
    while data:
        size = chance.randint(0, longest)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def through(veil: Veil, pieces: Iterable[bytes]) -> bytes:
    return b"".join([*map(veil.feed, pieces), veil.flush()])


# ---- forms


@pytest.mark.parametrize(
    "form",
    [
        SECRET.encode(),
        quote(SECRET).encode(),
        quote(SECRET, safe="").encode(),
        quote_plus(SECRET).encode(),
        quote_plus(SECRET).lower().encode().replace(b"zz", b"Zz"),
        json.dumps(SECRET)[1:-1].encode(),
        json.dumps(SECRET, ensure_ascii=False)[1:-1].encode(),
        json.dumps(SECRET)[1:-1].replace("/", "\\/").encode(),
        shlex.quote(SECRET)[1:-1].encode(),
        SECRET.replace("'", r"'\''").encode(),
        SECRET.encode().hex().encode(),
        SECRET.encode().hex().upper().encode(),
        repr(SECRET)[1:-1].encode(),
    ],
)
def test_a_secret_is_known_in_every_form(form: bytes) -> None:
    assert form in forms(SECRET)
    assert Masks([SECRET]).mask(b"<" + form + b">") == b"<" + b"*" * len(form) + b">"


@pytest.mark.parametrize("before", range(5))
@pytest.mark.parametrize("after", range(5))
@pytest.mark.parametrize("secret", ["\u00ff\u00fe~~>>??", "S3cr3t", SECRET])
def test_base64_is_masked_wherever_the_secret_stands_in_what_was_encoded(before: int, after: int, secret: str) -> None:
    whole = b"#" * before + secret.encode() + b"!" * after
    for code in (base64.b64encode(whole), base64.urlsafe_b64encode(whole)):
        left = Masks([secret]).mask(code)
        first, last = -(-before * 8 // 6), (before + len(secret.encode())) * 8 // 6
        assert left[first:last] == b"*" * (last - first)
        assert left[:first] + left[last:] == code[:first] + code[last:]


def test_long_codes_are_known_as_the_tools_wrap_them() -> None:
    secret = "".join(map(chr, range(33, 127)))
    for lines in (base64.encodebytes(secret.encode()), secret.encode().hex().encode()):
        wrapped = b"\n".join(lines.replace(b"\n", b"")[at : at + 60] for at in range(0, 200, 60))
        text = lines if b"\n" in lines else wrapped
        left = Masks([secret]).mask(text)
        assert set(left) <= set(b"*\n=") | set(text.rstrip(b"=\n")[-1:])


def test_each_line_of_a_secret_is_one_too() -> None:
    known = forms(KEY)
    for line in ("-----BEGIN KEY-----", "MIIEpAIBAAKCAQEA7", "indented", "end of it"):
        assert line.encode() in known
        assert line.encode().hex().encode() in known
        assert base64.b64encode(line.encode())[: len(line) * 8 // 6] in known
    assert b"ab" not in known
    assert Masks(["first line\n      \nlast line"]).mask(b"if:\n      pass") == b"if:\n      pass"


def test_a_secret_of_very_many_lines_is_masked_as_a_whole() -> None:
    secret = "\n".join(f"line {number}" for number in range(LINES + 1))
    assert Masks([secret]).mask(f"<{secret}> line 77".encode()) == b"<" + b"*" * len(secret) + b"> line 77"
    fewer = "\n".join(secret.split("\n")[:-1])
    assert Masks([fewer]).mask(b"line 77, line 7") == b"*******, ******"


@pytest.mark.parametrize("secret", ["", "abc", "é1", "a\nbc\nxyz"[:3]])
def test_what_is_too_short_to_be_told_from_chance_is_left(secret: str) -> None:
    assert forms(secret) == frozenset()
    assert Masks([secret]).mask(b"abc YWJj 616263") == b"abc YWJj 616263"


def test_bytes_that_are_no_text_are_found_as_they_came() -> None:
    secret = os.fsdecode(b"caf\xe9-\xff-bar")
    assert Masks([secret]).mask(b"is caf\xe9-\xff-bar.") == b"is **********."
    assert forms("half \ud800 pair")  # what no file can hold is no reason to fail


@pytest.mark.parametrize("shell", ["bash", "dash"])
@pytest.mark.parametrize(
    "secret", [SECRET, "it's ''it'' \"$HOME\"", "tab\tand\nline é1234", "#x y z!", "~user,a;b", "\x01\x1b\x7f1234"]
)
def test_what_shells_write_of_it_is_masked(shell: str, secret: str) -> None:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"no {shell} here")
    script = 'export S; set -x; : "$S" "--key=$S"; set +x; printf "<%s>\\n" "$S"; export -p'
    script += '; printf "%q\\n" "$S"; declare -p S; echo "${S@Q}"' if shell == "bash" else ""
    for locale in ("C", "C.UTF-8"):
        environment = {"S": secret, "LC_ALL": locale, "PATH": os.defpath}
        told = subprocess.run([path, "-c", script], env=environment, capture_output=True, check=True)
        for text in (told.stdout, told.stderr):
            left = Masks([secret]).mask(text)
            assert b"1234" not in left
            assert not any(word in left for word in (b'w\\"', b"''it", b"HOME", b"y z", b"user", b"a;b")), left


# ---- the law


def soup(chance: random.Random, secrets: Iterable[str], size: int) -> bytes:
    """Text full of secrets, of their beginnings and ends, and of their letters."""
    known = sorted(every(secrets))
    made = bytearray()
    while len(made) < size:
        form = chance.choice(known)
        kind = chance.randrange(5)
        if kind < 2:
            made += form[chance.randrange(len(form)) if kind else 0 :]
        elif kind == 2:
            made += form[: chance.randrange(len(form))]
        else:
            made += bytes(chance.choices(form + b"abc\n", k=chance.randint(0, 6)))
    return bytes(made)


@pytest.mark.parametrize("turn", range(25))
def test_all_of_every_form_is_stars_however_it_was_cut(turn: int) -> None:
    chance = random.Random(seed_of("masking") + turn)
    secrets = chance.sample([*ADVERSARIES, SECRET, KEY], k=chance.randint(1, 4))
    data = soup(chance, secrets, chance.choice([20, 300, 1500]))
    expected = covered(data, every(secrets))
    masks = Masks(secrets)
    assert masks.mask(data) == expected
    for longest in (1, 7, 100, 4000):
        assert through(Veil(masks), cut(chance, data, longest)) == expected


@pytest.mark.parametrize("turn", range(8))
def test_many_secrets_are_found_by_words_as_surely(turn: int) -> None:
    chance = random.Random(seed_of("masking of many") + turn)
    letters = "abcdefghijklmnop"
    longest = chance.choice([6, 14, 40])
    secrets = ["".join(chance.choices(letters, k=chance.randint(4, longest))) for _ in range(60)]
    secrets += ["ab" * 20, "\n".join(secrets[:9]), "z" * 300]
    data = soup(chance, secrets, 4000)
    expected = covered(data, every(secrets))
    assert Masks(secrets).mask(data) == expected
    assert through(Veil(Masks(secrets)), cut(chance, data, 500)) == expected


@pytest.mark.parametrize("secret", [*ADVERSARIES, "s3cret-w0rd"])
def test_a_border_at_every_place(secret: str) -> None:
    data = f"x{secret}{secret[1:]}y{secret}{secret}{secret[:-1]}".encode()
    masks, expected = Masks([secret]), covered(data, forms(secret))
    for first in range(len(data) + 1):
        for second in range(first, len(data) + 1):
            pieces = (data[:first], data[first:second], data[second:])
            assert through(Veil(masks), pieces) == expected


@pytest.mark.parametrize("turn", range(12))
def test_who_goes_on_where_all_was_handed_out_needs_to_know_nothing_else(turn: int) -> None:
    chance = random.Random(seed_of("masking after a restart") + turn)
    secrets = chance.sample([*ADVERSARIES, SECRET, KEY], k=chance.randint(1, 3))
    data = soup(chance, secrets, 400)
    expected = covered(data, every(secrets))
    masks = Masks(secrets)
    veil, given = Veil(masks), b""
    for piece in cut(chance, data, 60):
        given += veil.feed(piece)
        assert given + through(Veil(masks), cut(chance, data[len(given) :], 60)) == expected
    assert given + veil.flush() == expected


def test_what_is_held_back_is_as_little_as_can_be() -> None:
    veil = Veil(Masks(["abcdefgh"]))
    assert (veil.feed(b"xyz"), veil.held) == (b"xyz", 0)
    assert (veil.feed(b"abcd"), veil.held) == (b"", 4)
    assert (veil.feed(b"abc"), veil.held) == (b"abcd", 3)
    assert (veil.feed(b"defghij"), veil.held) == (b"********ij", 0)
    assert (veil.feed(b"abcdefghabcdefgha"), veil.held) == (b"*" * 16, 1)
    assert (veil.feed(b"b"), veil.flush(), veil.held) == (b"", b"ab", 0)


@pytest.mark.parametrize("piece", [4096, 100_000])
def test_what_overlaps_itself_for_long_is_not_held_back_whole(piece: int) -> None:
    for secret in ("aaaa", "abab", "abcdefabc"):
        period = len(secret) - max(size for size in range(len(secret)) if secret.endswith(secret[:size]))
        whole = (secret[:period].encode() * 60_000)[:200_000] + b"."
        veil, most, given = Veil(Masks([secret])), 0, b""
        for start in range(0, len(whole), piece):
            given += veil.feed(whole[start : start + piece])
            most = max(most, veil.held)
        assert most < 32 << 10
        assert given + veil.flush() == covered(whole, forms(secret))


def test_masks_that_come_later_hold_for_what_is_held_back() -> None:
    veil = Veil(Masks(["password"]))
    assert veil.feed(b"a pass") == b"a "
    veil.wear(Masks(["password"]).add(["passion"]))
    assert veil.feed(b"ion, a passw") == b"*******, a "
    veil.wear(Masks())
    assert veil.feed(b"ord") == b"password"
    assert veil.feed(b"as it is") == b"as it is"


# ---- masks


def test_without_secrets_nothing_is_touched() -> None:
    data = b"as it is"
    assert Masks().mask(data) is data
    assert Veil(Masks()).feed(data) is data
    assert Masks().mask_text("as it is") == "as it is"
    assert not Masks()
    assert (Masks().longest, Masks(["four"]).longest) == (0, 8)


def test_masks_never_change_and_never_tell() -> None:
    one = Masks(["first secret"])
    two = one.add(["second secret"])
    assert one.mask(b"second secret") == b"second secret"
    assert two.mask(b"first secret") == b"************"
    assert one.add(["first secret"]) is one
    assert one.join(Masks(["second secret"])) == two
    two.prepare()
    assert hash(two) == hash(Masks(["second secret", "first secret"]))
    assert one != two
    assert one != "first secret"
    assert "first secret" in one
    assert (repr(one), repr(Masks())) == ("Masks(***)", "Masks()")


def test_text_is_masked_up_to_where_it_was_cut_off() -> None:
    masks = Masks(["sécret-w0rd"])
    assert masks.mask_text("is sécret-w0rd é") == "is ************ é"
    assert masks.mask_text("it is sécret-w0r") == "it is ***********"
    assert masks.mask_text("only sé") == "only sé"
    assert masks.mask_text("nothing é") == "nothing é"


def test_a_line_of_zeros_is_no_slower_than_the_rest() -> None:
    veil = Veil(Masks(["0000", "0" * 40, "0" * 5000]))
    zeros = b"0" * (256 << 10)
    for _ in range(40):  # found one by one they would take minutes
        veil.feed(zeros)
    assert set(veil.flush()) == {ord("*")}


def test_the_beginning_of_a_long_secret_that_goes_on_otherwise_is_not_held_back() -> None:
    secret = b"abcd" + b"x" * 300
    needles = Needles([secret])
    for data, held in ((b"abcdzz", 0), (b"abcdzz" + secret[:200], 200), (b"abcdab", 2), (secret[:299], 299)):
        assert len(data) - needles.unsettled(data) == held, data
